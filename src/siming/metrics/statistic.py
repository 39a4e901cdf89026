"""What every coefficient is here: a function of how often each video counts.

With all weights 1 it is the plain value; with one weight 0 it is a leave-one-out value; with the counts
of a random draw it is a bootstrap replicate. So one formula, written once over a batch axis, gives value,
jackknife, bootstrap and permutation alike, and no cell is ever visited twice.

Nearly all of them need the weights only to add something up over videos. Those say so with `OfSums`, and then
leaving out each of n videos in turn costs as much as one look at each, not n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from siming.metrics.cells import Floats

BATCH_FLOATS = 2**18
"""Floats one batch of replicates may hold: 2 MiB, which stays in a core's cache."""


@runtime_checkable
class LeavesOut(Protocol):
    """A function of weights that has a short way to its leave-one-out values."""

    def __call__(self, weights: Floats, /) -> Floats: ...

    def without_each(self) -> Floats:
        """What rows of weights with a single 0 would give, for each cluster in turn: (n_clusters,)."""
        ...


@dataclass(frozen=True, slots=True)
class OfSums:
    """A function of sums over clusters, such as counts, squares and products."""

    units: Floats
    """What each cluster adds to the sums, shape (n_clusters, width)."""
    of: Callable[[Floats], Floats]
    """Sums (batch, width) to values (batch,); NaN where the coefficient is undefined."""

    def __call__(self, weights: Floats, /) -> Floats:
        """Weights (batch, n_clusters) to values (batch,)."""
        return self.of(weighted_sums(weights, self.units))

    def without_each(self) -> Floats:
        """The values without each cluster in turn, shape (n_clusters,)."""
        n, width = self.units.shape
        size = max(1, BATCH_FLOATS // max(1, width))
        batches = [self.units[start : start + size] for start in range(0, n, size)]
        elsewhere = sums_without_each(np.array([batch.sum(axis=0) for batch in batches]))
        return np.concatenate(
            [self.of(others + sums_without_each(batch)) for batch, others in zip(batches, elsewhere, strict=True)]
        )


@dataclass(frozen=True, slots=True)
class Statistic:
    """A coefficient with its data filled in."""

    of: Callable[[Floats], Floats]
    """Weights (batch, n_clusters) to values (batch,); NaN where the coefficient is undefined. `OfSums` where it can."""
    n: int
    """Cells (or videos, for totals) it stands on."""
    n_clusters: int
    floats_per_replicate: int
    """Size of one replicate's sums; batches are cut so that memory stays bounded."""
    why_undefined: str
    """The reason to give if the plain value turns out undefined."""
    clustered: bool = True
    """False: the caller named no clusters, so nothing can be resampled."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """The smallest and largest value possible; interval limits are not shown beyond them."""
    scale: Literal["plain", "fisher"] = "plain"
    """Scale on which jackknife limits lie evenly about the value: ``fisher`` (atanh) for coefficients that crowd below 1."""

    def value(self) -> float:
        """The plain value: every cluster counts once. NaN where undefined."""
        return float(self.of(np.ones((1, self.n_clusters)))[0])


def weighted_sums(weights: Floats, units: Floats) -> Floats:
    """Sum the clusters' `units` (n_clusters, width) under each row of weights: (batch, width)."""
    if len(weights) == 1:
        # Not through BLAS: adding row by row treats equal columns equally, to the last bit, so that
        # a rater compared with himself scores exactly 1.
        summed: Floats = np.einsum("i,ij->j", weights[0], units)[None]
        return summed
    return weights @ units


def sums_without_each(units: Floats) -> Floats:
    """The sums over all clusters but one, for each in turn: (n_clusters, width).

    What stands before it and what stands after it, added. Taking it away from the total would be as fast, but
    where one cluster holds nearly everything the difference would be rounding, and an exact 0 would be lost.

    >>> sums_without_each(np.array([[1.0], [2.0], [4.0]])).tolist()
    [[6.0], [5.0], [3.0]]
    """
    sums = np.zeros_like(units)
    np.cumsum(units[:-1], axis=0, out=sums[1:])
    sums[:-1] += np.cumsum(units[:0:-1], axis=0)[::-1]
    return sums


def ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, NaN where below is 0: undefined, and silently so, because callers count it."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out
