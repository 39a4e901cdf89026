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
    centred,
    lower_median,
    mean_squares,
    per_cluster,
    row_statistic,
    square_deviation,
    why_no_correlation,
)
from siming.metrics.resample import BCA, JACKKNIFE, IntervalMethod, Jackknife, measure, t_quantile
from siming.metrics.statistic import Statistic, ratio, weighted_sums

CORRELATION_BOUNDS = (-1.0, 1.0)


def pearson_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
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
    interval: IntervalMethod | None = BCA,
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
    interval: IntervalMethod | None = BCA,
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

    def of(weights: Floats) -> Floats:
        n, sx, sy, sxx, syy, sxy = weighted_sums(weights, units).T
        scale = np.sqrt(square_deviation(n, sx, sxx) * square_deviation(n, sy, syy))
        return np.clip(ratio(sxy - ratio(sx * sy, n), scale), -1, 1)

    return row_statistic(rows, of, units.shape[1], why=why_no_correlation(rows), bounds=CORRELATION_BOUNDS)


def spearman_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`spearman_correlation` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    rank_x, rank_y = (_ranking(column) for column in rows.totals.T)

    def of(weights: Floats) -> Floats:
        by_row = weights if rows.row_is_cluster else weights[:, rows.cluster]
        x, y = rank_x(by_row), rank_y(by_row)
        weighted_x, weighted_y = by_row * x, by_row * y
        sxx = np.einsum("bi,bi->b", weighted_x, x)
        syy = np.einsum("bi,bi->b", weighted_y, y)
        sxy = np.einsum("bi,bi->b", weighted_x, y)
        return ratio(sxy, np.sqrt(sxx * syy))

    return row_statistic(rows, of, rows.n, why=why_no_correlation(rows), bounds=CORRELATION_BOUNDS)


def mean_absolute_error_statistic(
    first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None
) -> Statistic:
    """`mean_absolute_error` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    distance = np.abs(rows.totals[:, 0] - rows.totals[:, 1])
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), distance]))

    def of(weights: Floats) -> Floats:
        n, total = weighted_sums(weights, units).T
        return ratio(total, n)

    return row_statistic(rows, of, 2, bounds=(0.0, math.inf))


def mean_difference_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`mean_difference` with its data filled in, for resampling and comparison."""
    return _difference(read_rows([first, second], cluster=cluster), lambda mean, _: mean)


def icc_statistic(
    first: ArrayLike, second: ArrayLike, *others: ArrayLike, cluster: ArrayLike | None = None
) -> Statistic:
    """`icc_agreement` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second, *others], cluster=cluster)
    squares = mean_squares(rows)

    def of(weights: Floats) -> Floats:
        ms = squares.of(weights)
        scale = ms.rows + (ms.k - 1) * ms.error + ratio(ms.k * (ms.raters - ms.error), ms.n)
        # Raters who are constant, each at a level of his own, say nothing about any video.
        return ratio(ms.rows - ms.error, np.where(ms.rows + ms.error > 0, scale, 0))

    reason = "fewer than 2 videos" if rows.n < 2 else "no variation: every rater gave every video one total"
    return row_statistic(rows, of, squares.width, why=reason, bounds=(-math.inf, 1.0))


def _difference(rows: Rows, combine: Callable[[Floats, Floats], Floats]) -> Statistic:
    """A function of mean and standard deviation of first minus second."""
    difference = rows.totals[:, 0] - rows.totals[:, 1]
    offset = lower_median(difference)
    apart = difference - offset
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), apart, apart**2]))

    def of(weights: Floats) -> Floats:
        n, s, ss = weighted_sums(weights, units).T
        sd = np.sqrt(ratio(square_deviation(n, s, ss), n - 1))
        return combine(offset + ratio(s, n), sd)

    return row_statistic(rows, of, 3, why="fewer than 2 videos")


def _ranking(values: Floats) -> Callable[[Floats], Floats]:
    """A function from row weights (batch, n) to each row's mid-rank less the mean rank, (batch, n).

    A row of weight 3 counts as three equal values. Sorted once here; a replicate only sums weights.
    """
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))

    def centred_ranks(weights: Floats) -> Floats:
        tied = np.add.reduceat(weights[:, order], starts, axis=1)
        upto = np.cumsum(tied, axis=1)
        middle = upto - (tied + upto[:, -1:]) / 2
        ranks: Floats = middle[:, group]
        return ranks

    return centred_ranks
