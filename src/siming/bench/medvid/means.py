"""Means over rows with an interval that leaves out one video at a time: rows of one recording are not independent."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, measure
from siming.metrics.statistic import OfSums, Statistic, ratio


def mean_by_video(values: Sequence[float], videos: Sequence[Hashable], *, bounds: tuple[float, float]) -> Measured:
    """The mean of at least one value, to the last bit, and its jackknife interval.

    >>> mean_by_video([0.0, 1.0], ["a", "b"], bounds=(0, 1)).value
    0.5
    """
    marks = np.array(values, dtype=float)
    numbers: dict[Hashable, int] = {}
    place = np.array([numbers.setdefault(video, len(numbers)) for video in videos])
    units = np.stack([np.bincount(place, marks), np.bincount(place).astype(float)], axis=1)
    statistic = Statistic(
        of=OfSums(units, lambda sums: ratio(sums[:, 0], sums[:, 1])),
        n=len(marks),
        n_clusters=len(numbers),
        floats_per_replicate=2,
        why_undefined="no rows",
        bounds=bounds,
    )
    return replace(measure(statistic, JACKKNIFE), value=math.fsum(values) / len(marks))
