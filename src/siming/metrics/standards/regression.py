"""Pass marks from global grades: borderline regression, for one station or an exam of several, and borderline group.

Each needs, beside the marks, the examiner's grade of the whole performance, given without adding up the marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Rows
from siming.metrics.columns import read_columns, read_table
from siming.metrics.measured import Interval, Measured
from siming.metrics.moments import lower_median, per_cluster, row_statistic, square_deviation
from siming.metrics.resample import (
    BCA,
    FEWEST_CLUSTERS,
    MOST_UNDEFINED,
    ClusterBootstrap,
    IntervalMethod,
    Jackknife,
    bootstrap_values,
    measure,
    t_quantile,
)
from siming.metrics.statistic import Statistic, ratio, weighted_sums

PERCENTILE = ClusterBootstrap()


@dataclass(frozen=True, slots=True)
class BorderlineRegression:
    """The line of marks on global grades, and the mark it gives a borderline candidate."""

    cut: Measured
    """Marks of the line at the borderline grade: the pass mark."""
    intercept: Measured
    slope: Measured
    """Inter-grade discrimination: marks per grade."""
    r_squared: Measured
    standard_error: Measured
    """Of the cut, in marks, from the regression."""
    bootstrap_rmse: Measured
    """Of the cut, in marks: root mean squared distance of the cuts of redrawn candidates from this one."""
    borderline: float


@dataclass(frozen=True, slots=True)
class ExamStandard:
    """The pass mark of several stations that the same candidates took."""

    cut: Measured
    """Mean of the stations' cuts; candidates are redrawn with all their stations."""
    bootstrap_rmse: Measured
    stations: tuple[BorderlineRegression, ...]


def borderline_regression(
    scores: ArrayLike,
    grades: ArrayLike,
    *,
    borderline: float,
    scale: Sequence[float],
    cluster: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 10_000,
    seed: int = 0,
) -> BorderlineRegression:
    """Pass mark by borderline regression: marks are regressed on global grades and read off at the borderline grade.

    cut = a + b x0, with standard error s sqrt(1/n + (x0 - mean)^2 / Sxx), s^2 with n - 2 degrees of freedom. The
    interval is the t interval of that; where several videos share a cluster, the jackknife by cluster.

    Args:
        scores: Marks per video, NaN or None where missing.
        grades: Global grade per video, NaN or None where missing.
        borderline: The grade that stands for a just acceptable candidate.
        scale: All grades there are; never inferred, so that a typing error is found.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        level: Of the intervals.
        replicates, seed: Of the bootstrap behind `bootstrap_rmse`.

    Returns:
        Values are None for fewer than two candidates, or when all got the same grade. A line that falls, or a
        borderline grade that nobody got, is noted at the cut.

    Raises:
        LabelError: A grade or a borderline off the scale, or lists of different length.

    Source: Kramer et al. 2003; Homer, Fuller, Hallam and Pell 2020 for the bootstrap RMSE.

    >>> round(borderline_regression([40, 52, 58, 70], [1, 2, 2, 3], borderline=2, scale=[1, 2, 3]).cut.value, 6)
    55.0
    """
    rows = _graded(scores, grades, borderline, scale, cluster)
    return _regression(rows, borderline, level=level, replicates=replicates, seed=seed)


def exam_borderline_regression(
    scores: ArrayLike,
    grades: ArrayLike,
    *,
    borderline: float,
    scale: Sequence[float],
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
    replicates: int = 10_000,
    seed: int = 0,
) -> ExamStandard:
    """Pass mark of an exam of several stations: the mean of their borderline-regression cuts.

    Args:
        scores, grades: Shape (candidates, stations), NaN where missing; each station uses the candidates that
            have both.

    Other arguments, undefined cases and errors as in `borderline_regression`; `level` is that of `interval`.
    """
    marks, given = np.asarray(scores, dtype=np.float64), np.asarray(grades, dtype=np.float64)
    if marks.ndim != 2 or marks.shape != given.shape:
        raise LabelError(
            f"scores have shape {marks.shape} and grades {given.shape}; give both one row per candidate and "
            "one column per station"
        )
    stations = [
        _graded(marks[:, at], given[:, at], borderline, scale, np.arange(len(marks)) if cluster is None else cluster)
        for at in range(marks.shape[1])
    ]
    everyone = read_table(np.hstack([marks, given]), "column", cluster=cluster, complete=False)
    n_stations = len(stations)
    offsets = [lower_median(rows.totals[:, 0]) for rows in stations]
    units = np.hstack(
        [
            per_cluster(
                everyone,
                _line_sums(everyone.totals[:, at] - offset, everyone.totals[:, n_stations + at] - borderline),
            )
            for at, offset in enumerate(offsets)
        ]
    )

    def of(weights: Floats) -> Floats:
        sums = weighted_sums(weights, units).reshape(len(weights), n_stations, -1)
        cuts = [offset + _line(sums[:, at]).height for at, offset in enumerate(offsets)]
        mean: Floats = np.mean(cuts, axis=0)
        return mean

    why = "a station has no line: fewer than 2 candidates, or all got the same grade"
    statistic = row_statistic(everyone, of, units.shape[1], why=why)
    cut = measure(statistic, interval)
    level = 0.95 if interval is None else interval.level
    return ExamStandard(
        cut=cut,
        bootstrap_rmse=_rmse(statistic, cut, replicates, seed),
        stations=tuple(
            _regression(rows, borderline, level=level, replicates=replicates, seed=seed) for rows in stations
        ),
    )


def borderline_group(
    scores: ArrayLike,
    grades: ArrayLike,
    *,
    borderline: float,
    scale: Sequence[float],
    average: Literal["median", "mean"] = "median",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = PERCENTILE,
) -> Measured:
    """Pass mark by the borderline group: the median (or mean) marks of the candidates graded borderline.

    Only those candidates are redrawn. Do not ask for a jackknife of the median: it is not smooth enough for one.
    Arguments as in `borderline_regression`.

    Returns:
        None when nobody got the borderline grade. `left_out` counts the other grades.

    Raises:
        LabelError: As in `borderline_regression`, or an unknown average.

    Source: Livingston and Zieky 1982.

    >>> borderline_group([40, 52, 55, 60], [1, 2, 2, 3], borderline=2, scale=[1, 2, 3]).value
    53.5
    """
    if average not in ("median", "mean"):
        raise LabelError(f"unknown average {average!r}; give 'median' or 'mean'")
    everyone = _graded(scores, grades, borderline, scale, cluster)
    chosen = everyone.totals[:, 1] == borderline
    left_out = {"missing": everyone.missing, "other_grades": int((~chosen).sum())}
    if not chosen.any():
        return Measured(None, 0, 0, left_out=left_out, reason=f"no candidate has the borderline grade {borderline:g}")
    rows = read_columns({"scores": everyone.totals[chosen, 0]}, cluster=everyone.cluster[chosen])
    statistic = row_statistic(rows, _mean_of(rows) if average == "mean" else _median_of(rows), 2 * rows.n)
    return measure(replace(statistic, left_out=left_out), interval)


def _graded(
    scores: ArrayLike, grades: ArrayLike, borderline: float, scale: Sequence[float], cluster: ArrayLike | None
) -> Rows:
    legal = np.asarray(scale, dtype=np.float64)
    if len(np.unique(legal)) < 2:
        raise LabelError(f"scale is {list(scale)}; give all grades there are, at least 2")
    if not legal.min() <= borderline <= legal.max():
        raise LabelError(f"borderline is {borderline}, the grades run from {legal.min():g} to {legal.max():g}")
    rows = read_columns({"scores": scores, "grades": grades}, cluster=cluster)
    wrong = np.flatnonzero(~np.isin(rows.totals[:, 1], legal))
    if len(wrong):
        found = rows.totals[wrong[0], 1]
        raise LabelError(f"grade {found:g} is not on the scale {list(scale)}; correct the grade or complete the scale")
    return rows


@dataclass(frozen=True, slots=True)
class _Line:
    """A least-squares line through the candidates, one entry per replicate."""

    height: Floats
    """At the grade from which grades are counted."""
    slope: Floats
    r_squared: Floats
    height_error: Floats
    slope_error: Floats


def _line_sums(marks: Floats, grades: Floats) -> Floats:
    """Per candidate n, x, y, xx, xy, yy; a candidate without marks or grade adds nothing."""
    units = np.column_stack([np.ones(len(marks)), grades, marks, grades**2, grades * marks, marks**2])
    return np.where(np.isnan(units).any(axis=1, keepdims=True), 0.0, units)


def _line(sums: Floats) -> _Line:
    n, sx, sy, sxx, sxy, syy = sums.T
    spread_x, spread_y = square_deviation(n, sx, sxx), square_deviation(n, sy, syy)
    together = sxy - ratio(sx * sy, n)
    slope = ratio(together, spread_x)
    residual = ratio(np.maximum(spread_y - slope * together, 0), np.maximum(n - 2, 0))
    leverage = ratio(np.ones_like(n), n) + ratio(ratio(sx, n) ** 2, spread_x)
    return _Line(
        height=ratio(sy - slope * sx, n),
        slope=slope,
        r_squared=np.clip(ratio(slope * together, spread_y), 0, 1),
        height_error=np.sqrt(residual * leverage),
        slope_error=np.sqrt(ratio(residual, spread_x)),
    )


def _regression(rows: Rows, borderline: float, *, level: float, replicates: int, seed: int) -> BorderlineRegression:
    marks, grades = rows.totals.T
    offset = lower_median(marks)
    units = {at: per_cluster(rows, _line_sums(marks - offset, grades - at)) for at in (borderline, 0.0)}
    why = "fewer than 2 candidates" if rows.n < 2 else "no variation: every candidate got the same grade"

    def at(grade: float, part: Callable[[_Line], Floats], why: str = why) -> Statistic:
        return row_statistic(rows, lambda weights: part(_line(weighted_sums(weights, units[grade]))), 6, why=why)

    def with_t(statistic: Statistic, error: Statistic) -> Measured:
        """The jackknife's interval, or that of the regression's own error where candidates are independent."""
        measured = measure(statistic, Jackknife(level))
        half = t_quantile(level, rows.n - 2) * error.value() if rows.n > 2 else math.nan
        if measured.value is None or measured.interval is None or not rows.row_is_cluster:
            return measured
        closed = Interval(measured.value - half, measured.value + half, level, "t, closed form")
        return replace(measured, interval=closed)

    height = at(borderline, lambda line: offset + line.height)
    error = at(borderline, lambda line: line.height_error)
    slope = with_t(at(borderline, lambda line: line.slope), at(borderline, lambda line: line.slope_error))
    cut = with_t(height, error)
    if cut.value is not None:
        cut = replace(cut, notes=_warnings(grades, borderline, slope.value))
    flat = "no variation: the grades or the marks are all the same"
    return BorderlineRegression(
        cut=cut,
        intercept=with_t(at(0.0, lambda line: offset + line.height), at(0.0, lambda line: line.height_error)),
        slope=slope,
        r_squared=measure(
            replace(at(borderline, lambda line: line.r_squared, flat), bounds=(0.0, 1.0)), Jackknife(level)
        ),
        standard_error=measure(replace(error, why_undefined=cut.reason or "fewer than 3 candidates"), None),
        bootstrap_rmse=_rmse(height, cut, replicates, seed),
        borderline=borderline,
    )


def _warnings(grades: Floats, borderline: float, slope: float | None) -> tuple[str, ...]:
    notes = []
    if slope is not None and slope <= 0:
        notes.append("the line does not rise: marks and grades contradict each other, so this cut should not be used")
    if not (grades == borderline).any():
        where = "between" if grades.min() < borderline < grades.max() else "beyond"
        notes.append(f"no candidate has the borderline grade {borderline:g}: the cut is read {where} the grades given")
    return tuple(notes)


def _rmse(statistic: Statistic, cut: Measured, replicates: int, seed: int) -> Measured:
    def undefined(reason: str) -> Measured:
        return Measured(None, cut.n, cut.n_clusters, left_out=cut.left_out, reason=reason)

    if cut.value is None:
        return undefined(cut.reason or "there is no cut")
    if statistic.n_clusters < FEWEST_CLUSTERS:
        return undefined(f"{statistic.n_clusters} clusters are fewer than {FEWEST_CLUSTERS}")
    drawn = bootstrap_values(statistic, replicates=replicates, seed=seed)
    lost = int(np.isnan(drawn).sum())
    if lost > MOST_UNDEFINED * replicates:
        return undefined(f"undefined in {lost} of {replicates} bootstrap replicates, more than 5 %")
    value = float(np.sqrt(np.nanmean((drawn - cut.value) ** 2)))
    made = f"cluster bootstrap: {replicates} replicates, seed {seed}, {lost} undefined"
    return replace(cut, value=value, interval=None, interval_reason="not asked for", notes=(made,))


def _by_row(rows: Rows, weights: Floats) -> Floats:
    return weights if rows.row_is_cluster else weights[:, rows.cluster]


def _mean_of(rows: Rows) -> Callable[[Floats], Floats]:
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), rows.totals[:, 0]]))

    def of(weights: Floats) -> Floats:
        n, total = weighted_sums(weights, units).T
        return ratio(total, n)

    return of


def _median_of(rows: Rows) -> Callable[[Floats], Floats]:
    order = np.argsort(rows.totals[:, 0], kind="stable")
    marks = rows.totals[order, 0]

    def of(weights: Floats) -> Floats:
        upto = np.cumsum(_by_row(rows, weights)[:, order], axis=1)
        half, last = upto[:, -1:] / 2, len(marks) - 1
        low, high = (upto < half).sum(axis=1), (upto <= half).sum(axis=1)
        middle: Floats = (marks[np.minimum(low, last)] + marks[np.minimum(high, last)]) / 2
        return np.where(upto[:, -1] > 0, middle, np.nan)

    return of
