"""In which order each rater saw the videos, and whether two orders are different enough to tell drift from the videos."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints, read_totals
from siming.metrics.rasch.table import Ids

MOST_ALIKE = 0.5
"""Rank correlation of two raters' orders, either sign, beyond which neither can serve as the other's yardstick."""

FEWEST_SHARED = 5


@dataclass(frozen=True, slots=True)
class Orders:
    """When each rater judged each video."""

    time: Floats
    """(n_raters, n_videos), NaN where that rater did not judge that video."""
    raters: Ids

    def position(self) -> Floats:
        """The rater's own sequence, from 1; NaN likewise. Equal times share a position."""
        out = np.full_like(self.time, np.nan)
        for row, times in zip(out, self.time, strict=True):
            row[:] = _mid_ranks(times)
        return out

    def likeness(self, first: int, second: int) -> tuple[float, int]:
        """Rank correlation of two raters' times over the videos they share, and how many those are."""
        both = ~np.isnan(self.time[first]) & ~np.isnan(self.time[second])
        n = int(both.sum())
        if n < FEWEST_SHARED:
            return float("nan"), n
        a, b = _mid_ranks(self.time[first][both]), _mid_ranks(self.time[second][both])
        a, b = a - a.mean(), b - b.mean()
        scale = np.sqrt((a @ a) * (b @ b))
        # One of them saw everything at one time: nothing can drift along a time that stands still.
        return (float(a @ b / scale), n) if scale > 0 else (1.0, n)

    def refusal(self, rater: int) -> str | None:
        """Why drift of this rater cannot be told from the videos, or None where some colleague's order lets it."""
        name = self.raters[rater]
        found: list[tuple[float, Hashable]] = []
        for other in range(len(self.raters)):
            if other != rater:
                likeness, _ = self.likeness(rater, other)
                if not np.isnan(likeness):
                    found.append((abs(likeness), self.raters[other]))
        if not found:
            return f"no yardstick: rater {name!r} shares fewer than {FEWEST_SHARED} videos with every other rater"
        least, colleague = min(found, key=lambda pair: pair[0])
        if least > MOST_ALIKE:
            return (
                f"the orders are not independent: rater {name!r} and the rater whose order differs most, {colleague!r}, "
                f"saw the shared videos in orders correlated {least:.2f} (at most {MOST_ALIKE:g}), so drift and a change "
                "in the videos look the same. Give each rater an own random order"
            )
        return None


def read_orders(time: ArrayLike, rater: Ints, video: Ints, raters: Ids, videos: Ids) -> Orders:
    """One time per rater and video, from one per rating.

    Raises:
        LabelError: A time that is not finite, or two times for one rater and video.
    """
    times = read_totals(time, "the clock (order or time of each rating)")
    if len(times) != len(rater):
        raise LabelError(f"found {len(times)} times beside {len(rater)} ratings; give one for each, in the same order")
    if np.isnan(times).any():
        at = int(np.flatnonzero(np.isnan(times))[0])
        raise LabelError(f"rating {at} has no time; leave such ratings out, or give the time")
    out = np.full((len(raters), len(videos)), np.nan)
    out[rater, video] = times
    split = np.flatnonzero(out[rater, video] != times)
    if len(split):
        at = split[0]
        raise LabelError(
            f"rater {raters[rater[at]]!r} has two times for video {videos[video[at]]!r}: {times[at]:g} and "
            f"{out[rater[at], video[at]]:g}; give the time at which the rater began that video to each of its ratings"
        )
    return Orders(out, raters)


def _mid_ranks(values: Floats) -> Floats:
    there = ~np.isnan(values)
    known, group, count = np.unique(values[there], return_inverse=True, return_counts=True)
    upto = np.cumsum(count)
    out = np.full(len(values), np.nan)
    if len(known):
        out[there] = (upto - (count - 1) / 2)[group]
    return out
