"""How well ratings fit the model, and how well it tells elements apart: infit, outfit, separation, reliability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from siming.metrics.cells import Floats, Ints
from siming.metrics.measured import Measured
from siming.metrics.rasch.fit import Structure
from siming.metrics.rasch.table import Flags, sums_by

LARGEST_RELATIVE_SD = math.sqrt(2)
"""SD of a mean square beyond which it is told and not standardised: chi square on 1 degree of freedom has this one, and the
cube root of anything more skewed is not normal. Reached with a handful of ratings far off their video's measure."""


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Fit of each element of one facet; NaN where it has no rating to show it, or too few to standardise."""

    infit: Floats
    infit_z: Floats
    outfit: Floats
    outfit_z: Floats
    error: Floats
    """1 / sqrt(information), everything else held as known."""
    n: Ints


@dataclass(frozen=True, slots=True)
class Separation:
    """How far a facet's elements lie apart, measured by their errors."""

    separation: Measured
    """True SD / root mean square error."""
    strata: Measured
    """Levels that can be told apart, (4 separation + 1) / 3."""
    reliability: Measured
    """True variance / observed variance. Of raters: how reliably they *differ*, so low is what one hopes for."""
    homogeneity: Measured
    """p value of the hypothesis that all elements are equal. Of raters and steps Hotelling's T^2 from the jackknife by
    cluster; of videos, which cannot be left out of their own measure, chi square from their information."""


def fit_ratings(structure: Structure) -> Flags:
    """Ratings that can show fit: in the model, and of a video that is not extreme."""
    usual = structure.active.extreme_video[structure.table.video] == 0
    chosen: Flags = structure.in_model & usual & ~np.isnan(structure.theta[structure.table.video])
    return chosen


def mean_squares(structure: Structure, chosen: Flags, element: Ints, size: int) -> MeanSquares:
    """How far labels lie from what the model expects, r = label - E(label), V = Var(label).

    infit = sum r^2 / sum V, outfit = mean of r^2 / V; standardised z = (cbrt(mean square) - 1) 3 / q + q / 3 with q the
    model's SD of the mean square (Wilson and Hilferty 1931).

    Source: Wright and Masters 1982, chapter 5.
    """
    p, expected, variance = structure.moments(chosen)
    away = np.arange(structure.table.n_labels) - expected[:, None]
    fourth = (p * away**4).sum(axis=1)
    residual = structure.table.label[chosen] - expected

    def total(values: Floats) -> Floats:
        return sums_by(element, size, values)

    n = np.bincount(element, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        outfit = total(residual**2 / variance) / n
        outfit_sd = np.sqrt(np.maximum(total(fourth / variance**2) / n**2 - 1 / n, 0))
        information = total(variance)
        infit = total(residual**2) / information
        infit_sd = np.sqrt(np.maximum(total(fourth - variance**2), 0)) / information
        error = 1 / np.sqrt(information)
    return MeanSquares(
        infit,
        _standardised(infit, infit_sd),
        outfit,
        _standardised(outfit, outfit_sd),
        np.where(n > 0, error, np.nan),
        n,
    )


def _standardised(mean_square: Floats, sd: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((sd > 0) & (sd <= LARGEST_RELATIVE_SD), (np.cbrt(mean_square) - 1) * 3 / sd + sd / 3, np.nan)


def separate(measure: Floats, error: Floats, what: str, *, homogeneity: Measured, unlinked: str | None) -> Separation:
    """Separation, strata and reliability of the elements that have a measure and an error.

    true variance = observed variance - mean square error; separation G = true SD / root mean square error;
    strata (4 G + 1) / 3; reliability = true / observed variance. The errors are those from information, as in every
    Rasch program, and take the ratings of one video as independent: reliability is the higher for it.

    Args:
        measure, error: One of each per element, NaN where it has none.
        what: Name of the elements.
        homogeneity: The test to go with them.
        unlinked: Why the elements do not share one scale, or None where they do.

    Source: Wright and Masters 1982, chapter 5; Linacre 1989.
    """
    there = np.isfinite(measure) & np.isfinite(error)
    measure, error = measure[there], error[there]
    n = len(measure)
    why = f"fewer than 2 {what} have a measure" if n < 2 else unlinked
    if why is not None:
        none = Measured(None, n, reason=why)
        return Separation(none, none, none, none)
    observed = float(measure.var())
    mean_square_error = float(np.square(error).mean())
    true = max(observed - mean_square_error, 0.0)
    notes = () if true > 0 else (f"the {what} differ no more than their errors do, so the true variance is taken as 0",)
    ratio = math.sqrt(true / mean_square_error)
    if observed == 0:
        reliability = Measured(None, n, reason=f"no variation: all {what} have one measure")
    else:
        reliability = Measured(true / observed, n, notes=notes)
    return Separation(
        Measured(ratio, n, notes=notes), Measured((4 * ratio + 1) / 3, n, notes=notes), reliability, homogeneity
    )


def equal_by_chi_square(measure: Floats, error: Floats) -> Measured:
    """p value of the hypothesis that the elements are equal: sum (m - weighted mean)^2 / error^2 on n - 1 degrees.

    Source: Wright and Masters 1982, chapter 5.
    """
    there = np.isfinite(measure) & np.isfinite(error)
    measure, weight = measure[there], 1 / error[there] ** 2
    n = len(measure)
    if n < 2:
        return Measured(None, n, reason="fewer than 2 have a measure")
    centre = (weight * measure).sum() / weight.sum()
    return Measured(float(scipy.special.chdtrc(n - 1, (weight * (measure - centre) ** 2).sum())), n)


def equal_by_jackknife(structure: Structure, facet: Literal["rater", "step"]) -> Measured:
    """p value of the hypothesis that all raters (steps) in the model are equal; see `joint_test`."""
    measure = structure.severity if facet == "rater" else structure.difficulty
    influence = structure.rater_influence() if facet == "rater" else structure.step_influence()
    extreme = structure.active.extreme_rater if facet == "rater" else structure.active.extreme_step
    n = structure.active.table.n
    there = np.flatnonzero((extreme == 0) & np.isfinite(measure))
    if structure.reason is not None or len(there) < 2:
        return Measured(None, n, reason=structure.reason or f"fewer than 2 {facet}s have a measure")
    first, others = there[0], there[1:]
    return joint_test(measure[others] - measure[first], influence[:, others] - influence[:, [first]], n)


def joint_test(estimates: Floats, influence: Floats, n: int) -> Measured:
    """p value of the hypothesis that all the estimates are 0, from their leave-one-out changes.

    Args:
        estimates: Shape (q,).
        influence: Change of each when a cluster is left out, (n_clusters, q).
        n: Ratings behind them.

    Source: Hotelling's T^2 referred to F(q, n_clusters - q), with the jackknife covariance.
    """
    if not len(estimates):
        return Measured(None, n, reason="nothing to test: fewer than 2 can be compared")
    told = influence[np.abs(influence).max(axis=1, initial=0) > 0]
    clusters, q = len(told), len(estimates)
    if clusters <= q + 1:
        return Measured(None, n, clusters, reason=f"{clusters} clusters are too few for a test of {q} differences")
    away = told - told.mean(axis=0)
    covariance = (clusters - 1) / clusters * away.T @ away
    if np.linalg.matrix_rank(covariance, hermitian=True) < q:
        return Measured(None, n, clusters, reason="leaving out videos moves these differences together or not at all")
    t_square = float(estimates @ np.linalg.solve(covariance, estimates))
    f = t_square * (clusters - q) / (q * (clusters - 1))
    return Measured(float(scipy.special.fdtrc(q, clusters - q, f)), n, clusters)
