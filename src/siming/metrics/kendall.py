"""Kendall's rank correlation of totals, in n log n for any weights of the videos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.metrics.cells import Floats, read_rows
from siming.metrics.measured import Measured
from siming.metrics.moments import row_statistic, why_no_correlation
from siming.metrics.resample import BCA, IntervalMethod, measure
from siming.metrics.statistic import Statistic, ratio

Ranks = NDArray[np.intp]


def kendall_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
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
    (_, x), (_, y) = (np.unique(column, return_inverse=True) for column in rows.totals.T)
    excess, untied_x, untied_y = _concordant_excess(x, y), _untied(x), _untied(y)

    def of(weights: Floats) -> Floats:
        by_row = weights if rows.row_is_cluster else weights[:, rows.cluster]
        return ratio(excess(by_row), np.sqrt(untied_x(by_row) * untied_y(by_row)))

    return row_statistic(rows, of, 4 * rows.n, why=why_no_correlation(rows), bounds=(-1.0, 1.0))


def _untied(rank: Ranks) -> Callable[[Floats], Floats]:
    """Pairs of rows that `rank` does not tie, a row of weight 3 counted as three tied ones."""
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))

    def of(weights: Floats) -> Floats:
        tied = np.add.reduceat(weights[:, order], starts, axis=1)
        pairs: Floats = (tied.sum(axis=1) ** 2 - (tied**2).sum(axis=1)) / 2
        return pairs

    return of


def _concordant_excess(x: Ranks, y: Ranks) -> Callable[[Floats], Floats]:
    """Pairs of rows that both ranks order alike less those that they order contrarily.

    Two different y share their leading binary digits up to a first one that tells them apart, so each pair is
    met at exactly one digit. There one running sum over x counts, for all rows at once, the lower partners
    before and after each higher row: n log n in all, where comparing pairs takes n squared.
    """
    levels = []
    for digit in range(int(y.max(initial=0)).bit_length()):
        block = y >> (digit + 1)
        order = np.lexsort((x, block))
        higher = ((y[order] >> digit) & 1).astype(bool)
        blocks, ties = block[order], (block * (int(x.max()) + 1) + x)[order]
        at = np.flatnonzero(higher)
        edges = [
            np.searchsorted(ties, ties[at], "left"),
            np.searchsorted(ties, ties[at], "right"),
            np.searchsorted(blocks, blocks[at], "left"),
            np.searchsorted(blocks, blocks[at], "right"),
        ]
        levels.append((order, ~higher, at, edges))

    def of(weights: Floats) -> Floats:
        excess = np.zeros(len(weights))
        for order, lower, at, (tie, after_tie, start, stop) in levels:
            sorted_weights = weights[:, order]
            upto = np.zeros((len(weights), len(order) + 1))
            np.cumsum(sorted_weights * lower, axis=1, out=upto[:, 1:])
            before_less_after = upto[:, tie] + upto[:, after_tie] - upto[:, start] - upto[:, stop]
            excess += (sorted_weights[:, at] * before_less_after).sum(axis=1)
        return excess

    return of
