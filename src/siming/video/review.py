"""For the person who looks before raters do: where masks will lie, and whether a face is left in a derivative.

No detector finds every face. These pictures show the original, so they are for those only who may see it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from siming.errors import TaskError
from siming.video.frames import cut_frames
from siming.video.mask import Box, MaskTrack, guarded
from siming.video.picture import to_jpeg
from siming.video.plan import FramePlan
from siming.video.recipe import Recipe, Region

if TYPE_CHECKING:
    from PIL import Image

    from siming.video.faces import Picture
    from siming.video.index import Index

MASK_COLOUR: Final = (255, 60, 60)
REGION_COLOUR: Final = (255, 200, 0)
SPARED_COLOUR: Final = (60, 200, 255)

COVERED: Final = 0.5
"""A face found again is behind a mask when at least this share of it is."""


@dataclass(frozen=True, slots=True)
class Preview:
    """One picture of the original with outlines: masks red, fixed regions yellow, spared ones blue."""

    time_s: float
    """When the picture is shown, in seconds from the first shown one."""
    masked: tuple[Box, ...]
    """Boxes of faces that will be masked in it, as shares of its sides."""
    width: int
    height: int
    jpeg: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back, the picture in base 64."""
        boxes = [list(box) for box in self.masked]
        jpeg = base64.b64encode(self.jpeg).decode()
        return {"time_s": self.time_s, "masked": boxes, "width": self.width, "height": self.height, "jpeg": jpeg}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preview:
        """The preview written by `to_json`."""
        boxes = tuple((float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in data["masked"])
        return cls(data["time_s"], boxes, data["width"], data["height"], base64.b64decode(data["jpeg"]))


@dataclass(frozen=True, slots=True)
class FaceLeft:
    """A face that the detector still finds in a derivative, and that no mask covers."""

    time_s: float
    box: Box


def preview_masks(
    source: Path,
    recipe: Recipe,
    n: int = 8,
    *,
    times: Sequence[float] | None = None,
    masks: MaskTrack | None = None,
) -> list[Preview]:
    """Pictures of an original with the masks drawn on them, for a person to judge before anything is made.

    Args:
        n: So many pictures, each the middle of an equal stretch of the recording.
        times: These instants instead, such as one of each step whose hands must stay visible.
        masks: What ingest found (`Derivative.masks`), if it has run; the outlines are then exactly what it masked.
            Without it faces are looked for around each instant only.

    Raises:
        VideoError: The recording cannot be used, or a time lies outside it.
        TaskError: No picture is asked for, or more than 200.
        MissingExtraError: Faces are to be masked and the detector is not installed.
    """
    from siming.video.decode import read_index  # the decoder's library is loaded only to decode

    wanted = n if times is None else len(times)
    if not 1 <= wanted <= MOST_PREVIEWS:
        raise TaskError(f"{wanted} previews were asked for; ask for 1 to {MOST_PREVIEWS}")
    index = read_index(source)
    plan = FramePlan.parse(f"middle:{n}") if times is None else tuple(times)
    frames = cut_frames(source, plan, max_side=recipe.max_side, quality=85, known_index=index)
    shown = [frame.time_s if frame.shown_s is None else frame.shown_s for frame in frames]
    if masks is None:
        masks = _masks_around(source, index, recipe, shown)
    previews = []
    for frame, time_s in zip(frames, shown, strict=True):
        if frame.jpeg is None:
            continue
        boxes = masks.boxes_at(time_s) if recipe.faces != "none" else []
        image = _image(frame.jpeg)
        for colour, drawn in (
            (SPARED_COLOUR, [_sides(region) for region in recipe.spared]),
            (REGION_COLOUR, [_sides(region) for region in recipe.regions]),
            (MASK_COLOUR, boxes),
        ):
            _outline(image, drawn, colour)
        previews.append(Preview(time_s, tuple(boxes), *image.size, to_jpeg(image, 85)))
    return previews


MOST_PREVIEWS: Final = 200


def faces_left(
    derivative: Path,
    recipe: Recipe,
    masks: MaskTrack | None,
    *,
    every_s: float = 1.0,
    threshold: float = 0.5,
) -> list[FaceLeft]:
    """Look at a finished derivative once more, and name the faces that no mask covers and no region spares.

    A blurred face may still be taken for one; behind its mask it is not named. An empty list says that this detector
    sees no face at these instants, no more.

    Args:
        masks: What ingest found; None where it looked for no faces.
        every_s: How often to look; times between those at which ingest looked are the better test.
        threshold: Least certainty; higher than the recipe's, which is low on purpose.

    Raises:
        VideoError: The derivative cannot be read.
        MissingExtraError: The detector is not installed.
    """
    from siming.video.faces import installed_finder

    finder = installed_finder()
    left = []
    for frame in cut_frames(derivative, FramePlan.parse(f"fps:{1 / every_s:g}"), max_side=recipe.detect_side):
        if frame.jpeg is None:
            continue
        time_s = frame.time_s if frame.shown_s is None else frame.shown_s
        covers = [] if masks is None else masks.boxes_at(time_s)
        covers += [_sides(region) for region in recipe.regions]
        for box in finder.find(_pixels(frame.jpeg), threshold=threshold):
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            spared = any(region.holds(x, y) for region in recipe.spared)
            if not spared and not any(_share(box, cover) >= COVERED for cover in covers):
                left.append(FaceLeft(time_s, box))
    return left


def _masks_around(source: Path, index: Index, recipe: Recipe, instants: Sequence[float]) -> MaskTrack:
    """Faces looked for as often as ingest would, but around some instants only."""
    if recipe.faces == "none":
        return MaskTrack((), (), recipe.hold_s)
    from siming.video.faces import installed_finder

    finder = installed_finder()
    shown = [index.shown_s(packet) for packet in index.shown]
    near = sorted({time for time in shown for instant in instants if abs(time - instant) <= recipe.hold_s})
    times: list[float] = []
    for time in near:
        if not times or time in instants or time - times[-1] >= recipe.detect_every_s - 1e-6:
            times.append(time)
    frames = cut_frames(source, times, max_side=recipe.detect_side, quality=95, known_index=index)
    found = []
    for frame in frames:
        faces = [] if frame.jpeg is None else finder.find(_pixels(frame.jpeg), threshold=recipe.threshold)
        found.append(guarded(faces, recipe))
    return MaskTrack(tuple(times), tuple(found), recipe.hold_s)


def _sides(region: Region) -> Box:
    return region.x1, region.y1, region.x2, region.y2


def _share(box: Box, cover: Box) -> float:
    """The share of a box that another covers."""
    wide = min(box[2], cover[2]) - max(box[0], cover[0])
    high = min(box[3], cover[3]) - max(box[1], cover[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0.0, wide) * max(0.0, high) / area if area > 0 else 1.0


def _image(jpeg: bytes) -> Image.Image:
    from PIL import Image  # not at the top: whoever only scores answers does without

    return Image.open(io.BytesIO(jpeg)).convert("RGB")


def _pixels(jpeg: bytes) -> Picture:
    return np.asarray(_image(jpeg))


def _outline(image: Image.Image, boxes: Sequence[Box], colour: tuple[int, int, int]) -> None:
    """Draw the edge of all boxes together: a dozen of them may follow one face."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    area = Image.new("L", image.size)
    draw = ImageDraw.Draw(area)
    for x1, y1, x2, y2 in boxes:
        right, lower = max(1, round(x2 * image.width)) - 1, max(1, round(y2 * image.height)) - 1
        left, upper = min(round(x1 * image.width), right), min(round(y1 * image.height), lower)
        draw.rectangle((left, upper, right, lower), fill=255)
    thick = max(2, round(max(image.size) / 300))
    edge = ImageChops.subtract(area, area.filter(ImageFilter.MinFilter(2 * thick + 1)))
    image.paste(colour, mask=edge)
