"""Still pictures that came from elsewhere: read with distrust, made smaller, a box drawn on them, kept by content.

    ROOT/stills/<sha[:2]>/<sha>/<recipe>.jpg

The recipe names all else that decides the pixels. A picture is shown as its file stores it: it is never turned, and a
box counts in the file's own pixels.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from siming.errors import VideoError
from siming.video.picture import fit, to_jpeg
from siming.video.store import jpeg_size, write_bytes_whole

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, from the upper left corner."""

MOST_BYTES: Final = 50_000_000
"""A larger file is no frame."""

MOST_PIXELS: Final = 40_000_000
"""A frame of 8K has 33 million."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP")
"""What frames come as. Pillow's other readers see no file of ours: one of them starts a program."""

GREEN: Final = (0, 255, 0)

RULES: Final = "box-area"
"""Shrinking by area average; part of the name of every kept picture."""


def still_size(path: Path) -> tuple[int, int]:
    """Width and height by the file's head, without decoding it. Errors as in `read_still`."""
    with _opened(path, path) as image:
        return image.size


def read_still(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        VideoError: No file, none that is a picture, or one that is too large.
    """
    try:
        if not path.is_file():
            raise VideoError(f"{path}: there is no such picture; bring the frames of the release here", kind="missing")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise VideoError(f"{path}: has {size} bytes, and no frame has more than {MOST_BYTES}", kind="too_large")
        return path.read_bytes()
    except OSError as cause:
        raise VideoError(f"{path}: cannot be read ({cause.strerror})", kind="missing") from cause


def check_still(path: Path) -> tuple[int, int]:
    """Decode a picture whole and give its size. Errors as in `read_still`."""
    with _opened(path, io.BytesIO(read_still(path))) as image:
        image.load()
        return image.size


def keep_still(path: Path, root: Path, *, max_side: int, box: Box | None = None, quality: int = 85) -> str:
    """Make a picture small, with its box drawn on it, and keep it as JPEG; one that is kept already is not made again.

    Returns:
        Its key: the place below `root`.

    Raises:
        VideoError: The file is missing, damaged or too large, or the box lies outside the picture.
    """
    data = read_still(path)
    sha = hashlib.sha256(data).hexdigest()
    key = f"stills/{sha[:2]}/{sha}/{_recipe(max_side, quality, box)}.jpg"
    if jpeg_size(root / key) is None:
        with _opened(path, io.BytesIO(data)) as image:
            size = image.size  # before the decoder is told to halve it
            small = _small(image, max_side)
            if box is not None:
                _draw(small, scaled(box, size, small.size, where=str(path)))
            jpeg = to_jpeg(small, quality)
        write_bytes_whole(root / key, jpeg)
    return key


def scaled(box: Box, size: tuple[int, int], shown: tuple[int, int], *, where: str) -> Box:
    """A box of a picture on the same picture at another size, cut off at its edges.

    Raises:
        VideoError: Nothing of the box lies inside the picture.

    >>> scaled((640, 360, 1290, 720), (1280, 720), (320, 180), where="a.jpg")
    (160.0, 90.0, 320.0, 180.0)
    """
    inside = inside_of(box, size)
    if inside is None:
        raise VideoError(
            f"{where}: the box {list(box)} lies outside the picture of {size[0]} x {size[1]}", kind="damaged"
        )
    x, y = shown[0] / size[0], shown[1] / size[1]
    return inside[0] * x, inside[1] * y, inside[2] * x, inside[3] * y


def inside_of(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box inside a picture; None where there is none.

    >>> inside_of((-5, 10, 50, 60), (40, 40)), inside_of((50, 0, 60, 9), (40, 40))
    ((0, 10, 40, 40), None)
    """
    x1, y1, x2, y2 = max(0, box[0]), max(0, box[1]), min(size[0], box[2]), min(size[1], box[3])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


@contextmanager
def _opened(path: Path, file: Path | io.BytesIO) -> Iterator[Image.Image]:
    """A picture, its size known and its pixels not yet decoded."""
    from PIL import Image  # not at the top: whoever only scores answers does without

    try:
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise VideoError(f"{path}: is {width} x {height}, and no frame is as large as that", kind="too_large")
            yield image
    except VideoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise VideoError(f"{path}: unpacks to a picture larger than any frame", kind="too_large") from cause
    except FileNotFoundError:
        raise VideoError(
            f"{path}: there is no such picture; bring the frames of the release here", kind="missing"
        ) from None
    except Exception as cause:
        # Decoders of damaged files raise whatever they stumble over.
        said = " ".join(str(cause).split())[:200]
        raise VideoError(
            f"{path}: is damaged or no picture ({said}); copy it from the release again", kind="damaged"
        ) from cause


def _small(image: Image.Image, max_side: int) -> Image.Image:
    from PIL import Image

    size = fit(*image.size, max_side)
    if image.format == "JPEG":
        image.draft("RGB", size)  # decodes at a half, a quarter or an eighth, as long as that is large enough
    colour = image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    return colour if colour.size == size else colour.resize(size, Image.Resampling.BOX)


def _draw(image: Image.Image, box: Box) -> None:
    """A green frame whose lines are as thick on every size of picture, about one part in 150 of its longer side."""
    from PIL import ImageDraw

    thick = max(2, round(max(image.size) / 150))
    x1, y1, x2, y2 = (round(side) for side in box)
    right, lower = max(x1, min(x2, image.width) - 1), max(y1, min(y2, image.height) - 1)
    ImageDraw.Draw(image).rectangle((x1, y1, right, lower), outline=GREEN, width=thick)


def _recipe(max_side: int, quality: int, box: Box | None) -> str:
    drawn = "" if box is None else "-" + "-".join(f"{side:g}" for side in box)
    return f"{max_side}-q{quality}-{RULES}-pil{_version()}{drawn}"


@functools.cache
def _version() -> str:
    import PIL

    return PIL.__version__
