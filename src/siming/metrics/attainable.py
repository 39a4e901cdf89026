"""How low and how high kappa could have been, had the raters kept how often they use each label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from siming.metrics.cells import Floats, read_cells
from siming.metrics.measured import Measured
from siming.metrics.resample import IntervalMethod, measure
from siming.metrics.statistic import ratio
from siming.metrics.tables import Margins, Weights, constant_notes, margin_statistic


@dataclass(frozen=True, slots=True)
class AttainableKappa:
    """The range of kappa over all tables with the observed margins."""

    lowest: Measured
    highest: Measured
    """1 only if both raters use each label equally often."""


def attainable_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = None,
) -> AttainableKappa:
    """Smallest and largest kappa that two raters could reach with the labels they dealt out.

    Among all tables with these margins, the least and the most disagreement: for nominal weights the diagonal
    holds sum of min(row, column) at most and sum of max(0, row + column - n) at least; for linear and quadratic
    weights the labels are paired in the same or in opposite order; for own weights a transport problem is
    solved. Describes the margins, so no interval is made unless asked for. Arguments and missing values as
    in `cohen_kappa`.

    Returns:
        Two values of at most 1; None when both raters gave every cell one and the same label.

    Source: Cohen 1960 (highest, nominal); Frechet-Hoeffding bounds (linear, quadratic).

    >>> kappa = attainable_kappa([0, 0, 1, 1], [0, 1, 1, 1], n_labels=2)
    >>> kappa.lowest.value, kappa.highest.value  # at worst the 0 of the second meets a 1 of the first
    (-0.5, 0.5)
    """
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster)

    def bound(disagreement: Callable[[Margins], Floats]) -> Measured:
        statistic = margin_statistic(
            cells,
            lambda margins: 1 - ratio(disagreement(margins), margins.chance_disagreement),
            weights=weights,
            by_step=False,
            why_undefined="no variation: both raters gave every cell one and the same label",
            notes=constant_notes(cells),
            bounds=(-1.0 if isinstance(weights, str) else -np.inf, 1.0),
        )
        return measure(statistic, interval)

    if not isinstance(weights, str):
        return AttainableKappa(
            lowest=bound(lambda margins: _transport(margins, sign=-1)),
            highest=bound(lambda margins: _transport(margins, sign=1)),
        )
    if weights == "nominal":
        return AttainableKappa(lowest=bound(_fewest_equal), highest=bound(_most_equal))
    return AttainableKappa(lowest=bound(_opposite_order), highest=bound(_same_order))


def _most_equal(margins: Margins) -> Floats:
    shared: Floats = np.minimum(margins.first, margins.second).sum(axis=-1)
    return margins.n - shared


def _fewest_equal(margins: Margins) -> Floats:
    forced: Floats = np.maximum(margins.first + margins.second - margins.n[..., None], 0).sum(axis=-1)
    return margins.n - forced


def _same_order(margins: Margins) -> Floats:
    """Lowest label with lowest: the least disagreement for any distance that grows ever faster, or evenly."""
    rows, columns = _cumulated(margins)
    return _cost(margins, np.minimum(rows, columns))


def _opposite_order(margins: Margins) -> Floats:
    """Lowest label with highest: the most disagreement."""
    rows, columns = _cumulated(margins)
    return _cost(margins, np.maximum(rows + columns - margins.n[..., None, None], 0))


def _cumulated(margins: Margins) -> tuple[Floats, Floats]:
    return np.cumsum(margins.first, axis=-1)[..., :, None], np.cumsum(margins.second, axis=-1)[..., None, :]


def _cost(margins: Margins, cumulated: Floats) -> Floats:
    """Disagreement of the table whose cumulated counts these are."""
    table = np.diff(np.diff(cumulated, axis=-1, prepend=0), axis=-2, prepend=0)
    cost: Floats = (table * margins.distance).sum(axis=(-2, -1))
    return cost


def _transport(margins: Margins, *, sign: int) -> Floats:
    """Least (sign 1) or most (sign -1) disagreement under any weights, one linear programme per table."""
    k = len(margins.distance)
    rows_then_columns = np.concatenate([np.kron(np.eye(k), np.ones(k)), np.kron(np.ones(k), np.eye(k))])
    costs = []
    for first, second in zip(margins.first, margins.second, strict=True):
        limits = np.concatenate([first, second])
        solved = optimize.linprog(sign * margins.distance.ravel(), A_eq=rows_then_columns, b_eq=limits)
        plan: Floats = np.asarray(solved.x, dtype=np.float64)
        costs.append((plan * margins.distance.ravel()).sum())
    return np.array(costs, dtype=np.float64)
