"""Correlation of orders: ranks, ties and concordant pairs of rows under any weights, sorted once.

A rank depends on all other rows, so these are no functions of sums. What leaving out one row changes can be
counted all the same, in n log n for all rows together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siming.metrics.cells import Floats, Rows
from siming.metrics.statistic import LeavesOut, ratio

Ranks = NDArray[np.intp]


def of_clusters(rows: Rows, of: LeavesOut) -> Callable[[Floats], Floats]:
    """A function of the rows' weights as one of the clusters' weights."""
    return of if rows.row_is_cluster else lambda weights: of(weights[:, rows.cluster])


class Order:
    """One column of numbers, sorted. A row of weight 3 counts as three equal numbers."""

    def __init__(self, values: Floats) -> None:
        _, self.group = np.unique(values, return_inverse=True)
        self._order = np.argsort(self.group, kind="stable")
        self._starts = np.flatnonzero(np.diff(self.group[self._order], prepend=-1))

    def tied(self, weights: Floats) -> Floats:
        """Weight of each group of equal numbers, from the lowest: (batch, n_groups)."""
        together: Floats = np.add.reduceat(weights[:, self._order], self._starts, axis=1)
        return together

    def ranks(self, weights: Floats) -> Floats:
        """Each row's mid-rank less the mean rank, (batch, n)."""
        tied = self.tied(weights)
        upto = np.cumsum(tied, axis=1)
        middle = upto - (tied + upto[:, -1:]) / 2
        ranks: Floats = middle[:, self.group]
        return ranks

    def untied_pairs(self, weights: Floats) -> Floats:
        """Pairs of rows that differ, (batch,)."""
        tied = self.tied(weights)
        pairs: Floats = (tied.sum(axis=1) ** 2 - (tied**2).sum(axis=1)) / 2
        return pairs

    def untied_rows(self) -> Floats:
        """Rows that differ from each row, (n,)."""
        everyone = np.ones((1, len(self.group)))
        others: Floats = len(self.group) - self.tied(everyone)[0, self.group]
        return others


class RankCorrelation:
    """Spearman's rho as a function of row weights."""

    def __init__(self, first: Floats, second: Floats) -> None:
        self._x, self._y = Order(first), Order(second)

    def __call__(self, weights: Floats, /) -> Floats:
        """Weights (batch, n) to values (batch,); NaN where a column does not vary."""
        x, y = self._x.ranks(weights), self._y.ranks(weights)
        weighted_x, weighted_y = weights * x, weights * y
        sxx = np.einsum("bi,bi->b", weighted_x, x)
        syy = np.einsum("bi,bi->b", weighted_y, y)
        sxy = np.einsum("bi,bi->b", weighted_x, y)
        return ratio(sxy, np.sqrt(sxx * syy))

    def without_each(self) -> Floats:
        """The values without each row in turn.

        A centred rank is half the sum of sign(x_j - x_k) over all k. Without row i it is x_j - sign_ji / 2; the
        products, written out, hold the row's own ranks, ranks weighted by ranks, and the row's concordance.
        """
        everyone = np.ones((1, len(self._x.group)))
        x, y = self._x.ranks(everyone), self._y.ranks(everyone)
        sxx = (x * x).sum() - x[0] ** 2 + 2 * self._x.ranks(x)[0] + self._x.untied_rows() / 4
        syy = (y * y).sum() - y[0] ** 2 + 2 * self._y.ranks(y)[0] + self._y.untied_rows() / 4
        of_each = Concordance(self._x.group, self._y.group).of_each_row()
        sxy = (x * y).sum() - x[0] * y[0] + self._y.ranks(x)[0] + self._x.ranks(y)[0] + of_each / 4
        return ratio(sxy, np.sqrt(sxx * syy))


class TauB:
    """Kendall's tau-b as a function of row weights."""

    def __init__(self, first: Floats, second: Floats) -> None:
        self._x, self._y = Order(first), Order(second)
        self._concordance = Concordance(self._x.group, self._y.group)

    def __call__(self, weights: Floats, /) -> Floats:
        """Weights (batch, n) to values (batch,); NaN where a column does not vary."""
        untied = self._x.untied_pairs(weights) * self._y.untied_pairs(weights)
        return ratio(self._concordance.excess(weights), np.sqrt(untied))

    def without_each(self) -> Floats:
        """The values without each row in turn, and so without its pairs."""
        everyone = np.ones((1, len(self._x.group)))
        untied_x = self._x.untied_pairs(everyone) - self._x.untied_rows()
        untied_y = self._y.untied_pairs(everyone) - self._y.untied_rows()
        excess = self._concordance.excess(everyone) - self._concordance.of_each_row()
        return ratio(excess, np.sqrt(untied_x * untied_y))


class Concordance:
    """Pairs of rows that two columns of ranks order alike less those that they order contrarily.

    Two different y share their leading binary digits up to a first one that tells them apart, so each pair is
    met at exactly one digit. There one running sum over x counts, for all rows at once, the lower partners
    before and after each higher row: n log n in all, where comparing pairs takes n squared.
    """

    def __init__(self, x: Ranks, y: Ranks) -> None:
        self._n = len(x)
        self._levels = []
        for digit in range(int(y.max(initial=0)).bit_length()):
            block = y >> (digit + 1)
            order = np.lexsort((x, block))
            higher = ((y[order] >> digit) & 1).astype(bool)
            blocks, ties = block[order], (block * (int(x.max()) + 1) + x)[order]
            edges = [np.searchsorted(keys, keys, side) for keys in (ties, blocks) for side in _SIDES]
            self._levels.append((order, higher, np.array(edges)))

    def excess(self, weights: Floats) -> Floats:
        """Over all pairs, each counting as often as its two weights say: (batch,)."""
        excess = np.zeros(len(weights))
        for order, higher, edges in self._levels:
            sorted_weights = weights[:, order]
            upto = np.zeros((len(weights), self._n + 1))
            np.cumsum(sorted_weights * ~higher, axis=1, out=upto[:, 1:])
            at = np.flatnonzero(higher)
            excess += (sorted_weights[:, at] * _before_less_after(upto, edges[:, at])).sum(axis=1)
        return excess

    def of_each_row(self) -> Floats:
        """Over the pairs that each row makes with all others, each weighing 1: (n,)."""
        excess = np.zeros(self._n)
        for order, higher, edges in self._levels:
            lower, either = (np.concatenate([[0], np.cumsum(rows)])[None] for rows in (~higher, np.ones_like(higher)))
            partners = _before_less_after(lower, edges)[0]
            # A lower row's partners are the higher ones, and it wants them after itself.
            excess[order] += np.where(higher, partners, partners - _before_less_after(either, edges)[0])
        return excess


_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def _before_less_after(upto: Floats, edges: Ranks) -> Floats:
    """Weight in a row's block before its ties in x, less that after them, from running sums: (batch, rows)."""
    tie, after_tie, start, stop = edges
    difference: Floats = upto[:, tie] + upto[:, after_tie] - upto[:, start] - upto[:, stop]
    return difference
