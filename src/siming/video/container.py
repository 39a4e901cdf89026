"""Opening a recording, the one way: a regular file on this machine that carries its own content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from siming.video.file import check_file, why_unreadable

MAX_PIXELS = 64_000_000
"""Larger pictures are refused: no exam camera makes them, and a few bytes of header can claim them."""

CONTAINERS = (
    "mov,mp4,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,h264,hevc,"
    "mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,au"
)  # fmt: skip
"""Containers that hold their own data. Playlists, manifests and picture sequences, which make the library open
other files or the network, are not among them: a recording must not be able to open what it was not given."""

# Names in a camera's metadata may be in any encoding; before version 19 the library raised on them unless told not to.
_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}


def open_container(path: Path) -> Any:
    """The opened file; the caller closes it.

    Raises:
        VideoError: ``missing``, ``empty``, ``not_a_video``, ``index_missing`` or ``damaged``.
    """
    check_file(path)
    try:
        return av.open(
            # The prefix keeps a file named 'concat:a.mp4' from being taken for a protocol.
            f"file:{path.resolve()}",
            container_options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            options={"max_pixels": str(MAX_PIXELS)},
            **_LENIENT,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise why_unreadable(path) from error
