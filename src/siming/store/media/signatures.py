"""By its first bytes: whether a file may be a video. Everything else is refused before it takes up the disk.

That a file begins like a video proves nothing; the decoder, in its own process, has the last word.
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 1024

_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""First box of an MP4 or MOV file."""

_STARTS: Final = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"FLV\x01",
    b"OggS",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
)


def looks_like_video(head: bytes) -> bool:
    """Whether a file that begins with these bytes is of a kind that cameras write.

    >>> looks_like_video(b"PK" + bytes(62)), looks_like_video(bytes(4) + b"ftypisom")
    (False, True)
    """
    if head[4:8] in _BOXES or head.startswith(_STARTS):
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    # Transport streams carry 0x47 every 188 bytes; cameras put four bytes of time before each packet.
    return any(
        len(head) > first + 2 * step and all(head[first + k * step] == 0x47 for k in range(3))
        for first, step in ((0, 188), (4, 192), (0, 204))
    )
