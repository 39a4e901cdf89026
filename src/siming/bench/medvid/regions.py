"""The region that a question points at: on which of its frames, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siming.bench.medvid.data import Question
from siming.bench.medvid.places import plain_parts

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Marked:
    """A box on a frame."""

    frame: int
    """Place among the question's frames, from 0."""
    box: Box
    """x1, y1, x2, y2 in pixels of the frame's file, x1 < x2 and y1 < y2."""


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Why a region cannot be shown."""

    fault: Literal["frame-unknown", "outside"]
    why: str


def marked_region(question: Question) -> Marked | Unmarked | None:
    """The frame and box of a question's region; None where it has none."""
    region = question.region
    if region is None:
        return None
    frame = _frame_named(region.frame, question.frames)
    if frame is None:
        return Unmarked(
            "frame-unknown",
            f"the frame of the region, {region.frame!r}, is none of the question's {len(question.frames)} frames; "
            "take the row from the release again",
        )
    x1, y1, x2, y2 = region.box
    if not (x1 < x2 and y1 < y2):
        return Unmarked("outside", f"the region {list(region.box)} has no area; wanted x1 < x2 and y1 < y2")
    return Marked(frame, (x1, y1, x2, y2))


def _frame_named(path: str, frames: tuple[str, ...]) -> int | None:
    """The one frame of this path; where none has it, the only one that ends alike, for prefixes differ in releases."""
    if path in frames:
        return frames.index(path)
    parts = plain_parts(path)
    if parts is None:
        return None
    alike = [
        number
        for number, frame in enumerate(frames)
        if (own := plain_parts(frame)) and (ends_with(own, parts) or ends_with(parts, own))
    ]
    return alike[0] if len(alike) == 1 else None


def ends_with(parts: tuple[str, ...], end: tuple[str, ...]) -> bool:
    """Whether a path ends with another, which names at least a folder and a file."""
    return len(end) > 1 and parts[-len(end) :] == end
