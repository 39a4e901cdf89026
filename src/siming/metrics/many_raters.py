"""Agreement of any number of raters on labels, where not every rater saw every cell.

Two raters agree on a cell as the mean over all ordered pairs of its labels. Cells with one label show no
agreement, yet they tell how often a label is used, so they count towards chance (Gwet 2014). The
coefficients differ in chance only. Scott's pi is here because it is Fleiss' kappa of two raters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import MISSING, Floats, read_cells
from siming.metrics.measured import Measured
from siming.metrics.ratings import Ratings, read_ratings
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import OfSums, Statistic, ratio
from siming.metrics.tables import Margins, Weights, constant_notes, distances, margin_statistic

_ONE_LABEL = "no variation: every label given is the same"


@dataclass(frozen=True, slots=True)
class Shares:
    """What the coefficients of many raters are made of, over a batch axis."""

    disagreement: Floats
    """Mean distance of the label pairs of a cell, averaged over cells with a pair."""
    label: Floats
    """Share of each label: its share of a cell's labels, averaged over cells; last axis n_labels."""
    by_rater: Floats
    """Cells per rater and label, (batch, n_raters, n_labels); no raters where the coefficient needs none."""
    distance: Floats
    """unit x (1 - w), shape (n_labels, n_labels)."""
    unit: float


def scott_pi(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement of two raters beyond that of blind dealing from one bag, which holds the labels of both.

    1 - Do / De with De = sum of d_ij pi_i pi_j, pi the mean share of a label. Unlike `cohen_kappa`, it charges
    the raters for using the labels unequally often, so it is never above kappa. Arguments and missing values
    as in `cohen_kappa`.

    Returns:
        A value in [-1, 1]; None when both raters gave every cell one and the same label.

    Source: Scott 1955.

    >>> round(scott_pi([0, 0, 1, 1], [0, 1, 1, 1], n_labels=2).value, 4)  # 1 - (1/4) / (2 x 3/8 x 5/8)
    0.4667
    """
    statistic = scott_statistic(first, second, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def agreement_of_many(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of rater pairs that agree on a cell, averaged over the cells with at least two labels.

    Arguments and missing values as in `fleiss_kappa`. With weights, a near miss agrees in part.

    Source: Gwet 2014; for two raters `raw_agreement`.

    >>> round(agreement_of_many([[0, 1], [0, 1], [0, 0]], n_labels=2).value, 4)  # (1 + 1/3) / 2
    0.6667
    """
    return measure(agreement_of_many_statistic(raters, n_labels=n_labels, weights=weights, cluster=cluster), interval)


def fleiss_kappa(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement of many raters beyond chance, where chance deals from one bag with the labels of all.

    1 - Do / De with De = sum of d_ij pi_i pi_j. Who gave which label of a cell does not matter, so raters may
    change from cell to cell.

    Args:
        raters: One flat array of labels in [0, n_labels) per rater, all over the same cells; -1 or None
            where that rater gave none.
        n_labels: Length of the scale. Required, because a label that nobody happened to use still keeps
            its neighbours apart.
        weights: How much two labels agree: ``nominal``, ``linear``, ``quadratic``, or an own table.
        cluster: Video (or candidate) of each cell; without it there is a value but no interval.
        interval: How to make the interval; None for none.

    Returns:
        A value of at most 1 over the cells with two labels or more; None when all labels given are the same.
        `left_out` counts the cells without a pair (``missing``) and the gaps in the others
        (``missing_labels``).

    Raises:
        LabelError: A label outside the scale, no cells at all, fewer than two raters, or arrays of different
            length.

    Source: Fleiss 1971; missing labels and weights, Gwet 2014.

    >>> fleiss_kappa([[0, 1], [0, 1], [0, 0]], n_labels=2).value  # 1 - (1/3) / (2 x 2/3 x 1/3)
    0.25
    """
    return measure(fleiss_statistic(raters, n_labels=n_labels, weights=weights, cluster=cluster), interval)


def conger_kappa(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement of many raters beyond chance, where each rater deals out his own labels.

    1 - Do / De with De the mean over rater pairs g, h of the sum of d_ij p_gi p_hj. For two raters without
    gaps it is `cohen_kappa`. Needs to know who gave which label. Arguments, missing values and undefined
    cases as in `fleiss_kappa`; a rater who labelled nothing is not there.

    Source: Conger 1980; missing labels and weights, Gwet 2014.

    >>> conger_kappa([[0, 0, 1, 1], [0, 1, 1, 1]], n_labels=2).value
    0.5
    """
    return measure(conger_statistic(raters, n_labels=n_labels, weights=weights, cluster=cluster), interval)


def gwet_ac_of_many(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Gwet's agreement coefficient of many raters: AC2, or AC1 with nominal weights.

    1 - Do / (1 - Pe) with Pe = T_w / (k (k - 1)) sum of pi (1 - pi), T_w the sum of all weights. Unanimous
    raters score 1. Arguments and missing values as in `fleiss_kappa`; for two raters without gaps, `gwet_ac`.

    Source: Gwet 2008, 2014.
    """
    return measure(gwet_of_many_statistic(raters, n_labels=n_labels, weights=weights, cluster=cluster), interval)


def brennan_prediger_of_many(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement of many raters beyond that of guessing every label equally often.

    1 - Do / (1 - T_w / k^2), T_w the sum of all weights. Unanimous raters score 1. Arguments and missing
    values as in `fleiss_kappa`; for two raters, `brennan_prediger`.

    Source: Brennan and Prediger 1981; missing labels and weights, Gwet 2014.
    """
    statistic = brennan_prediger_of_many_statistic(raters, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def scott_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`scott_pi` with its data filled in, for resampling and comparison."""
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster)
    return margin_statistic(
        cells,
        _scott_of,
        weights=weights,
        by_step=False,
        why_undefined=_ONE_LABEL,
        notes=constant_notes(cells),
        bounds=(-1.0 if isinstance(weights, str) else -np.inf, 1.0),
    )


class _OfMany:
    """Fills a coefficient of many raters with data; called like a function."""

    def __init__(
        self,
        coefficient: Callable[[Shares], Floats],
        *,
        undefined: str = "the weights leave chance no room to disagree",
        lowest: float = -np.inf,
        needs_raters: bool = False,
        scale: Literal["plain", "fisher"] = "plain",
    ) -> None:
        self._coefficient = coefficient
        self._undefined = undefined
        self._bounds = (lowest, 1.0)
        self._needs_raters = needs_raters
        self._scale: Literal["plain", "fisher"] = scale

    def __call__(
        self,
        raters: Sequence[ArrayLike],
        *,
        n_labels: int,
        weights: Weights = "nominal",
        cluster: ArrayLike | None = None,
    ) -> Statistic:
        ratings = read_ratings(raters, n_labels=n_labels, cluster=cluster)
        distance, unit = distances(weights, n_labels)
        units = _units(ratings, distance)
        n_raters = ratings.labels.shape[1] if self._needs_raters else 0
        if n_raters:
            units = np.column_stack([units, _labels_per_rater(ratings)])

        def of(sums: Floats) -> Floats:
            shares = Shares(
                disagreement=ratio(sums[:, 0], sums[:, 1]),
                label=ratio(sums[:, 3 : 3 + n_labels], sums[:, 2:3]),
                by_rater=sums[:, 3 + n_labels :].reshape(len(sums), n_raters, n_labels),
                distance=distance,
                unit=unit,
            )
            return self._coefficient(shares)

        return Statistic(
            of=OfSums(units, of),
            n=ratings.n_paired,
            n_clusters=ratings.n_clusters,
            floats_per_replicate=max(units.shape[1], n_raters**2),
            why_undefined=self._undefined,
            clustered=ratings.clustered,
            left_out=ratings.left_out,
            notes=_constant_raters(ratings),
            bounds=self._bounds,
            scale=self._scale,
        )


def _units(ratings: Ratings, distance: Floats) -> Floats:
    """Per cluster: disagreement, cells with a pair, cells, and label shares; (n_clusters, 3 + n_labels)."""
    counts, raters = ratings.counts, ratings.per_cell
    apart = ((counts @ distance) * counts).sum(axis=1)
    disagreement = np.divide(apart, raters * (raters - 1), out=np.zeros_like(apart), where=raters > 1)
    each = np.ones(len(counts))
    return ratings.per_cluster(np.column_stack([disagreement, raters > 1, each, counts / raters[:, None]]))


def _labels_per_rater(ratings: Ratings) -> Floats:
    """Cells per cluster, rater and label: (n_clusters, n_raters x n_labels)."""
    k, size = ratings.n_labels, ratings.n_clusters * ratings.n_labels
    tables = []
    for labels in ratings.labels.T:
        given = labels != MISSING
        place = ratings.cluster[given] * k + labels[given]
        tables.append(np.bincount(place, minlength=size).reshape(ratings.n_clusters, k).astype(np.float64))
    return np.concatenate(tables, axis=1)


def _constant_raters(ratings: Ratings) -> tuple[str, ...]:
    notes = []
    for number, labels in enumerate(ratings.labels.T, start=1):
        given = labels[labels != MISSING]
        if len(given) and (given == given[0]).all():
            notes.append(f"constant rater: rater {number} gave every cell the label {given[0]}")
    return tuple(notes)


def _scott_of(margins: Margins) -> Floats:
    both = margins.first + margins.second
    chance = (np.tensordot(both, margins.distance, axes=1) * both).sum(axis=-1)
    return 1 - ratio(4 * margins.n * margins.disagreement, chance)


def _agreement_of(shares: Shares) -> Floats:
    return 1 - shares.disagreement / shares.unit


def _fleiss_of(shares: Shares) -> Floats:
    chance = (np.tensordot(shares.label, shares.distance, axes=1) * shares.label).sum(axis=-1)
    return 1 - ratio(shares.disagreement, chance)


def _conger_of(shares: Shares) -> Floats:
    n = shares.by_rater.sum(axis=-1)
    # Crossed as whole counts and divided once, so that a constant one of two raters scores exactly 0.
    crossed = np.tensordot(shares.by_rater, shares.distance, axes=1) @ shares.by_rater.swapaxes(-1, -2)
    apart = ratio(crossed, n[:, :, None] * n[:, None, :])
    pairs = ~np.isnan(apart) & np.triu(np.ones(apart.shape[1:], dtype=bool), k=1)
    chance = ratio(np.where(pairs, apart, 0).sum(axis=(1, 2)), pairs.sum(axis=(1, 2)))
    return 1 - ratio(shares.disagreement, chance)


def _gwet_of(shares: Shares) -> Floats:
    k = len(shares.distance)
    agreement_weights = (1 - shares.distance / shares.unit).sum()
    chance = agreement_weights / (k * (k - 1)) * (shares.label * (1 - shares.label)).sum(axis=-1)
    return 1 - ratio(shares.disagreement, (1 - chance) * shares.unit)


def _brennan_prediger_of(shares: Shares) -> Floats:
    return 1 - ratio(shares.disagreement, shares.distance.mean())


agreement_of_many_statistic = _OfMany(_agreement_of, lowest=0.0)
fleiss_statistic = _OfMany(_fleiss_of, undefined=_ONE_LABEL)
conger_statistic = _OfMany(
    _conger_of, undefined="no variation: all raters gave one and the same label everywhere", needs_raters=True
)
gwet_of_many_statistic = _OfMany(_gwet_of, scale="fisher")
brennan_prediger_of_many_statistic = _OfMany(_brennan_prediger_of)
