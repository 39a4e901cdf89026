"""Right or wrong per step, against a reference. Positive means: the step was done WRONG.

Every argument named `..._wrong` holds True (or 1) where the step was done wrong, False (or 0) where it was
done right, and -1 or None where it is missing. So recall is the share of wrong steps that were found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats, read_cells
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import OfSums, Statistic, ratio
from siming.metrics.tables import count_tables


class Counts(NamedTuple):
    """Cells of the 2 x 2 table, over a batch axis."""

    right: Floats
    """Done right, called right."""
    false_alarm: Floats
    """Done right, called wrong."""
    missed: Floats
    """Done wrong, called right."""
    found: Floats
    """Done wrong, called wrong."""

    @property
    def n(self) -> Floats:
        """All cells."""
        return self.right + self.false_alarm + self.missed + self.found


def mcc(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Matthews correlation of the two wrong/right calls, in [-1, 1]. Positive = step done wrong.

    Undefined when either side calls every step the same. Swapping sides or polarity changes nothing.

    Source: Matthews 1975.

    >>> mcc([True, True, False, False], [True, False, False, False]).value  # 2 / sqrt(12)
    0.5773502691896258
    """
    return measure(mcc_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def precision(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the steps called wrong that were done wrong. Undefined when none was called wrong.

    >>> precision([True, False], [True, True]).value
    0.5
    """
    return measure(precision_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def recall(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the steps done wrong that were called wrong. Undefined when none was done wrong.

    >>> recall([True, False], [True, True]).value
    1.0
    """
    return measure(recall_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def f1(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Harmonic mean of precision and recall, positive = step done wrong.

    0 when no wrong call is right; undefined when no step is wrong on either side.
    Equal to the positive specific agreement of two raters.

    >>> round(f1([True, False], [True, True]).value, 4)
    0.6667
    """
    return measure(f1_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def specificity(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the steps done right that were called right. Undefined when none was done right.

    >>> specificity([True, False], [True, True]).value
    0.0
    """
    return measure(specificity_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def balanced_accuracy(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Mean of recall and specificity: 0.5 for any blind caller. Undefined when either is.

    >>> balanced_accuracy([True, False], [True, True]).value
    0.5
    """
    return measure(balanced_accuracy_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def reference_prevalence(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the compared steps that the reference calls wrong.

    >>> reference_prevalence([True, False, True], [True, True, -1]).value
    0.5
    """
    return measure(reference_prevalence_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def predicted_prevalence(
    reference_wrong: ArrayLike,
    predicted_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the compared steps that the prediction calls wrong.

    >>> predicted_prevalence([True, False], [True, True]).value
    1.0
    """
    return measure(predicted_prevalence_statistic(reference_wrong, predicted_wrong, cluster=cluster), interval)


def prevalence_index(
    first_wrong: ArrayLike,
    second_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """(both call wrong - both call right) / cells, in [-1, 1]; far from 0, kappa is pulled down.

    Source: Byrt, Bishop and Carlin 1993.

    >>> prevalence_index([True, False, False, False], [True, False, False, True]).value
    -0.25
    """
    return measure(prevalence_index_statistic(first_wrong, second_wrong, cluster=cluster), interval)


def bias_index(
    first_wrong: ArrayLike,
    second_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """(only the first calls wrong - only the second calls wrong) / cells; above 0, the first is stricter.

    Source: Byrt, Bishop and Carlin 1993.

    >>> bias_index([True, False, False, False], [False, False, False, False]).value
    0.25
    """
    return measure(bias_index_statistic(first_wrong, second_wrong, cluster=cluster), interval)


class _FromTable:
    """Fills a coefficient of the 2 x 2 table with data; called like a function."""

    def __init__(
        self, coefficient: Callable[[Counts], Floats], *, undefined: str = "no pairs", lowest: float = 0.0
    ) -> None:
        self._coefficient = coefficient
        self._undefined = undefined
        self._bounds = (lowest, 1.0)

    def __call__(
        self, first_wrong: ArrayLike, second_wrong: ArrayLike, *, cluster: ArrayLike | None = None
    ) -> Statistic:
        cells = read_cells(first_wrong, second_wrong, n_labels=2, cluster=cluster)
        units = count_tables(cells).reshape(cells.n_clusters, 4)
        return Statistic(
            of=OfSums(units, lambda sums: self._coefficient(Counts(*sums.T))),
            n=cells.n,
            n_clusters=cells.n_clusters,
            floats_per_replicate=4,
            why_undefined=self._undefined,
            clustered=cells.clustered,
            left_out={"missing": cells.missing},
            bounds=self._bounds,
        )


def _mcc_of(c: Counts) -> Floats:
    # Two roots, not the root of one product: each is exact where its factors are equal, so a perfect
    # prediction scores exactly 1.
    scale = np.sqrt((c.found + c.false_alarm) * (c.found + c.missed))
    scale *= np.sqrt((c.right + c.false_alarm) * (c.right + c.missed))
    return ratio(c.found * c.right - c.false_alarm * c.missed, scale)


def _recall_of(c: Counts) -> Floats:
    return ratio(c.found, c.found + c.missed)


def _specificity_of(c: Counts) -> Floats:
    return ratio(c.right, c.right + c.false_alarm)


mcc_statistic = _FromTable(
    _mcc_of, undefined="no variation: the reference or the prediction calls every step the same", lowest=-1.0
)
precision_statistic = _FromTable(
    lambda c: ratio(c.found, c.found + c.false_alarm), undefined="no step was called wrong"
)
recall_statistic = _FromTable(_recall_of, undefined="no step was done wrong")
f1_statistic = _FromTable(
    lambda c: ratio(2 * c.found, 2 * c.found + c.false_alarm + c.missed),
    undefined="no step was done wrong and none was called wrong",
)
specificity_statistic = _FromTable(_specificity_of, undefined="no step was done right")
balanced_accuracy_statistic = _FromTable(
    lambda c: (_recall_of(c) + _specificity_of(c)) / 2,
    undefined="the reference holds no wrong step, or no right one",
)
reference_prevalence_statistic = _FromTable(lambda c: ratio(c.missed + c.found, c.n))
predicted_prevalence_statistic = _FromTable(lambda c: ratio(c.false_alarm + c.found, c.n))
prevalence_index_statistic = _FromTable(lambda c: ratio(c.found - c.right, c.n), lowest=-1.0)
bias_index_statistic = _FromTable(lambda c: ratio(c.missed - c.false_alarm, c.n), lowest=-1.0)
