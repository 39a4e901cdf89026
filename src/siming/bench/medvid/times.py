"""When the frames of a clip were taken, in seconds from its start.

The release gives frame numbers, but no field holds the rate they count at. Four ways lead to the times; the first
that the record allows is taken, and its name kept, so that a reader knows how far to trust them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Literal

Way = Literal["duration", "folder rate", "median stride", "index"]

_FOLDER_RATE = re.compile(r"_(\d{1,3}(?:\.\d{1,3})?)fps(?=/)", re.IGNORECASE)

_EXTENTS = (
    ("input_video_start_time", "input_video_end_time", "seconds"),
    ("input_video_start_frame", "input_video_end_frame", "frames"),
    ("start_frame", "end_frame", "frames"),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a clip lies in its recording, in one of the release's three conventions."""

    start: float
    end: float
    unit: Literal["seconds", "frames"]

    @property
    def duration_s(self) -> float | None:
        """Known only where the extent is in seconds."""
        return self.end - self.start if self.unit == "seconds" and self.end > self.start else None


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """One time per frame."""

    times_s: tuple[float, ...]
    way: Way


def extent_of(metadata: Mapping[str, Any]) -> Extent | None:
    """The clip's extent; None where no convention is whole."""
    for first, last, unit in _EXTENTS:
        if first not in metadata:
            continue
        start, end = number_in(metadata[first]), number_in(metadata.get(last))
        if start is not None and end is not None:
            return Extent(start, end, "seconds" if unit == "seconds" else "frames")
    return None


def frame_times(
    numbers: Sequence[int], *, fps: float, extent: Extent | None = None, paths: Sequence[str] = ()
) -> FrameTimes:
    """Seconds from the start of the clip of each sampled frame.

    Args:
        numbers: Frame numbers in the recording's own count. Where they do not rise they tell no time, and the place
            in the list does.
        fps: Frames per second of the sampled list.
        extent: The clip's place in the recording.
        paths: The frames' files; a folder may carry the rate, as in ``video7_15fps/``.
    """
    if len(numbers) > 1 and all(earlier < later for earlier, later in pairwise(numbers)):
        rate, way = _native_rate(numbers, fps=fps, extent=extent, paths=paths)
        if rate is not None:
            return FrameTimes(tuple((number - numbers[0]) / rate for number in numbers), way)
    return FrameTimes(tuple(place / fps for place in range(len(numbers))), "index")


def _native_rate(
    numbers: Sequence[int], *, fps: float, extent: Extent | None, paths: Sequence[str]
) -> tuple[float | None, Way]:
    """Frames per second that the frame numbers count at."""
    duration_s = extent.duration_s if extent else None
    if duration_s is not None:
        # A clip sampled at `fps` holds a last frame at its very end or one stride before: the nearer count decides.
        strides = len(numbers) - 1
        at_end = abs(duration_s - strides / fps) < abs(duration_s - (strides + 1) / fps)
        span_s = duration_s if at_end else duration_s - 1 / fps
        if span_s > 0:
            return (numbers[-1] - numbers[0]) / span_s, "duration"
    if paths and (found := _FOLDER_RATE.search(paths[0])) and float(found[1]) > 0:
        return float(found[1]), "folder rate"
    stride = median(later - earlier for earlier, later in pairwise(numbers))
    return (stride * fps, "median stride") if stride > 0 else (None, "index")


def number_in(value: Any) -> float | None:
    """A finite number given as a number or as text; None for anything else.

    >>> number_in("1.0"), number_in("n/a"), number_in("nan")
    (1.0, None, None)
    """
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None
