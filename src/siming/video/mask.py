"""Where a film is masked, picture by picture, and the masking of one picture. No detector and no decoder here.

Faces are looked for at some instants only, and even there one may be missed. So every face found is masked for a while
before and after, the whole way between two places where the same face was found is masked too, and at the ends of its
way it is taken to go on as it went.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from siming.errors import VideoError
from siming.video.recipe import Recipe

Plane = NDArray[np.uint8]
Floats = NDArray[np.float64]

Box = tuple[float, float, float, float]
"""Left, upper, right, lower edge as shares of the upright picture, 0 to 1."""

SCHEMA: Final = "siming.mask-track/1"

REACH: Final = 1.5
"""Two boxes are taken for one face on its way when their middles lie no more than so many of its sizes apart."""

ALIKE: Final = 2.0
"""... and one is at most so many times as large as the other."""

BLACK: Final = (16, 128, 128)
"""Luma and the two chroma values of black in video range."""


@dataclass(frozen=True, slots=True)
class MaskTrack:
    """The faces found at some instants of a recording, and what is masked because of them."""

    times: tuple[float, ...]
    """Instants at which faces were looked for, rising, in seconds from the first shown picture."""
    found: tuple[tuple[Box, ...], ...]
    """The faces found at each, as masked: dilated, without spared ones."""
    hold_s: float
    """How long a face is masked before and after."""
    _ways: tuple[tuple[float, float, Box], ...] = field(init=False, repr=False, compare=False)
    """From when to when a box is masked, by beginning."""
    _longest: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ways = sorted(self._all_ways())
        object.__setattr__(self, "_ways", tuple(ways))
        object.__setattr__(self, "_longest", max((end - begin for begin, end, _ in ways), default=0.0))

    def _all_ways(self) -> Iterable[tuple[float, float, Box]]:
        hold_s = self.hold_s
        for number, (time, boxes) in enumerate(zip(self.times, self.found, strict=True)):
            for box in boxes:
                yield time - hold_s, time + hold_s, box
                before, after = self._same(number, box, -1), self._same(number, box, 1)
                if after is not None:
                    # Both ends are masked anyway; the hull covers what lies between them.
                    yield time, after[0], _hull(box, after[1])
                # Nobody saw where a face came from or went to: it is taken to have moved as it did when it was seen.
                if after is not None and before is None:
                    yield time - hold_s, time, _hull(box, _gone_on(*after, time, box, hold_s))
                if before is not None and after is None:
                    yield time, time + hold_s, _hull(box, _gone_on(*before, time, box, hold_s))

    def _same(self, number: int, box: Box, step: int) -> tuple[float, Box] | None:
        """When and where this face was found next (`step` 1) or last (-1), if that is near in time."""
        other = number + step
        while 0 <= other < len(self.times) and abs(self.times[other] - self.times[number]) <= 2 * self.hold_s:
            near = [place for place in self.found[other] if _same_face(box, place)]
            if near:
                return self.times[other], min(near, key=lambda place: _distance(box, place))
            other += step
        return None

    def boxes_at(self, time_s: float) -> list[Box]:
        """What is masked in the picture shown at a time; boxes that lie inside others are left out."""
        last = bisect_right(self._ways, time_s, key=lambda way: way[0])
        first = bisect_left(self._ways, time_s - self._longest, key=lambda way: way[0])
        boxes = {box for begin, end, box in self._ways[first:last] if begin <= time_s <= end}
        return sorted(box for box in boxes if not any(_inside(box, other) for other in boxes if other != box))

    @property
    def with_faces(self) -> int:
        """Instants at which at least one face was found."""
        return sum(1 for boxes in self.found if boxes)

    @property
    def most_at_once(self) -> int:
        """Most faces found at one instant."""
        return max((len(boxes) for boxes in self.found), default=0)

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back."""
        return {
            "schema": SCHEMA,
            "hold_s": self.hold_s,
            "times": [round(time, 6) for time in self.times],
            "found": [[list(box) for box in boxes] for boxes in self.found],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MaskTrack:
        """The track written by `to_json`.

        Raises:
            VideoError: Another schema, or numbers that cannot be.
        """
        if data.get("schema") != SCHEMA:
            raise VideoError(f"mask track: schema {data.get('schema')!r}, this version reads {SCHEMA}", kind="damaged")
        try:
            found = tuple(tuple(_box(box) for box in boxes) for boxes in data["found"])
            times = tuple(float(time) for time in data["times"])
            if len(times) != len(found) or list(times) != sorted(times):
                raise ValueError(f"{len(times)} instants and {len(found)} lists of faces")
            return cls(times, found, float(data["hold_s"]))
        except (KeyError, TypeError, ValueError) as error:
            raise VideoError(f"mask track: cannot be read ({error!r}); ingest again", kind="damaged") from error


def _box(values: Sequence[float]) -> Box:
    x1, y1, x2, y2 = map(float, values)
    return x1, y1, x2, y2


def guarded(faces: Iterable[Box], recipe: Recipe) -> tuple[Box, ...]:
    """The boxes to mask for the faces found in one picture: without spared ones, dilated, cut at the edges, rounded.

    >>> guarded([(0.4, 0.4, 0.6, 0.6)], Recipe(dilate=1.5))
    ((0.35, 0.35, 0.65, 0.65),)
    """
    boxes = []
    for x1, y1, x2, y2 in faces:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        if any(region.holds(x, y) for region in recipe.spared):
            continue
        wide, high = (x2 - x1) * recipe.dilate / 2, (y2 - y1) * recipe.dilate / 2
        # Four decimals are a tenth of a pixel; what the last bits of a float are differs between processors.
        box = (max(0.0, x - wide), max(0.0, y - high), min(1.0, x + wide), min(1.0, y + high))
        boxes.append(_box([round(side, 4) for side in box]))
    return tuple(sorted(boxes))


def _hull(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _gone_on(then_s: float, then: Box, now_s: float, now: Box, hold_s: float) -> Box:
    """Where a face is after `hold_s` more of the same movement, as far as that lies in the picture."""
    far = hold_s / abs(now_s - then_s)
    wide, high = REACH * (now[2] - now[0]), REACH * (now[3] - now[1])
    x = min(max(-wide, (now[0] + now[2] - then[0] - then[2]) / 2 * far), wide)
    y = min(max(-high, (now[1] + now[3] - then[1] - then[3]) / 2 * far), high)
    moved = (now[0] + x, now[1] + y, now[2] + x, now[3] + y)
    return _box([min(max(0.0, side), 1.0) for side in moved])


def _inside(a: Box, b: Box) -> bool:
    return b[0] <= a[0] and b[1] <= a[1] and a[2] <= b[2] and a[3] <= b[3]


def _distance(a: Box, b: Box) -> float:
    """Between the middles, in widths and heights of the larger box."""
    wide, high = max(a[2] - a[0], b[2] - b[0], 1e-6), max(a[3] - a[1], b[3] - b[1], 1e-6)
    return math.hypot((a[0] + a[2] - b[0] - b[2]) / 2 / wide, (a[1] + a[3] - b[1] - b[3]) / 2 / high)


def _same_face(a: Box, b: Box) -> bool:
    high_a, high_b = max(a[3] - a[1], 1e-6), max(b[3] - b[1], 1e-6)
    return _distance(a, b) <= REACH and max(high_a, high_b) <= ALIKE * min(high_a, high_b)


def paint(planes: Sequence[Plane], recipe: Recipe, faces: Sequence[Box]) -> None:
    """Mask one picture in place.

    Args:
        planes: Luma (height, width) and the two chroma planes (half of each), upright, in video range.
        faces: What `MaskTrack.boxes_at` gives.
    """
    if recipe.faces == "blur" and faces:
        before = [plane.copy() for plane in planes]  # a box is averaged from the picture, not from a box beside it
        for box in faces:
            _blur(planes, before, box, recipe.mask_cells)
    black = [(region.x1, region.y1, region.x2, region.y2) for region in recipe.regions]
    for box in [*black, *(faces if recipe.faces == "box" else ())]:
        for plane, value, (rows, columns) in zip(planes, BLACK, _places(planes, box), strict=True):
            plane[rows, columns] = value


def _places(planes: Sequence[Plane], box: Box) -> list[tuple[slice, slice]]:
    """Rows and columns of a box in each plane, rounded outwards to whole pixels of the coarser ones."""
    height, width = planes[1].shape
    left, right = math.floor(box[0] * width), math.ceil(box[2] * width)
    upper, lower = math.floor(box[1] * height), math.ceil(box[3] * height)
    coarse = (slice(upper, lower), slice(left, right))
    return [(slice(2 * upper, 2 * lower), slice(2 * left, 2 * right)), coarse, coarse]


def _blur(planes: Sequence[Plane], before: Sequence[Plane], box: Box, cells: int) -> None:
    """Replace a box by the averages of a few cells, run smoothly into each other."""
    luma = _places(planes, box)[0]
    high, wide = (max(1, side.stop - side.start) for side in luma)
    down = max(1, round(cells * min(1.0, high / wide)))
    across = max(1, round(cells * min(1.0, wide / high)))
    for plane, source, place in zip(planes, before, _places(planes, box), strict=True):
        patch = source[place].astype(np.float64)
        if patch.size == 0:
            continue
        rows, columns = _spread(patch.shape[0], down), _spread(patch.shape[1], across)
        means = _means_of(rows) @ patch @ _means_of(columns).T
        plane[place] = np.clip(np.rint(rows @ means @ columns.T), 0, 255).astype(np.uint8)


def _spread(n: int, cells: int) -> Floats:
    """Weights (n, cells) that run from the middle of one cell to the middle of the next."""
    cells = min(cells, n)
    middles = (np.arange(cells) + 0.5) * n / cells
    places = np.arange(n) + 0.5
    return np.stack([np.interp(places, middles, row) for row in np.eye(cells)], axis=1)


def _means_of(weights: Floats) -> Floats:
    """Weights (cells, n) that average the pixels around each middle."""
    return np.ascontiguousarray((weights / weights.sum(axis=0)).T)
