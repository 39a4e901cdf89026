"""What every coefficient is here: a function of how often each video counts.

With all weights 1 it is the plain value; with one weight 0 it is a leave-one-out value; with the counts
of a random draw it is a bootstrap replicate. So one formula, written once over a batch axis, gives value,
jackknife, bootstrap and permutation alike, and no cell is ever visited twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from siming.metrics.cells import Floats


@dataclass(frozen=True, slots=True)
class Statistic:
    """A coefficient with its data filled in."""

    of: Callable[[Floats], Floats]
    """Weights (batch, n_clusters) to values (batch,); NaN where the coefficient is undefined."""
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

    def value(self) -> float:
        """The plain value: every cluster counts once. NaN where undefined."""
        return float(self.of(np.ones((1, self.n_clusters)))[0])


def weighted_sums(weights: Floats, units: Floats) -> Floats:
    """Sum the clusters' `units` (n_clusters, width) under each row of weights: (batch, width)."""
    if len(weights) == 1:
        # Not through BLAS: adding row by row treats equal columns equally, to the last bit, so that
        # a rater compared with himself scores exactly 1.
        summed: Floats = (weights[0][:, None] * units).sum(axis=0, keepdims=True)
        return summed
    return weights @ units


def ratio(above: Floats, below: Floats) -> Floats:
    """`above / below`, NaN where below is 0: undefined, and silently so, because callers count it."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out
