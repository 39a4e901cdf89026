"""What one figure of a table says about another: the identities that the auditor checks."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.audit.printed import Printed
from siming.metrics.cells import Floats

Range = tuple[float, float]


def f1_from(precision: float, recall: float) -> float:
    """2 P R / (P + R), and 0 where both are 0.

    >>> round(f1_from(0.183, 1.0), 3)
    0.309
    """
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def mcc_from(precision: ArrayLike, recall: ArrayLike, prevalence: ArrayLike) -> Floats:
    """sqrt(R / P) (P - p) / sqrt((1 - R p / P)(1 - p)), p the share of positives in the reference.

    It falls in p and rises in P; its sign is that of P - p. NaN where no table of counts has these figures.

    >>> round(float(mcc_from(0.6, 0.5, 0.2)), 4)
    0.4472
    """
    p, r, share = (np.asarray(value, dtype=np.float64) for value in (precision, recall, prevalence))
    with np.errstate(divide="ignore", invalid="ignore"):
        called = r * share / p
        above = np.sqrt(r / p) * (p - share)
        below = np.sqrt(np.maximum(1 - called, 0) * (1 - share))
        possible = (p > 0) & (p + 1e-12 >= lowest_precision(r, share))
        found = np.where(np.abs(above) < 1e-12, 0.0, above / below)
    return np.where(possible, np.clip(found, -1, 1), np.nan)


def lowest_precision(recall: ArrayLike, prevalence: ArrayLike) -> Floats:
    """Precision of a rater who, with this recall, calls every negative positive: R p / (1 - p + R p)."""
    found = np.asarray(recall, dtype=np.float64) * np.asarray(prevalence, dtype=np.float64)
    lowest: Floats = found / (1 - np.asarray(prevalence) + found)
    return lowest


def mcc_range(precision: Printed, recall: Printed, prevalence: ArrayLike) -> tuple[Floats, Floats]:
    """Smallest and largest MCC that a table with these rounded figures can have, for each prevalence; NaN where none can.

    MCC rises in precision. In recall it rises or falls, and turns only where precision meets its lowest possible
    value; so the ends and that point hold the extremes.
    """
    share = np.asarray(prevalence, dtype=np.float64)
    p, r = precision.within(1e-9, 1 - 1e-9), recall.within(1e-9, 1)
    # The recall at which a precision is the lowest possible one: more recall needs more precision.
    ceiling, turn = (x * (1 - share) / (share * (1 - x)) for x in (p.high, p.low))
    high = np.minimum(r.high, ceiling)
    possible = high >= r.low - 1e-12
    high = np.maximum(high, r.low)
    recalls = np.array([np.full_like(share, r.low), high, np.clip(turn, r.low, high)])
    lows = mcc_from(np.maximum(p.low, lowest_precision(recalls, share)), recalls, share)
    highs = mcc_from(p.high, recalls, share)
    least = np.fmin.reduce(lows)
    most = np.fmax.reduce(highs)
    return np.where(possible, least, np.nan), np.where(possible, np.fmax(most, least), np.nan)


def accuracy_range(precision: Printed, recall: Printed, prevalence: ArrayLike) -> tuple[Floats, Floats]:
    """Smallest and largest accuracy, 1 - p + R p (2 - 1 / P), for each prevalence; bilinear, so at the corners."""
    share = np.asarray(prevalence, dtype=np.float64)
    p, r = precision.within(1e-9, 1), recall.within(0, 1)
    corners = [1 - share + x * share * (2 - 1 / y) for x in (r.low, r.high) for y in (p.low, p.high)]
    return np.maximum(np.min(corners, axis=0), 0.0), np.max(corners, axis=0)


def prevalence_grid(share: Printed, precision: Printed, recall: Printed, *, points: int) -> Floats:
    """Prevalences within a printed one, its ends included, and the largest that these figures allow at all."""
    p, r = precision.within(1e-9, 1 - 1e-9), recall.within(1e-9, 1)
    low, high = max(share.low, 1e-9), min(share.high, 1 - 1e-9)
    largest = p.high / (p.high + r.low * (1 - p.high))
    grid: Floats = np.unique(np.append(np.linspace(low, high, points), min(max(largest, low), high)))
    return grid


def kappa_floor(
    disagreement: float, imperfect: float, *, weights: Literal["nominal", "quadratic"] = "quadratic"
) -> float:
    """The smallest kappa of two raters who differ in this share of cells, on four levels.

    1 - d / E. Quadratic: at worst every difference is 0 against 3, and all other imperfect cells lie at 2, where they
    spread least; E = 2/9 of the variance of (3 with 1 - p, 2 with p - d/2, 0 with d/2). Nominal: E = 2 p (1 - p). Raters
    whose levels differ in frequency expect more disagreement by chance, so no table falls below.

    Args:
        disagreement: Share d of cells that the two labelled differently.
        imperfect: Share p of labels below full, mean of the two raters; at least d / 2.

    Raises:
        LabelError: Shares out of range.

    >>> round(kappa_floor(0.0106, 0.183), 3), round(kappa_floor(0.0106, 0.183, weights="nominal"), 3)
    (0.746, 0.965)
    """
    d, p = disagreement, imperfect
    if not 0 <= d <= 1 or not d / 2 <= p <= 1 - d / 2:
        raise LabelError(f"disagreement {d:g} with imperfect share {p:g} cannot be: wanted d/2 <= p <= 1 - d/2")
    if weights == "nominal":
        expected = 2 * p * (1 - p)
    else:
        mean = 3 * (1 - p) + 2 * (p - d / 2)
        expected = 2 / 9 * (9 * (1 - p) + 4 * (p - d / 2) - mean**2)
    if d == 0:
        return 1.0
    return 1 - d / expected if expected > 0 else -math.inf


def p_of_correlation(r: float, n: float) -> Range:
    """Two-sided p of a correlation over n videos, by Student's t and by Fisher's z, smaller first."""
    if abs(r) >= 1:
        return 0.0, 0.0
    t = 2 * float(scipy.special.stdtr(n - 2, -abs(r) * math.sqrt((n - 2) / (1 - r * r))))
    z = 2 * float(scipy.special.ndtr(-math.atanh(abs(r)) * math.sqrt(max(n - 3, 0))))
    return min(t, z), max(t, z)


def whole_multiples(low: float, high: float) -> tuple[int, int] | None:
    """First and last whole number in [low, high], None where there is none."""
    first, last = math.ceil(low - 1e-9 * max(1.0, abs(low))), math.floor(high + 1e-9 * max(1.0, abs(high)))
    return (first, last) if first <= last else None
