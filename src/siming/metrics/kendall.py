"""Kendall's rank correlation of totals, in n log n for any weights of the videos."""

from __future__ import annotations

from numpy.typing import ArrayLike

from siming.metrics.cells import read_rows
from siming.metrics.measured import Measured
from siming.metrics.moments import row_statistic, why_no_correlation
from siming.metrics.ranks import TauB, of_clusters
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic


def kendall_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Of all pairs of videos, how many more the two raters order alike than contrarily (Kendall's tau-b).

    A pair that one rater ties counts for neither side, and the denominator is corrected for ties: (C - D) /
    sqrt((pairs the first unties) (pairs the second unties)), in [-1, 1].

    Arguments as in `pearson_correlation`.

    Returns:
        A value over the videos that both raters marked; None when one rater gave every video the same total.

    Source: Kendall 1945.

    >>> round(kendall_correlation([1, 2, 3, 4], [1, 2, 4, 3]).value, 6)
    0.666667
    """
    return measure(kendall_statistic(first, second, cluster=cluster), interval)


def kendall_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`kendall_correlation` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    of = of_clusters(rows, TauB(*rows.totals.T))
    return row_statistic(rows, of, 4 * rows.n, why=why_no_correlation(rows), bounds=(-1.0, 1.0), scale="fisher")
