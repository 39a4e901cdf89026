"""What a file is before, and in place of, decoding it: usable at all, and if not, why."""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from siming.errors import VideoError


def check_file(path: Path) -> os.stat_result:
    """The file's facts, once it is known to be a regular file with something in it.

    Raises:
        VideoError: ``missing``, ``empty`` or ``not_a_video`` (a folder, a pipe, a device).
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = "there is no such file" if isinstance(error, FileNotFoundError) else f"it cannot be read ({error})"
        raise VideoError(f"{path}: {why}; check the path", kind="missing") from error
    if not stat.S_ISREG(facts.st_mode):
        what = "a folder" if stat.S_ISDIR(facts.st_mode) else "not a regular file"
        raise VideoError(f"{path} is {what}; name one recording", kind="not_a_video")
    if facts.st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes); copy it again from the camera", kind="empty")
    return facts


def why_unreadable(path: Path) -> VideoError:
    """Why the decoder's library could not open a file, in words that help. For files that passed `check_file`."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            boxes = _outer_boxes(file) if head[4:8] in (b"ftyp", b"mdat", b"wide", b"free") else []
    except OSError as error:
        return VideoError(f"{path} cannot be read ({error}); check its permissions", kind="missing")
    if boxes and b"moov" not in boxes:
        return VideoError(
            f"{path} is incomplete: its index is missing, as happens when a camera is switched off while "
            "recording; copy it again from the camera, or repair it with the camera maker's tool",
            kind="index_missing",
        )
    if boxes:
        return VideoError(f"{path} has an index that cannot be read; copy it again from the camera", kind="damaged")
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"<MPD", b"<?xml")):
        what = "a list of other files, which siming does not follow"
    elif _is_text(head):
        what = "text"
    else:
        what = "no kind of recording that siming reads"
    return VideoError(
        f"{path} is not a video: it holds {what}; give an MP4, MOV, MKV, WebM, AVI or TS file",
        kind="not_a_video",
    )


def _outer_boxes(file: BufferedReader) -> list[bytes]:
    """Names of the outermost boxes of an MP4 file."""
    names: list[bytes] = []
    at = 0
    while len(names) < 1000:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        length, name = struct.unpack(">I4s", head[:8])
        names.append(name)
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8:
            break
        at += length
    return names


def _is_text(head: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        # A letter may be cut in two at the end of what was read.
        return "\0" not in head[: max(1, len(head) - 3)].decode()
    return False
