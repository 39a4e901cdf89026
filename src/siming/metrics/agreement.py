"""Plain agreement, and agreement beyond chance where chance is not the raters' own margins.

Kappa falls towards 0 when nearly every cell carries one label, however rarely the raters disagree. Gwet's
AC and Brennan-Prediger do not; they pay for the skew instead. Shown side by side, each explains the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.metrics.cells import Floats, read_cells
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic, ratio
from siming.metrics.tables import Margins, Weights, constant_notes, margin_statistic, total_table


def raw_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of cells to which both raters gave the same label, in [0, 1].

    Arguments and missing values as in `cohen_kappa`.

    >>> raw_agreement([0, 1, 2, 3], [0, 1, 2, -1], n_labels=4).value
    1.0
    """
    return measure(agreement_statistic(first, second, n_labels=n_labels, cluster=cluster), interval)


def gwet_ac(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Gwet's agreement coefficient: AC2, or AC1 with nominal weights.

    Chance is taken from how evenly the labels are used on average, so a rare label does not drag the value
    down. It never is undefined: unanimous raters score 1. A guesser scores high on skewed labels, see
    `gwet_ac_at_chance`. Arguments and missing values as in `cohen_kappa`.

    Source: Gwet 2008 (AC1), Gwet 2014 (AC2).
    """
    statistic = gwet_statistic(first, second, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def gwet_ac_at_chance(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """The AC that the second rater would get by dealing out the same labels blindly.

    Printed beside `gwet_ac`, because on skewed labels it lies far above 0. It is the expectation, worked out
    from the margins; nothing is drawn. Arguments and missing values as in `cohen_kappa`.

    Source: specification of siming, section 6.
    """
    statistic = gwet_at_chance_statistic(first, second, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def brennan_prediger(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement beyond that of guessing every label equally often; PABAK when there are two labels.

    It never is undefined: unanimous raters score 1. Arguments and missing values as in `cohen_kappa`.

    Source: Brennan and Prediger 1981; two labels, Byrt, Bishop and Carlin 1993.
    """
    statistic = brennan_prediger_statistic(first, second, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def confusion_table(first: ArrayLike, second: ArrayLike, *, n_labels: int) -> NDArray[np.int64]:
    """Cells per label of the first rater (rows) and of the second (columns), where both gave one.

    >>> confusion_table([0, 1, 1], [1, 1, -1], n_labels=2).tolist()
    [[0, 1], [0, 1]]
    """
    return total_table(read_cells(first, second, n_labels=n_labels))


def agreement_statistic(
    first: ArrayLike, second: ArrayLike, *, n_labels: int, cluster: ArrayLike | None = None
) -> Statistic:
    """`raw_agreement` with its data filled in, for resampling and comparison."""
    return _statistic(_agreement_of, first, second, n_labels, "nominal", cluster, lowest=0.0)


def gwet_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`gwet_ac` with its data filled in, for resampling and comparison."""
    return replace(_statistic(_gwet_of, first, second, n_labels, weights, cluster), scale="fisher")


def gwet_at_chance_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`gwet_ac_at_chance` with its data filled in, for resampling and comparison."""
    return _statistic(_gwet_at_chance_of, first, second, n_labels, weights, cluster)


def brennan_prediger_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`brennan_prediger` with its data filled in, for resampling and comparison."""
    return _statistic(_brennan_prediger_of, first, second, n_labels, weights, cluster)


def _statistic(
    coefficient: Callable[[Margins], Floats],
    first: ArrayLike,
    second: ArrayLike,
    n_labels: int,
    weights: Weights,
    cluster: ArrayLike | None,
    *,
    lowest: float = -np.inf,
) -> Statistic:
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster)
    return margin_statistic(
        cells,
        coefficient,
        weights=weights,
        by_step=False,
        why_undefined="the weights leave chance no room to disagree",
        notes=constant_notes(cells),
        bounds=(lowest, 1.0),
    )


def _agreement_of(margins: Margins) -> Floats:
    return 1 - ratio(margins.disagreement, margins.n)


def _gwet_of(margins: Margins) -> Floats:
    return 1 - ratio(margins.disagreement, _gwet_chance_disagreement(margins))


def _gwet_at_chance_of(margins: Margins) -> Floats:
    return 1 - ratio(margins.chance_disagreement, _gwet_chance_disagreement(margins))


def _gwet_chance_disagreement(margins: Margins) -> Floats:
    """Disagreement expected, in cells and in the unit of the distances."""
    k = len(margins.distance)
    share = ratio(margins.first + margins.second, 2 * margins.n[..., None])
    agreement_weights = (1 - margins.distance / margins.unit).sum()
    chance: Floats = agreement_weights / (k * (k - 1)) * (share * (1 - share)).sum(axis=-1)
    return (1 - chance) * margins.n * margins.unit


def _brennan_prediger_of(margins: Margins) -> Floats:
    return 1 - ratio(margins.disagreement, margins.distance.mean() * margins.n)
