"""Sums over videos from which statistics of totals are made, under any weights of the videos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats, Rows
from siming.metrics.statistic import OfSums, Statistic, ratio, weighted_sums


def row_statistic(
    rows: Rows,
    of: Callable[[Floats], Floats],
    floats_per_replicate: int,
    *,
    why: str = "no pairs",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    notes: tuple[str, ...] = (),
    scale: Literal["plain", "fisher"] = "plain",
) -> Statistic:
    """A statistic of complete rows."""
    return Statistic(
        of=of,
        n=rows.n,
        n_clusters=rows.n_clusters,
        floats_per_replicate=floats_per_replicate,
        why_undefined=why,
        left_out={"missing": rows.missing},
        notes=notes,
        bounds=bounds,
        scale=scale,
    )


def mean_statistic(rows: Rows, values: ArrayLike, *, bounds: tuple[float, float]) -> Statistic:
    """The mean over rows of one number each."""
    units = per_cluster(rows, np.column_stack([values, np.ones(rows.n)]))
    return row_statistic(rows, OfSums(units, lambda sums: ratio(*sums.T)), 2, bounds=bounds)


def per_cluster(rows: Rows, moments: Floats) -> Floats:
    """Sums over the rows of each cluster: (n, width) to (n_clusters, width)."""
    if rows.row_is_cluster:
        return moments
    units = np.zeros((rows.n_clusters, moments.shape[1]))
    np.add.at(units, rows.cluster, moments)
    return units


def lower_median(values: Floats) -> float:
    """A value that occurs, so that constant values become exact zeros when it is taken away."""
    return float(np.sort(values)[(len(values) - 1) // 2]) if len(values) else 0.0


def centred(values: Floats) -> Floats:
    """The values less one of them, so that large totals lose no digits when squared."""
    return values - lower_median(values)


def square_deviation(n: Floats, s: Floats, ss: Floats) -> Floats:
    """Sum of squared deviations from the mean."""
    return beyond_rounding(ss - ratio(s * s, n), ss)


def beyond_rounding(left: Floats, whole: Floats) -> Floats:
    """What a subtraction left of `whole`, exactly 0 where that is nothing but rounding."""
    return np.where(left > 1e-12 * whole, left, 0)


def why_no_correlation(rows: Rows) -> str:
    """Which rater is constant, so that no correlation exists."""
    if rows.n < 2:
        return "fewer than 2 videos"
    constant = [
        f"rater {number} gave every video the total {column[0]:g}"
        for number, column in enumerate(rows.totals.T, start=1)
        if (column == column[0]).all()
    ]
    return "no variation: " + (" and ".join(constant) or "no spread is left after rounding")


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Mean squares of a table of videos by raters, one entry per replicate."""

    n: Floats
    """Videos."""
    k: int
    """Raters."""
    rows: Floats
    """Between videos, n - 1 degrees of freedom."""
    raters: Floats
    """Between raters, k - 1."""
    error: Floats
    """What neither explains, (n - 1)(k - 1)."""
    within: Floats
    """Within videos, raters and error together, n (k - 1)."""


@dataclass(frozen=True, slots=True)
class SquaresByWeight:
    """Mean squares as a function of how often each cluster counts."""

    units: Floats
    """What each cluster adds to the sums, shape (n_clusters, width)."""
    of_sums: Callable[[Floats], MeanSquares]

    @property
    def width(self) -> int:
        """Floats of one replicate's sums."""
        width: int = self.units.shape[1]
        return width

    def of(self, weights: Floats) -> MeanSquares:
        """Weights (batch, n_clusters) to the mean squares of each row."""
        return self.of_sums(weighted_sums(weights, self.units))

    def into(self, coefficient: Callable[[MeanSquares], Floats]) -> OfSums:
        """A coefficient of mean squares as a function of weights."""
        return OfSums(self.units, lambda sums: coefficient(self.of_sums(sums)))


def mean_squares(rows: Rows) -> SquaresByWeight:
    """Two-way analysis of variance without replication.

    Source: Shrout and Fleiss 1979, table 2.
    """
    k = rows.totals.shape[1]
    mean = rows.totals.mean(axis=1)
    # Sums of deviations from the row's own mean, not of raw products: raters who agree leave exact zeros.
    deviation = rows.totals - mean[:, None]
    centre = centred(mean)
    units = per_cluster(
        rows,
        np.column_stack([np.ones(rows.n), centre, centre**2, (deviation**2).sum(axis=1), deviation]),
    )

    def of_sums(sums: Floats) -> MeanSquares:
        n, s, ss, within = sums[:, :4].T
        between_raters = ratio(np.square(sums[:, 4:]).sum(axis=1), n)
        residual = beyond_rounding(within - between_raters, within)
        return MeanSquares(
            n=n,
            k=k,
            rows=ratio(k * square_deviation(n, s, ss), n - 1),
            raters=between_raters / (k - 1),
            error=ratio(residual, (n - 1) * (k - 1)),
            within=ratio(within, n * (k - 1)),
        )

    return SquaresByWeight(units, of_sums)
