"""Cohen's kappa, pooled over all cells and within steps.

Pooled kappa pays a rater for knowing that some steps are hard and others easy, which needs no video.
Within-step kappa compares each step only with itself, so such knowledge earns nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Cells, Floats, read_cells
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic, ratio
from siming.metrics.tables import (
    Margins,
    Weights,
    constant_notes,
    margin_statistic,
)


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "nominal",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Agreement of two raters on labels, beyond what blind dealing of their own labels would give.

    1 is perfect, 0 is what chance gives, below 0 is worse. Swapping the raters changes nothing. A rater
    who gave one label everywhere gets 0 and a note.

    Args:
        first, second: Labels in [0, n_labels), one per cell, -1 or None where missing.
        n_labels: Length of the scale. Required, because a label that nobody happened to use still keeps
            its neighbours apart.
        weights: How much two labels agree: ``nominal``, ``linear``, ``quadratic``, or an own table.
        cluster: Video (or candidate) of each cell; without it there is a value but no interval.
        interval: How to make the interval; None for none.

    Returns:
        A value in [-1, 1]; None when both raters gave every cell one and the same label, where kappa is 0/0.

    Raises:
        LabelError: A label outside the scale, no cells at all, or arrays of different length.

    Source: Cohen 1960; weights, Cohen 1968.

    >>> cohen_kappa([0, 0, 1, 1], [0, 1, 1, 1], n_labels=2).value
    0.5
    """
    statistic = kappa_statistic(first, second, n_labels=n_labels, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def quadratic_weighted_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Cohen's kappa in which a disagreement weighs with the square of its distance (QWK), pooled over cells.

    Arguments, missing values and undefined cases as in `cohen_kappa`.

    Source: Cohen 1968; Fleiss and Cohen 1973.

    >>> quadratic_weighted_kappa([0, 0, 3, 3], [0, 3, 3, 3], n_labels=4).value
    0.5
    """
    statistic = kappa_statistic(first, second, n_labels=n_labels, weights="quadratic", cluster=cluster)
    return measure(statistic, interval)


def within_step_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    step: ArrayLike,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Kappa with chance worked out step by step: 1 - (disagreement, summed) / (chance disagreement, summed).

    Each cell counts once, so a step with missing cells weighs less. A step in which both raters gave one and
    the same label everywhere adds 0 to both sums; `left_out["undefined_steps"]` counts those.

    Args:
        step: Step of each cell, int or string.
        first, second, n_labels, weights, cluster, interval: As in `cohen_kappa`.

    Returns:
        A value of at most 1; None when no step shows any variation.

    Raises:
        LabelError: As in `cohen_kappa`.

    Source: stratified kappa in the manner of Barlow, Lai and Azen 1991, weighted by expected disagreement.

    >>> first, second, step = [0, 0, 3, 3], [0, 0, 3, 3], ["cpr.01", "cpr.01", "cpr.02", "cpr.02"]
    >>> within_step_kappa(first, second, step=step, n_labels=4).reason
    'no variation: in each step both raters gave one and the same label everywhere'
    """
    statistic = within_step_statistic(first, second, n_labels=n_labels, step=step, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def median_step_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    step: ArrayLike,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Median over steps of each step's own kappa; steps without variation are left out and counted.

    Arguments, missing values and undefined cases as in `within_step_kappa`.

    Source: specification of siming, statistic A3.
    """
    statistic = median_step_statistic(first, second, n_labels=n_labels, step=step, weights=weights, cluster=cluster)
    return measure(statistic, interval)


def kappa_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`cohen_kappa` with its data filled in, for resampling and comparison."""
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster)
    return margin_statistic(
        cells,
        kappa_of,
        weights=weights,
        by_step=False,
        why_undefined="no variation: both raters gave every cell one and the same label",
        notes=constant_notes(cells),
        bounds=_bounds(weights),
    )


def within_step_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    step: ArrayLike,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`within_step_kappa` with its data filled in, for resampling and comparison."""
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster, step=step)
    return _stratified(cells, _pooled_over_steps, weights)


def median_step_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    step: ArrayLike,
    weights: Weights = "quadratic",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`median_step_kappa` with its data filled in, for resampling and comparison."""
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster, step=step)
    return _stratified(cells, lambda margins: _median(kappa_of(margins)), weights)


def kappa_of(margins: Margins) -> Floats:
    """Kappa over any leading axes; NaN where both raters are constant and equal."""
    return 1 - ratio(margins.disagreement, margins.chance_disagreement)


def _stratified(cells: Cells, coefficient: Callable[[Margins], Floats], weights: Weights) -> Statistic:
    return margin_statistic(
        cells,
        coefficient,
        weights=weights,
        by_step=True,
        why_undefined="no variation: in each step both raters gave one and the same label everywhere",
        notes=constant_notes(cells),
        bounds=_bounds(weights),
    )


def _bounds(weights: Weights) -> tuple[float, float]:
    # A lopsided table of own weights can push kappa below -1; the named schemes cannot.
    return (-1.0 if isinstance(weights, str) else -math.inf, 1.0)


def _pooled_over_steps(margins: Margins) -> Floats:
    return 1 - ratio(margins.disagreement.sum(axis=-1), margins.chance_disagreement.sum(axis=-1))


def _median(values: Floats) -> Floats:
    """Median over the last axis of the defined values; NaN where none is (np.nanmedian would warn)."""
    ordered = np.sort(values, axis=-1)  # NaN sorts last
    defined = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(defined - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(defined // 2, values.shape[-1] - 1), axis=-1)
    middle: Floats = ((low + high) / 2)[..., 0]
    return middle
