"""Intraclass correlation of totals: all six forms, their F intervals and F tests.

Which form answers which question: ``1`` if each video had raters of its own, ``A`` if the same raters marked
all videos and a stricter one matters, ``C`` if only the order of the videos matters. ``1`` after the comma is
one rater's total, ``k`` the mean of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Rows, read_rows, read_totals
from siming.metrics.icc_missing import reml_statistic
from siming.metrics.measured import Interval, Measured
from siming.metrics.moments import MeanSquares, mean_squares, row_statistic
from siming.metrics.resample import FEWEST_CLUSTERS, IntervalMethod, Jackknife, measure
from siming.metrics.statistic import Statistic, ratio

Form = Literal["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]

FORMS: tuple[Form, ...] = ("ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)")
"""In the order of Shrout and Fleiss's table."""

Missing = Literal["mixed model", "leave out", "refuse"]


@dataclass(frozen=True, slots=True)
class FInterval:
    """Limits from F distributions, in closed form: nothing is drawn.

    They stand on normal totals in a complete table with one video per cluster.
    """

    level: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise LabelError(f"interval level is {self.level}; give a share between 0 and 1, such as 0.95")


F_INTERVAL = FInterval()


@dataclass(frozen=True, slots=True)
class FTest:
    """Whether the videos differ at all, beyond what the error mean square explains."""

    f: Measured
    """Mean square between videos over that of the error (or within videos, for the one-way form)."""
    p: Measured
    """Chance of an F as large if the correlation were 0."""
    degrees: tuple[int, int]


@dataclass(frozen=True, slots=True)
class IntraclassCorrelations:
    """All that one table of videos by raters says about its raters."""

    forms: Mapping[Form, Measured]
    one_way: FTest
    """Test of the forms ICC(1,1) and ICC(1,k)."""
    two_way: FTest
    """Test of the other four."""
    mean_squares: Mapping[str, Measured]
    """``videos``, ``within``, ``raters``, ``error``."""


def intraclass_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    form: Form = "ICC(A,1)",
    cluster: ArrayLike | None = None,
    interval: FInterval | IntervalMethod | None = F_INTERVAL,
    missing: Missing = "mixed model",
) -> Measured:
    """Share of the variance of totals that comes from the videos, in one of the six forms.

    Args:
        first, second, others: Marks per video of each rater, NaN or None where missing.
        form: See the module; Shrout and Fleiss call A ``2`` and C ``3``.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        interval: `FInterval`, `ClusterBootstrap`, `Jackknife` or None. Where several videos share a cluster
            F limits would be too narrow, and the jackknife by cluster takes their place; where totals are missing
            they do not exist, and the jackknife takes theirs.
        missing: What to do where a rater left out a video. ``mixed model``: keep every total, estimate the
            variances by restricted maximum likelihood (right if what is missing does not depend on what it
            would have been; k stays the number of raters). ``leave out``: the videos that all raters marked.
            ``refuse``: no value, and the reason. A complete table is treated alike by all three.

    Returns:
        A value of at most 1, negative where raters disagree more within videos than between them; None for
        fewer than two videos or when the totals do not vary.

    Raises:
        LabelError: An infinite total, arrays of different length, no videos, or an unknown form.

    Source: Shrout and Fleiss 1979; McGraw and Wong 1996, tables 4 and 7.

    >>> round(intraclass_correlation([9, 6, 8], [2, 1, 4], form="ICC(C,1)").value, 6)
    0.5
    """
    if form not in FORMS:
        raise LabelError(f"unknown form {form!r}; give one of {', '.join(FORMS)}")
    raters = [first, second, *others]
    gaps = sum(int(np.isnan(read_totals(r, f"rater {number}")).sum()) for number, r in enumerate(raters, start=1))
    if gaps and missing == "refuse":
        rows = read_rows(raters, cluster=cluster)
        reason = f"{gaps} totals are missing; ask for missing='mixed model' or 'leave out', or complete the table"
        return Measured(None, rows.n, rows.n_clusters, left_out={"missing": rows.missing}, reason=reason)
    if gaps and missing == "mixed model":
        by_reml = Jackknife(interval.level) if isinstance(interval, FInterval) else interval
        return measure(reml_statistic(raters, form=form, cluster=cluster), by_reml)
    rows = read_rows(raters, cluster=cluster)
    return _measured(rows, form, interval)


def intraclass_correlations(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    cluster: ArrayLike | None = None,
    interval: FInterval | IntervalMethod | None = F_INTERVAL,
) -> IntraclassCorrelations:
    """All six forms with the F tests and mean squares, over the videos that every rater marked.

    Arguments and source as in `intraclass_correlation`.
    """
    rows = read_rows([first, second, *others], cluster=cluster)
    squares = _plain_squares(rows)
    n, k = rows.n, rows.totals.shape[1]

    def number(value: float) -> Measured:
        reason = "fewer than 2 videos" if math.isnan(value) else None
        return Measured(
            None if reason else value, n, rows.n_clusters, reason=reason, left_out={"missing": rows.missing}
        )

    return IntraclassCorrelations(
        forms={form: _measured(rows, form, interval) for form in FORMS},
        one_way=_f_test(rows, squares.rows[0], squares.within[0], (n - 1, n * (k - 1))),
        two_way=_f_test(rows, squares.rows[0], squares.error[0], (n - 1, (n - 1) * (k - 1))),
        mean_squares={
            "videos": number(float(squares.rows[0])),
            "within": number(float(squares.within[0])),
            "raters": number(float(squares.raters[0])),
            "error": number(float(squares.error[0])),
        },
    )


def intraclass_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    form: Form = "ICC(A,1)",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """One form with its data filled in, over complete videos, for resampling and comparison."""
    return _statistic(read_rows([first, second, *others], cluster=cluster), form)


def icc_of(squares: MeanSquares, form: Form) -> Floats:
    """The form's value from mean squares; NaN where it is undefined."""
    noise = squares.within if form.startswith("ICC(1") else squares.error
    above = squares.rows - noise
    spread_of_raters = ratio(squares.raters - squares.error, squares.n) if "A" in form else np.zeros_like(above)
    if form.endswith("1)"):
        scale = squares.rows + (squares.k - 1) * noise + squares.k * spread_of_raters
    else:
        scale = squares.rows + spread_of_raters
    # Raters who are constant, each at a level of his own, say nothing about any video; and a total variance
    # that is estimated below 0 is no yardstick.
    usable = (squares.rows + noise > 0) & (scale > 0)
    return ratio(above, np.where(usable, scale, 0))


def _statistic(rows: Rows, form: Form) -> Statistic:
    squares = mean_squares(rows)
    return row_statistic(
        rows,
        squares.into(lambda ms: icc_of(ms, form)),
        squares.width,
        why="fewer than 2 videos" if rows.n < 2 else _why_undefined(rows),
        bounds=(-math.inf, 1.0),
        scale="fisher" if form.endswith(",1)") else "plain",
    )


def _why_undefined(rows: Rows) -> str:
    if (rows.totals == rows.totals[0]).all():
        return "no variation: every rater gave every video one total"
    return "the mean totals of the videos do not vary more than the raters' noise allows"


def _measured(rows: Rows, form: Form, interval: FInterval | IntervalMethod | None) -> Measured:
    statistic = _statistic(rows, form)
    if not isinstance(interval, FInterval):
        return measure(statistic, interval)
    if not rows.row_is_cluster:
        return measure(statistic, Jackknife(interval.level))
    plain = measure(statistic, None)
    if plain.value is None:
        return plain
    limits = _f_limits(_plain_squares(rows), form, plain.value, interval.level)
    return f_measured(plain, limits, interval.level, "Satterthwaite" if "A" in form else "exact")


def f_measured(plain: Measured, limits: tuple[float, float] | str, level: float, kind: str) -> Measured:
    """A value with the F limits that belong to it, or with the reason why it has none."""
    if (plain.n_clusters or 0) < FEWEST_CLUSTERS:
        return replace(plain, interval_reason=f"{plain.n_clusters} clusters are fewer than {FEWEST_CLUSTERS}")
    if isinstance(limits, str):
        return replace(plain, interval_reason=limits)
    return replace(plain, interval=Interval(*limits, level, f"F, {kind}"), interval_reason=None)


def f_ratio_limits(f: float, between: float, error: float, level: float) -> tuple[float, float]:
    """Limits of the ratio of two expected mean squares whose observed ratio is `f`."""
    upper_tail = (1 + level) / 2
    low = f / scipy.special.fdtri(between, error, upper_tail)
    return float(low), float(f * scipy.special.fdtri(error, between, upper_tail))


def _f_limits(squares: MeanSquares, form: Form, value: float, level: float) -> tuple[float, float] | str:
    n, k = float(squares.n[0]), squares.k
    rows, raters, error, within = (
        float(each[0]) for each in (squares.rows, squares.raters, squares.error, squares.within)
    )
    if (within if form.startswith("ICC(1") else error) == 0:
        return "the raters differ by no noise at all, so there is no F to take limits from"
    if rows == 0:
        return "the mean totals of the videos are all equal, so there is no F to take limits from"
    single = form.endswith("1)")
    if "A" not in form:
        one_way = form.startswith("ICC(1")
        noise, degrees = (within, n * (k - 1)) if one_way else (error, (n - 1) * (k - 1))
        low, high = f_ratio_limits(rows / noise, n - 1, degrees, level)
        return ((low - 1) / (low + k - 1), (high - 1) / (high + k - 1)) if single else (1 - 1 / low, 1 - 1 / high)
    one = value if single else value / (k - (k - 1) * value)
    if one == 1:
        return "perfect agreement has no width"
    a = k * one / (n * (1 - one))
    b = 1 + a * (n - 1)
    own = (a * raters) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
    degrees = (a * raters + b * error) ** 2 / own
    upper_tail = (1 + level) / 2
    f_low = float(scipy.special.fdtri(n - 1, degrees, upper_tail))
    f_high = float(scipy.special.fdtri(degrees, n - 1, upper_tail))
    shared = k * raters + (k * n - k - n) * error
    limits = (
        n * (rows - f_low * error) / (f_low * shared + n * rows),
        n * (f_high * rows - error) / (shared + n * f_high * rows),
    )
    if single:
        return limits
    low, high = (k * limit / (1 + (k - 1) * limit) for limit in limits)
    return low, high


def _plain_squares(rows: Rows) -> MeanSquares:
    return mean_squares(rows).of(np.ones((1, rows.n_clusters)))


def _f_test(rows: Rows, between: float, noise: float, degrees: tuple[int, int]) -> FTest:
    left_out = {"missing": rows.missing}
    if rows.n < 2 or noise == 0:
        reason = "fewer than 2 videos" if rows.n < 2 else "the raters differ by no noise at all, so F is not finite"
        nothing = Measured(None, rows.n, rows.n_clusters, left_out=left_out, reason=reason)
        return FTest(nothing, nothing, degrees)
    f = float(between / noise)
    notes = () if rows.row_is_cluster else ("several videos share a cluster: p treats them as independent",)
    p = float(scipy.special.fdtrc(*degrees, f))
    return FTest(
        Measured(f, rows.n, rows.n_clusters, left_out=left_out, notes=notes),
        Measured(p, rows.n, rows.n_clusters, left_out=left_out, notes=notes),
        degrees,
    )
