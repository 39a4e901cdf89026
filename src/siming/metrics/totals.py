"""Agreement of totals in marks: one row per video, one total per rater."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats, Rows, read_rows
from siming.metrics.measured import Interval, Measured
from siming.metrics.moments import (
    MeanSquares,
    centred,
    lower_median,
    mean_squares,
    mean_statistic,
    per_cluster,
    row_statistic,
    square_deviation,
    why_no_correlation,
)
from siming.metrics.ranks import RankCorrelation, of_clusters
from siming.metrics.resample import BCA, JACKKNIFE, IntervalMethod, Jackknife, measure, t_quantile
from siming.metrics.statistic import OfSums, Statistic, ratio

CORRELATION_BOUNDS = (-1.0, 1.0)


def pearson_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Linear correlation of two raters' totals (PLCC), in [-1, 1].

    Args:
        first, second: Marks per video, NaN or None where missing.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        interval: How to make the interval; None for none.

    Returns:
        A value over the videos that both raters marked; None when one rater gave every video the same total.

    Raises:
        LabelError: An infinite total, no videos at all, or arrays of different length.

    >>> pearson_correlation([1, 2, 3], [2, 4, 6]).value
    1.0
    """
    return measure(pearson_statistic(first, second, cluster=cluster), interval)


def spearman_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Correlation of the ranks of two raters' totals (SRCC); equal totals share the middle of their ranks.

    Ranks are worked out anew in every replicate. Arguments and undefined cases as in `pearson_correlation`.

    Source: Spearman 1904, with mid-ranks for ties.

    >>> spearman_correlation([1, 2, 3], [1, 10, 100]).value
    1.0
    """
    return measure(spearman_statistic(first, second, cluster=cluster), interval)


def mean_absolute_error(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
) -> Measured:
    """Mean distance of two raters' totals (MAE), in marks. Arguments as in `pearson_correlation`.

    >>> mean_absolute_error([10, 20], [12, 20]).value
    1.0
    """
    return measure(mean_absolute_error_statistic(first, second, cluster=cluster), interval)


def mean_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Mean of first minus second, in marks; above 0, the first rater is the more generous.

    With one video per cluster the jackknife interval is the usual t interval of a mean. Arguments as in
    `pearson_correlation`.

    >>> mean_difference([10, 20], [12, 20]).value
    -1.0
    """
    return measure(mean_difference_statistic(first, second, cluster=cluster), interval)


def icc_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Intraclass correlation ICC(A,1): how far one rater's total stands for any other's, mark for mark.

    A rater who is stricter throughout lowers it, unlike `pearson_correlation`. Videos that any rater left
    out are left out.

    Returns:
        A value of at most 1; None for fewer than two videos, or when all totals are equal.

    Source: McGraw and Wong 1996, ICC(A,1); Shrout and Fleiss 1979, ICC(2,1).
    """
    return measure(icc_statistic(first, second, *others, cluster=cluster), interval)


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Mean difference (first minus second) and limits of agreement, in marks."""

    mean: Measured
    sd: Measured
    """Standard deviation of the differences, n - 1 in the denominator."""
    lower: Measured
    upper: Measured


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    multiplier: float = 1.96,
    level: float = 0.95,
) -> BlandAltman:
    """Mean difference of two raters' totals and the limits mean +- multiplier x SD.

    Intervals are t intervals with the standard errors s / sqrt(n) and sqrt(3 s^2 / n). Where several videos
    share a cluster those would be too narrow, and the jackknife by cluster takes their place.

    Source: Bland and Altman 1986.
    """
    rows = read_rows([first, second], cluster=cluster)
    jackknife = Jackknife(level=level)

    def limit(sign: int) -> Measured:
        by_jackknife = measure(_difference(rows, lambda mean, sd: mean + sign * multiplier * sd), jackknife)
        if by_jackknife.interval is None or by_jackknife.value is None or not rows.row_is_cluster:
            return by_jackknife
        error = _difference(rows, lambda _, sd: sd * np.sqrt(3 / rows.n)).value()
        half = t_quantile(level, rows.n - 1) * error
        closed = Interval(by_jackknife.value - half, by_jackknife.value + half, level, "t, closed form")
        return replace(by_jackknife, interval=closed)

    return BlandAltman(
        mean=measure(_difference(rows, lambda mean, _: mean), jackknife),
        sd=measure(_difference(rows, lambda _, sd: sd), jackknife),
        lower=limit(-1),
        upper=limit(+1),
    )


def pearson_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`pearson_correlation` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    x, y = (centred(column) for column in rows.totals.T)
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), x, y, x * x, y * y, x * y]))

    def of(sums: Floats) -> Floats:
        n, sx, sy, sxx, syy, sxy = sums.T
        scale = np.sqrt(square_deviation(n, sx, sxx) * square_deviation(n, sy, syy))
        return np.clip(ratio(sxy - ratio(sx * sy, n), scale), -1, 1)

    return row_statistic(
        rows, OfSums(units, of), units.shape[1], why=why_no_correlation(rows), bounds=CORRELATION_BOUNDS, scale="fisher"
    )


def spearman_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`spearman_correlation` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    of = of_clusters(rows, RankCorrelation(*rows.totals.T))
    return row_statistic(rows, of, rows.n, why=why_no_correlation(rows), bounds=CORRELATION_BOUNDS, scale="fisher")


def mean_absolute_error_statistic(
    first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None
) -> Statistic:
    """`mean_absolute_error` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    return mean_statistic(rows, np.abs(rows.totals[:, 0] - rows.totals[:, 1]), bounds=(0.0, math.inf))


def mean_difference_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`mean_difference` with its data filled in, for resampling and comparison."""
    return _difference(read_rows([first, second], cluster=cluster), lambda mean, _: mean)


def icc_statistic(
    first: ArrayLike, second: ArrayLike, *others: ArrayLike, cluster: ArrayLike | None = None
) -> Statistic:
    """`icc_agreement` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second, *others], cluster=cluster)
    squares = mean_squares(rows)

    def of(ms: MeanSquares) -> Floats:
        scale = ms.rows + (ms.k - 1) * ms.error + ratio(ms.k * (ms.raters - ms.error), ms.n)
        # Raters who are constant, each at a level of his own, say nothing about any video.
        return ratio(ms.rows - ms.error, np.where(ms.rows + ms.error > 0, scale, 0))

    reason = "fewer than 2 videos" if rows.n < 2 else "no variation: every rater gave every video one total"
    return row_statistic(rows, squares.into(of), squares.width, why=reason, bounds=(-math.inf, 1.0), scale="fisher")


def _difference(rows: Rows, combine: Callable[[Floats, Floats], Floats]) -> Statistic:
    """A function of mean and standard deviation of first minus second."""
    difference = rows.totals[:, 0] - rows.totals[:, 1]
    offset = lower_median(difference)
    apart = difference - offset
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), apart, apart**2]))

    def of(sums: Floats) -> Floats:
        n, s, ss = sums.T
        sd = np.sqrt(ratio(square_deviation(n, s, ss), n - 1))
        return combine(offset + ratio(s, n), sd)

    return row_statistic(rows, OfSums(units, of), 3, why="fewer than 2 videos")
