"""Pictures cut once: a folder of JPEG files named by content.

    ROOT/notes/<device-inode-size-times>            the SHA-256 of a file that has not changed since it was hashed
    ROOT/<sha[:2]>/<sha>/index-1.json               its packet table
    ROOT/<sha[:2]>/<sha>/<recipe>/<stamp>.jpg       one picture
    ROOT/<sha[:2]>/<sha>/<recipe>/<stamp>.hurt.json beside it (or alone) where the recording is damaged

The recipe names all else that decides the pixels: longest side, JPEG quality, scaler and colour rule, version of the
decoder's library. Pictures are keyed by their own time, not by the request, so that budgets of 30 and 64 frames and
step clips share them. Everything is written beside its place and moved there, so any number of processes may share
a store; a file that was cut short all the same is noticed and made again.
"""

from __future__ import annotations

import functools
import json
import os
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from siming.errors import VideoError
from siming.video.file import check_file
from siming.video.index import Index
from siming.video.probe import sha256_of

if TYPE_CHECKING:
    from siming.video.harvest import Picture

INDEX_FILE = "index-1.json"
"""The number goes up when the meaning of an index changes."""

SETTLED_S = 2.0
"""A file changed less than this before it was hashed could change again without its times showing it."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One picture asked for, where it lies, and what became of it."""

    time_s: float
    """The instant asked for, in seconds from the first shown picture."""
    shown_s: float | None
    """When the picture given came on show; None where there is no picture."""
    path: Path | None
    key: str | None
    """Its name in every store: `FrameStore.path_of` finds it. None where there is no picture."""
    width: int
    height: int
    damaged: bool
    """The recording is broken here: the picture may be garbled, or is an earlier one (see `shown_s`)."""
    approximate: bool = False
    """The nearest key picture, not the one on show at `time_s`."""


class FrameStore:
    """A folder that keeps the pictures of any number of recordings. Safe between threads and processes."""

    def __init__(self, root: str | Path, *, quality: int = 85, threads: int | None = None) -> None:
        self.root, self.quality, self.threads = Path(root), quality, threads
        self._locks: dict[str, threading.Lock] = {}

    def path_of(self, key: str) -> Path:
        """Where the picture of this key lies, if this store has it."""
        return self.root / key

    def sha256_of(self, path: str | Path) -> str:
        """SHA-256 of a file; read from a note where the file has not changed since it was last hashed."""
        path = Path(path)
        facts = check_file(path)
        times = f"{facts.st_mtime_ns:x}-{facts.st_ctime_ns:x}"
        note = self.root / "notes" / f"{facts.st_dev:x}-{facts.st_ino:x}-{facts.st_size:x}-{times}"
        with suppress(OSError, UnicodeDecodeError):
            known = note.read_text()
            if len(known) == 64:
                return known
        hashed_at = time.time()
        sha = sha256_of(path)
        if hashed_at - max(facts.st_mtime, facts.st_ctime) > SETTLED_S:
            write_bytes_whole(note, sha.encode())
        return sha

    def index_of(self, path: str | Path) -> Index:
        """The packet table of a recording, from the store or made now.

        Raises:
            VideoError: The file cannot be used; `kind` says in what way.
        """
        return self._index(Path(path), self.sha256_of(path))

    def frames(
        self,
        path: str | Path,
        times: Sequence[float],
        *,
        max_side: int | None = 768,
        clamp: bool = False,
        approx_keyframes: bool = False,
    ) -> list[StoredFrame]:
        """The pictures on show at these times, in the order asked for; cut now where the store lacks them.

        Args: As those of `siming.video.frames.cut_frames`.

        Raises:
            VideoError: The recording cannot be used, or a time lies outside it; `kind` says which.
        """
        requests = self.frames_of_all(path, [times], max_side=max_side, clamp=clamp, approx_keyframes=approx_keyframes)
        return requests[0]

    def frames_of_all(
        self,
        path: str | Path,
        requests: Sequence[Sequence[float]],
        *,
        max_side: int | None = 768,
        clamp: bool = False,
        approx_keyframes: bool = False,
    ) -> list[list[StoredFrame]]:
        """Several requests for one recording, planned and decoded as one: a list of pictures for each."""
        path = Path(path)
        sha = self.sha256_of(path)
        index = self._index(path, sha)
        wanted = [index.packets_at(times, clamp=clamp) for times in requests]
        if approx_keyframes:
            wanted = [index.nearest_keys(packets) for packets in wanted]
        drawer = _Drawer(self.root, f"{sha[:2]}/{sha}/{recipe(max_side, self.quality)}", index)
        union = {packet for packets in wanted for packet in packets}
        # One thread at a time per recording: the second finds what the first has cut.
        with self._locks.setdefault(sha, threading.Lock()):
            found, lacking = drawer.look(union)
            if lacking:
                from siming.video.decode import decode_pictures  # a hit needs no decoder

                decode_pictures(
                    path,
                    index,
                    lacking,
                    deliver=drawer.put,
                    max_side=max_side,
                    quality=self.quality,
                    threads=self.threads,
                )
                found, lacking = drawer.look(union)
                if lacking:
                    raise VideoError(
                        f"{path}: pictures could not be kept in {self.root}; is the disk full?", kind="missing"
                    )
        return [
            [
                drawer.frame(time_s, found[packet], approximate=approx_keyframes)
                for time_s, packet in zip(times, packets, strict=True)
            ]
            for times, packets in zip(requests, wanted, strict=True)
        ]

    def _index(self, path: Path, sha: str) -> Index:
        file = self.root / sha[:2] / sha / INDEX_FILE
        with suppress(OSError, ValueError, KeyError, TypeError):
            return Index.from_json(json.loads(file.read_bytes()))
        from siming.video.decode import read_index

        index = read_index(path)
        write_bytes_whole(file, json.dumps(index.to_json()).encode())
        return index


@functools.cache
def recipe(max_side: int | None, quality: int) -> str:
    """Everything besides the recording and the instant that decides the bytes of a picture, as a folder name."""
    import importlib.metadata  # not at the top: frames on their own do without

    from siming.video.picture import RULES

    return f"{max_side or 'full'}-q{quality}-{RULES}-av{importlib.metadata.version('av')}"


@dataclass(frozen=True, slots=True)
class _Found:
    """A picture in the store: its file, size, and the note of damage."""

    name: str | None
    width: int
    height: int
    shown_s: float | None
    damaged: bool


class _Drawer:
    """The pictures of one recording made by one recipe."""

    def __init__(self, root: Path, within: str, index: Index) -> None:
        self.root, self.within, self.index = root, within, index
        self.folder = root / within

    def look(self, packets: set[int]) -> tuple[dict[int, _Found], list[int]]:
        """What is here and whole, and the packets whose pictures must be cut."""
        try:
            names = {file.name for file in self.folder.iterdir()}
        except OSError:
            names = set()
        found, lacking = {}, []
        for packet in packets:
            one = self._look(packet, names)
            if one is None:
                lacking.append(packet)
            else:
                found[packet] = one
        return found, lacking

    def _look(self, packet: int, names: set[str]) -> _Found | None:
        stamp = self.index.pts[packet]
        name, hurt = f"{stamp}.jpg", f"{stamp}.hurt.json"
        shown_s: float | None = self.index.shown_s(packet)
        damaged = hurt in names
        if damaged:
            try:
                shown_s = json.loads((self.folder / hurt).read_bytes())["shown_s"]
            except (OSError, ValueError, KeyError, TypeError):
                return None
            if shown_s is None:
                return _Found(None, 0, 0, None, True)
        size = jpeg_size(self.folder / name) if name in names else None
        return None if size is None else _Found(name, *size, shown_s, damaged)

    def put(self, picture: Picture) -> None:
        """Keep a picture; the note of damage first, so that no reader sees the picture without it."""
        stamp = self.index.pts[picture.packet]
        hurt = self.folder / f"{stamp}.hurt.json"
        if picture.damaged:
            shown_s = None if picture.shown_packet is None else self.index.shown_s(picture.shown_packet)
            write_bytes_whole(hurt, json.dumps({"shown_s": shown_s}).encode())
        else:
            hurt.unlink(missing_ok=True)
        if picture.jpeg is not None:
            write_bytes_whole(self.folder / f"{stamp}.jpg", picture.jpeg)

    def frame(self, time_s: float, found: _Found, *, approximate: bool) -> StoredFrame:
        key = None if found.name is None else f"{self.within}/{found.name}"
        path = None if found.name is None else self.folder / found.name
        return StoredFrame(time_s, found.shown_s, path, key, found.width, found.height, found.damaged, approximate)


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there, whoever else writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def jpeg_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a JPEG file that has its beginning and its end; None for any other file."""
    with suppress(OSError, struct.error), path.open("rb") as file:
        head = file.read(2048)
        file.seek(-2, os.SEEK_END)
        if head[:2] != b"\xff\xd8" or file.read(2) != b"\xff\xd9":
            return None
        at = 2
        while at + 9 <= len(head):
            marker, length = struct.unpack_from(">HH", head, at)
            if marker == 0xFFC0:
                height, width = struct.unpack_from(">HH", head, at + 5)
                return width, height
            at += 2 + length
    return None
