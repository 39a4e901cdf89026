"""Is one rater systematically stricter? Tests and sizes of unequal use of the labels.

The classical tests take cells as independent. The steps of one video are not, so with `cluster` each sum
over cells is taken per video first; with one cell per video that is the classical test to the digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Cells, Floats, read_cells
from siming.metrics.comparison.multiplicity import holm
from siming.metrics.measured import Interval, Measured
from siming.metrics.resample import FEWEST_CLUSTERS, t_quantile

_INDEPENDENT = "cells taken as independent: no cluster ids were given"
_NO_PAIRS = "no pairs: every cell lacks a rater's value"


@dataclass(frozen=True, slots=True)
class HomogeneityTest:
    """Whether two raters use every label equally often."""

    statistic: Measured
    """Chi-square distributed if they do."""
    degrees: int
    """Degrees of freedom: contrasts among labels on which the raters differ at all."""
    p_value: Measured


@dataclass(frozen=True, slots=True)
class McNemar:
    """Which of two raters calls one step wrong more often."""

    only_first: int
    """Cells that only the first rater calls wrong."""
    only_second: int
    p_value: Measured
    p_holm: Measured
    """The same, corrected for the number of steps."""


@dataclass(frozen=True, slots=True)
class LevelDifference:
    """Mean of first minus second label; above 0, the first rater is the more generous."""

    difference: Measured
    z: Measured
    """Difference over its cluster-robust standard error."""
    p_value: Measured
    """Two-sided, by the t distribution with clusters - 1 degrees of freedom."""


def stuart_maxwell(
    first: ArrayLike, second: ArrayLike, *, n_labels: int, cluster: ArrayLike | None = None
) -> HomogeneityTest:
    """Test of equal use of all labels: d' S^-1 d, with the variance S worked out as if they were equal.

    d_q is how often the first rater gives label q less how often the second does; S = sum over clusters of
    d_c d_c'. With two labels it is McNemar's test (with clusters, Durkalski's). Labels on which the raters
    never differ drop out.

    Args:
        first, second: Labels in [0, n_labels), one per cell, -1 or None where missing.
        n_labels: Length of the scale.
        cluster: Video (or candidate) of each cell; without it each cell stands for itself, and a note says so.

    Returns:
        None when the raters differ on no cell, or when there are fewer than 5 clusters.

    Raises:
        LabelError: A label outside the scale, no cells at all, or arrays of different length.

    Source: Stuart 1955; Maxwell 1970; clusters, after Durkalski, Palesch, Lipsitz and Rust 2003.

    >>> test = stuart_maxwell([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], n_labels=2)
    >>> round(test.statistic.value, 4), test.degrees  # (2 - 1)^2 / (2 + 1)
    (0.3333, 1)
    """
    return _homogeneity(read_cells(first, second, n_labels=n_labels, cluster=cluster), own_mean=False)


def bhapkar(first: ArrayLike, second: ArrayLike, *, n_labels: int, cluster: ArrayLike | None = None) -> HomogeneityTest:
    """Test of equal use of all labels, with the variance worked out from the data as they are.

    Equal to X / (1 - X / n), X the statistic of `stuart_maxwell` and n the clusters: never smaller than X, and
    the more powerful the farther apart the raters are. With few clusters it finds differences too easily: of
    4,000 simulated pairs of equally strict raters over 40 videos it called 8 % unequal at the 5 % bound, where
    `stuart_maxwell` called 4 %. Arguments and undefined cases as there.

    Source: Bhapkar 1966; relation to Stuart-Maxwell, Keefe 1982.
    """
    return _homogeneity(read_cells(first, second, n_labels=n_labels, cluster=cluster), own_mean=True)


def mcnemar_by_step(
    first_wrong: ArrayLike,
    second_wrong: ArrayLike,
    *,
    step: ArrayLike,
    method: Literal["exact", "mid-p"] = "exact",
) -> dict[int | str, McNemar]:
    """For each step, whether one rater calls it wrong more often; p values corrected by Holm over the steps.

    Of the cells on which the two differ, each rater should be the stricter one in half. The cells of one step
    must be independent: one per candidate.

    Args:
        first_wrong, second_wrong: True where the step was done wrong, -1 or None where missing.
        step: Step of each cell, int or string.
        method: ``exact``, the binomial test; ``mid-p`` counts the observed outcome half, which keeps its
            level in practice and misses less.

    Returns:
        Step id to result, in sorted order. p is None for a step on which the two never differ; such steps
        count in the correction all the same.

    Raises:
        LabelError: As in `stuart_maxwell`, or an unknown method.

    Source: McNemar 1947; mid-p, Fagerland, Lydersen and Laake 2013; Holm 1979.

    >>> mcnemar_by_step([1, 1, 1, 1], [0, 0, 0, 1], step=["a"] * 4)["a"].p_value.value  # 2 / 2^3
    0.25
    """
    if method not in ("exact", "mid-p"):
        raise LabelError(f"unknown method {method!r}; give 'exact' or 'mid-p'")
    cells = read_cells(first_wrong, second_wrong, n_labels=2, step=step)
    ids, numbers = np.unique(np.asarray(step), return_inverse=True)
    handed_in = np.bincount(numbers, minlength=len(ids))
    place = (cells.step * 2 + cells.first) * 2 + cells.second
    tables = np.bincount(place, minlength=len(ids) * 4).reshape(len(ids), 2, 2)
    used = tables.sum(axis=(1, 2))
    only_first, only_second = tables[:, 1, 0], tables[:, 0, 1]
    p_values = [_binomial(int(b), int(c), method) for b, c in zip(only_first, only_second, strict=True)]

    def measured(at: int, p: float | None) -> Measured:
        left_out = {"missing": int(handed_in[at] - used[at])}
        reason = None if p is not None else "the raters differ on no cell of this step" if used[at] else _NO_PAIRS
        return Measured(p, int(used[at]), left_out=left_out, reason=reason)

    return {
        one.item(): McNemar(int(only_first[at]), int(only_second[at]), measured(at, p), measured(at, corrected))
        for at, (one, p, corrected) in enumerate(zip(ids, p_values, holm(p_values), strict=True))
    }


def mean_level_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    cluster: ArrayLike,
    level: float = 0.95,
) -> LevelDifference:
    """How much higher the first rater's labels lie on average, in levels, tested with whole videos as units.

    z = mean / SE with SE^2 = C / (C - 1) sum over the C clusters of (sum of (difference - mean))^2 / cells^2.

    Args:
        first, second, n_labels: As in `stuart_maxwell`.
        cluster: Video (or candidate) of each cell. Required: without it the test would take cells as independent.
        level: Coverage of the interval.

    Returns:
        z and p are None when all clusters lie equally far from the mean difference (as when the raters never
        differ), or when there are fewer than 5 of them.

    Raises:
        LabelError: As in `stuart_maxwell`, or a level outside (0, 1).

    Source: sandwich variance of a mean, Liang and Zeger 1986.
    """
    if not 0 < level < 1:
        raise LabelError(f"interval level is {level}; give a share between 0 and 1, such as 0.95")
    cells = read_cells(first, second, n_labels=n_labels, cluster=cluster)
    left_out = {"missing": cells.missing}
    if not cells.n:
        nothing = Measured(None, 0, 0, left_out=left_out, reason=_NO_PAIRS)
        return LevelDifference(nothing, nothing, nothing)
    apart = (cells.first - cells.second).astype(np.float64)
    mean = float(apart.mean())
    by_cluster = np.bincount(cells.cluster, weights=apart, minlength=cells.n_clusters)
    size = np.bincount(cells.cluster, minlength=cells.n_clusters)
    c = cells.n_clusters
    residual = by_cluster - mean * size
    error = float(np.sqrt(c / max(c - 1, 1) * np.square(residual).sum())) / cells.n
    why = None
    if c < FEWEST_CLUSTERS:
        why = f"{c} clusters are fewer than {FEWEST_CLUSTERS}"
    elif error <= 1e-12:  # differences are whole levels; anything this small is rounding
        why = "every cluster lies at the mean difference, so these clusters cannot tell a width"

    if why is not None:
        untested = Measured(None, cells.n, c, left_out=left_out, reason=why)
        return LevelDifference(Measured(mean, cells.n, c, interval_reason=why, left_out=left_out), untested, untested)
    half = t_quantile(level, c - 1) * error
    interval = Interval(mean - half, mean + half, level, "cluster-robust t")
    z = mean / error
    p = float(2 * scipy.special.stdtr(c - 1, -abs(z)))
    return LevelDifference(
        difference=Measured(mean, cells.n, c, interval=interval, left_out=left_out),
        z=Measured(z, cells.n, c, left_out=left_out),
        p_value=Measured(p, cells.n, c, left_out=left_out),
    )


def _homogeneity(cells: Cells, *, own_mean: bool) -> HomogeneityTest:
    k = cells.n_labels
    units = cells.n_clusters if cells.clustered else cells.n
    place = cells.cluster if cells.clustered else np.arange(cells.n)
    first = np.bincount(place * k + cells.first, minlength=units * k)
    second = np.bincount(place * k + cells.second, minlength=units * k)
    apart = (first - second).reshape(units, k).astype(np.float64)
    spread = apart.T @ apart
    degrees = int(np.linalg.matrix_rank(spread, hermitian=True)) if cells.n else 0

    def measured(value: float | None, reason: str | None = None) -> Measured:
        return Measured(
            value,
            cells.n,
            cells.n_clusters if cells.clustered else None,
            left_out={"missing": cells.missing},
            reason=reason,
            notes=() if cells.clustered else (_INDEPENDENT,),
        )

    def undefined(reason: str) -> HomogeneityTest:
        return HomogeneityTest(measured(None, reason), degrees, measured(None, reason))

    if not cells.n:
        return undefined(_NO_PAIRS)
    if cells.clustered and units < FEWEST_CLUSTERS:
        return undefined(f"{units} clusters are fewer than {FEWEST_CLUSTERS}")
    if degrees == 0:
        return undefined(
            "no variation: the raters use the labels equally often in every cluster, or every cell where none are given"
        )
    if degrees >= units:
        return undefined(f"{units} independent units cannot tell {degrees} contrasts apart from chance")
    value = _wald(apart.sum(axis=0), spread)
    if own_mean:
        if value >= units * (1 - 1e-12):
            return undefined("every cluster leans the same way, so the data hold no variance about that lean")
        value = value / (1 - value / units)
    return HomogeneityTest(measured(value), degrees, measured(float(scipy.special.chdtrc(degrees, value))))


def _wald(total: Floats, spread: Floats) -> float:
    # The differences of all labels add up to 0, so the matrix has no inverse; the pseudo-inverse gives what
    # leaving out any one label would.
    return float(total @ np.linalg.pinv(spread, hermitian=True) @ total)


def _binomial(only_first: int, only_second: int, method: str) -> float | None:
    """Two-sided p of this split, if either rater were equally likely to be the stricter one."""
    differ, fewer = only_first + only_second, min(only_first, only_second)
    if not differ:
        return None
    at_most = float(scipy.special.bdtr(fewer, differ, 0.5))
    if method == "exact":
        return min(1.0, 2 * at_most)
    observed = at_most - (float(scipy.special.bdtr(fewer - 1, differ, 0.5)) if fewer else 0.0)
    return min(1.0, 2 * at_most - observed)
