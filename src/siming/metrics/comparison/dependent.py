"""Two correlations from the same videos: closed forms, from the correlations alone.

They need no data, only printed numbers and n, so they judge other people's tables; where the data are at hand
`paired_difference` assumes less. All of them take totals to be roughly normal and videos to be independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, read_rows
from siming.metrics.measured import Interval, Measured
from siming.metrics.resample import FEWEST_CLUSTERS

FEWEST_VIDEOS = 4
"""Fisher's z has standard error 1 / sqrt(n - 3)."""


@dataclass(frozen=True, slots=True)
class SignificanceTest:
    """A test statistic and its two-sided p value."""

    name: str
    statistic: Measured
    p_value: Measured
    degrees: int | None
    """Degrees of freedom of Student's t; None for a normal statistic."""
    source: str


@dataclass(frozen=True, slots=True)
class CorrelationComparison:
    """How two correlations with one criterion differ."""

    difference: Measured
    """First minus second, with Zou's interval."""
    meng: SignificanceTest
    williams: SignificanceTest


def compare_correlations(
    reference: ArrayLike, first_model: ArrayLike, second_model: ArrayLike, *, level: float = 0.95
) -> CorrelationComparison:
    """Whose totals follow the reference more closely, by closed forms; videos that any of the three lacks go.

    Raises:
        LabelError: As `pearson_correlation`.
    """
    rows = read_rows([reference, first_model, second_model])
    if rows.n < FEWEST_VIDEOS or (rows.totals == rows.totals[:1]).all(axis=0).any():
        why = (
            f"{rows.n} videos are fewer than {FEWEST_VIDEOS}"
            if rows.n < FEWEST_VIDEOS
            else "no variation: a side is constant"
        )
        return _undefined_comparison(rows.n, why)
    r: Floats = np.atleast_2d(np.corrcoef(rows.totals.T))
    found = compare_printed_correlations(float(r[0, 1]), float(r[0, 2]), float(r[1, 2]), n=rows.n, level=level)
    if rows.n < FEWEST_CLUSTERS:
        why = f"{rows.n} clusters are fewer than {FEWEST_CLUSTERS}"
        found = replace(found, difference=replace(found.difference, interval=None, interval_reason=why))
    return found


def compare_printed_correlations(
    r_first: float, r_second: float, r_between: float, *, n: int, level: float = 0.95
) -> CorrelationComparison:
    """The same from printed numbers: two correlations with one criterion, and the one between the two models.

    Raises:
        LabelError: A correlation outside [-1, 1], or three that cannot occur together.

    >>> found = compare_printed_correlations(0.396, 0.179, 0.088, n=66).difference
    >>> round(found.interval.low, 3), round(found.interval.high, 3)
    (-0.093, 0.517)
    """
    return CorrelationComparison(
        difference=zou_interval(r_first, r_second, r_between, n=n, level=level),
        meng=meng_test(r_first, r_second, r_between, n=n),
        williams=williams_test(r_first, r_second, r_between, n=n),
    )


def zou_interval(r_first: float, r_second: float, r_between: float, *, n: int, level: float = 0.95) -> Measured:
    """Difference of two correlations that share a criterion, with an interval that keeps Fisher's skewness.

    L = d - sqrt((r1 - l1)^2 + (u2 - r2)^2 - 2 c (r1 - l1)(u2 - r2)), U likewise, with l and u the Fisher limits
    and c the correlation of the two correlations.

    Source: Zou 2007.
    """
    _check_triple(r_first, r_second, r_between)
    if not 0 < level < 1:
        raise LabelError(f"level is {level}; give a share between 0 and 1, such as 0.95")
    difference = r_first - r_second
    why = _why_not(n, r_first, r_second)
    if why is not None:
        return Measured(difference, n, n, interval_reason=why)
    (low1, high1), (low2, high2) = (fisher_limits(r, n=n, level=level) for r in (r_first, r_second))
    c = _correlation_of_correlations(r_first, r_second, r_between)
    down, up = (r_first - low1, high2 - r_second), (high1 - r_first, r_second - low2)
    low, high = (math.sqrt(max(0.0, a * a + b * b - 2 * c * a * b)) for a, b in (down, up))
    interval = Interval(difference - low, difference + high, level, "Zou 2007, closed form")
    return Measured(difference, n, n, interval=interval)


def meng_test(r_first: float, r_second: float, r_between: float, *, n: int) -> SignificanceTest:
    """z of the difference of two correlations that share a criterion.

    z = (z1 - z2) sqrt((n - 3) / (2 (1 - r12) h)), h = (1 - f m) / (1 - m), f = min(1, (1 - r12) / (2 (1 - m))),
    m the mean of the squared correlations.

    Source: Meng, Rosenthal and Rubin 1992.
    """
    source = "Meng, Rosenthal and Rubin 1992"
    _check_triple(r_first, r_second, r_between)
    why = _why_not(n, r_first, r_second)
    if why is None and r_between == 1:
        why = "the two models are perfectly correlated, so their correlations cannot differ"
    if why is not None:
        return _no_test("z", source, n, why)
    mean_square = (r_first**2 + r_second**2) / 2
    f = min(1.0, (1 - r_between) / (2 * (1 - mean_square)))
    h = (1 - f * mean_square) / (1 - mean_square)
    z = (math.atanh(r_first) - math.atanh(r_second)) * math.sqrt((n - 3) / (2 * (1 - r_between) * h))
    return _normal_test(z, n, source)


def williams_test(r_first: float, r_second: float, r_between: float, *, n: int) -> SignificanceTest:
    """t of the difference of two correlations that share a criterion, with n - 3 degrees of freedom.

    t = (r1 - r2) sqrt((n - 1)(1 + r12) / (2 (n - 1)/(n - 3) |R| + m^2 (1 - r12)^3)), |R| the determinant of the
    three correlations, m the mean of the first two.

    Source: Williams 1959; Steiger 1980.
    """
    source = "Williams 1959; Steiger 1980"
    determinant = _check_triple(r_first, r_second, r_between)
    why = _why_not(n, r_first, r_second)
    below = 0.0
    if why is None:
        mean = (r_first + r_second) / 2
        below = 2 * (n - 1) / (n - 3) * max(0.0, determinant) + mean**2 * (1 - r_between) ** 3
        if below <= 0:
            why = "the three correlations leave nothing to chance"
    if why is not None:
        return _no_test("t", source, n, why)
    t = (r_first - r_second) * math.sqrt((n - 1) * (1 + r_between) / below)
    p = 2 * float(scipy.special.stdtr(n - 3, -abs(t)))
    return SignificanceTest("t", Measured(t, n, n), Measured(p, n, n), n - 3, source)


def steiger_test(r12: float, r34: float, *, r13: float, r14: float, r23: float, r24: float, n: int) -> SignificanceTest:
    """z of the difference of two correlations that share no variable but come from the same videos.

    Such as model against reference in one skill, and in another. The covariance of the two is taken at their
    mean, r12 = r34 = their average.

    Raises:
        LabelError: A correlation outside [-1, 1], or six that cannot occur together.

    Source: Steiger 1980, equation 15 with pooled correlations.
    """
    source = "Steiger 1980, pooled"
    everything = np.array([[1, r12, r13, r14], [r12, 1, r23, r24], [r13, r23, 1, r34], [r14, r24, r34, 1]])
    _check_possible(everything)
    why = _why_not(n, r12, r34)
    if why is not None:
        return _no_test("z", source, n, why)
    m = (r12 + r34) / 2
    covariance = (
        (r13 - m * r23) * (r24 - r23 * m)
        + (r14 - r13 * m) * (r23 - m * r13)
        + (r13 - r14 * m) * (r24 - m * r14)
        + (r14 - m * r24) * (r23 - r24 * m)
    ) / (2 * (1 - m * m) ** 2)
    if covariance >= 1:
        return _no_test("z", source, n, "the two correlations vary as one, so they cannot differ")
    z = (math.atanh(r12) - math.atanh(r34)) * math.sqrt((n - 3) / (2 - 2 * covariance))
    return _normal_test(z, n, source)


def fisher_limits(r: float, *, n: int, level: float = 0.95) -> tuple[float, float]:
    """Limits tanh(atanh r +- z / sqrt(n - 3)) of one correlation of normal totals.

    Raises:
        LabelError: Fewer than 4 videos, or a correlation of 1 or -1.

    Source: Fisher 1921.
    """
    why = _why_not(n, r)
    if why is not None or not abs(r) < 1:
        raise LabelError(f"no limits for r = {r:g} over {n} videos: {why or 'a correlation lies from -1 to 1'}")
    half = float(scipy.special.ndtri((1 + level) / 2)) / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def _correlation_of_correlations(r1: float, r2: float, r12: float) -> float:
    above = (r12 - r1 * r2 / 2) * (1 - r1**2 - r2**2 - r12**2) + r12**3
    return above / ((1 - r1**2) * (1 - r2**2))


def _check_triple(r1: float, r2: float, r12: float) -> float:
    return _check_possible(np.array([[1, r1, r2], [r1, 1, r12], [r2, r12, 1]]))


def _check_possible(matrix: Floats) -> float:
    """The determinant of a correlation matrix that can exist."""
    worst = matrix.ravel()[np.nanargmax(np.abs(matrix))] if not np.isnan(matrix).any() else math.nan
    if not abs(worst) <= 1:
        raise LabelError(f"correlation {worst:g} is not from -1 to 1; give each as printed, such as 0.158")
    if np.linalg.eigvalsh(matrix).min() < -1e-9:
        off = ", ".join(f"{r:g}" for r in matrix[np.triu_indices(len(matrix), k=1)])
        raise LabelError(f"correlations {off} cannot occur together; check which two variables each belongs to")
    return float(np.linalg.det(matrix))


def _why_not(n: int, *correlations: float) -> str | None:
    if n < FEWEST_VIDEOS:
        return f"{n} videos are fewer than {FEWEST_VIDEOS}"
    if any(abs(r) == 1 for r in correlations):
        return "a correlation of exactly 1 or -1 has no standard error"
    return None


def _normal_test(z: float, n: int, source: str) -> SignificanceTest:
    p = 2 * float(scipy.special.ndtr(-abs(z)))
    return SignificanceTest("z", Measured(z, n, n), Measured(p, n, n), None, source)


def _no_test(name: str, source: str, n: int, why: str) -> SignificanceTest:
    nothing = Measured(None, n, n, reason=why)
    return SignificanceTest(name, nothing, nothing, None, source)


def _undefined_comparison(n: int, why: str) -> CorrelationComparison:
    return CorrelationComparison(
        Measured(None, n, n, reason=why),
        _no_test("z", "Meng, Rosenthal and Rubin 1992", n, why),
        _no_test("t", "Williams 1959; Steiger 1980", n, why),
    )
