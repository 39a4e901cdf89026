"""From a decoded frame to a small upright JPEG.

Colour: a picture's own tag is followed; an untagged one is BT.709 from 720 lines up and BT.601 below.
`RULES` names this and the scaler; it is part of the key of every stored picture.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

RULES = "area-tag709"
"""Shrinking by area average in the scaler; colours by tag, else BT.709 from 720 lines up."""

_BY_TAG = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Colour matrix of the scaler for each tag of a stream (ITU-T H.273, table 4); PyAV 15 does not look at the tag."""
_BT709, _BT601 = 1, 5


def fit(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """The size of a picture whose longer side may be `max_side`: even sides, and never larger than it was.

    >>> fit(1280, 720, 768), fit(720, 1280, 768), fit(320, 240, 768)
    ((768, 432), (432, 768), (320, 240))
    """
    longest = max(width, height)
    if max_side is None or longest <= max_side:
        return width, height
    scale = Fraction(max_side // 2 * 2, longest)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def upright(frame: Any, max_side: int | None) -> Image.Image:
    """A decoder's frame as RGB, shrunk and then turned, which is cheaper than the other way round."""
    from PIL import Image  # not at the top: a stored picture is found by `RULES` without the library

    width, height = fit(frame.width, frame.height, max_side)
    wanted: dict[str, Any] = {"width": width, "height": height, "format": "rgb24", "interpolation": "AREA"}
    wanted["src_colorspace"] = _BY_TAG.get(int(frame.colorspace), _BT709 if frame.height >= 720 else _BT601)
    # RGB has no matrix, but PyAV 15 sets the source's only where the two differ.
    wanted["dst_colorspace"] = _BT601
    try:
        plane = frame.reformat(threads=1, **wanted).planes[0]
    except TypeError:  # PyAV 15 has no 'threads' here
        plane = frame.reformat(**wanted).planes[0]
    image = Image.frombuffer("RGB", (width, height), memoryview(plane), "raw", "RGB", plane.line_size, 1)  # type: ignore[arg-type]
    turns = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
    turn = turns.get(frame.rotation % 360)
    return image.transpose(turn) if turn is not None else image


def to_jpeg(image: Image.Image, quality: int) -> bytes:
    """The picture as JPEG with halved colour planes, as cameras write them."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()
