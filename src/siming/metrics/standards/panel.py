"""Pass marks from a panel of judges: Angoff, Ebel, Hofstee.

The judges are the sample: standard errors and intervals of Angoff and Ebel leave out one judge at a time. The
candidates are the sample of Hofstee, whose cut lies where the judges' line meets the candidates' marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Rows
from siming.metrics.columns import read_columns, read_maxima
from siming.metrics.measured import Measured
from siming.metrics.moments import per_cluster, row_statistic
from siming.metrics.resample import JACKKNIFE, ClusterBootstrap, IntervalMethod, measure
from siming.metrics.statistic import ratio, weighted_sums

PERCENTILE = ClusterBootstrap()
"""Default of Hofstee: its cut jumps from mark to mark, too roughly for a jackknife."""


@dataclass(frozen=True, slots=True)
class PanelRound:
    """What a panel said in one round."""

    cut: Measured
    """In marks: mean over judges, with a t interval over judges."""
    standard_error: Measured
    """Of the cut over judges: SD / sqrt(judges)."""
    by_judge: tuple[float | None, ...]
    """Each judge's own cut; None for a judge who left out a step."""


@dataclass(frozen=True, slots=True)
class Angoff:
    """Rounds of an Angoff procedure; the last one holds."""

    rounds: tuple[PanelRound, ...]
    shifts: tuple[Measured, ...]
    """Mean change of the judges' cuts from each round to the next, over the judges of both."""

    @property
    def cut(self) -> Measured:
        """That of the last round."""
        return self.rounds[-1].cut


@dataclass(frozen=True, slots=True)
class Hofstee:
    """The compromise between what judges think candidates must know and how many may fail."""

    cut: Measured
    fail_rate: Measured
    """Share of candidates below the cut (the cut taken as it is)."""
    lowest_cut: float
    highest_cut: float
    lowest_fail: float
    highest_fail: float


def angoff(
    *rounds: ArrayLike,
    max_points: ArrayLike = 1.0,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Angoff:
    """Pass mark by Angoff: what judges expect of a borderline candidate, step by step, added up.

    Args:
        rounds: One table per round, shape (judges, steps), the same judges in the same order: the share of the
            step's points that a just acceptable candidate would earn (for a step that is right or wrong, the
            probability of right), in [0, 1], NaN where missing. A judge with a gap is left out of that round.
        max_points: The most points of each step, or one number for all.
        interval: How to make the interval over judges; None for none.

    Returns:
        A round is None when no judge filled it; its standard error when only one did.

    Raises:
        LabelError: A share outside [0, 1], no rounds, or rounds of different shape.

    Source: Angoff 1971; Hambleton and Plake 1995 for steps of several points.

    >>> angoff([[0.5, 0.75], [0.25, 0.5]], max_points=[10, 20]).cut.value
    16.25
    """
    if not rounds:
        raise LabelError("an Angoff procedure has at least one round; give one table (judges, steps) for each")
    tables = [np.asarray(each, dtype=np.float64) for each in rounds]
    for number, table in enumerate(tables, start=1):
        if table.ndim != 2 or table.shape != tables[0].shape:
            raise LabelError(f"round {number} has shape {table.shape}, wanted (judges, steps) as in round 1")
        _shares(table, f"round {number}")
    maxima = read_maxima(max_points, tables[0].shape[1], "step")
    cuts = [table @ maxima for table in tables]
    return Angoff(
        rounds=tuple(_round(each, interval) for each in cuts),
        shifts=tuple(_over_judges(later - earlier, interval) for earlier, later in pairwise(cuts)),
    )


def ebel(
    shares: ArrayLike,
    *,
    relevance: ArrayLike,
    difficulty: ArrayLike,
    max_points: ArrayLike = 1.0,
    interval: IntervalMethod | None = JACKKNIFE,
) -> PanelRound:
    """Pass mark by Ebel: steps are sorted by relevance and difficulty, and judges say what each box must yield.

    cut = sum over boxes of (share of its points that a just acceptable candidate earns) x (points in the box).

    Args:
        shares: Shape (judges, relevances, difficulties), each in [0, 1], NaN where missing. Only boxes that hold
            a step matter.
        relevance, difficulty: Of each step, as numbers from 0.
        max_points: The most points of each step, or one number for all.
        interval: How to make the interval over judges; None for none.

    Raises:
        LabelError: A share outside [0, 1], a box that `shares` lacks, or lists of different length.

    Source: Ebel 1972.

    >>> ebel([[[0.5, 1.0]]], relevance=[0, 0, 0], difficulty=[0, 0, 1], max_points=[4, 6, 3]).cut.value
    8.0
    """
    table = np.asarray(shares, dtype=np.float64)
    if table.ndim != 3:
        raise LabelError(f"shares have shape {table.shape}, wanted (judges, relevances, difficulties)")
    _shares(table, "shares")
    row, column = np.asarray(relevance), np.asarray(difficulty)
    if row.ndim != 1 or row.shape != column.shape:
        raise LabelError(f"found {row.shape} relevances beside {column.shape} difficulties; give one of each per step")
    for name, values, size in (("relevance", row, table.shape[1]), ("difficulty", column, table.shape[2])):
        wrong = np.flatnonzero(~np.isin(values, np.arange(size)))
        if len(wrong):
            raise LabelError(
                f"{name} of step {wrong[0] + 1} is {values[wrong[0]]}, the boxes are 0 to {size - 1}; "
                "correct it or give shares for that box"
            )
    maxima = read_maxima(max_points, len(row), "step")
    return _round(table[:, row.astype(np.int64), column.astype(np.int64)] @ maxima, interval)


def hofstee(
    totals: ArrayLike,
    *,
    lowest_cut: ArrayLike,
    highest_cut: ArrayLike,
    lowest_fail: ArrayLike,
    highest_fail: ArrayLike,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = PERCENTILE,
) -> Hofstee:
    """Pass mark by Hofstee: a line falls from (lowest cut, highest fail rate) to (highest cut, lowest fail rate);
    the cut is where it meets the share of candidates who would fail.

    Args:
        totals: Marks per candidate, NaN or None where missing; a total equal to the cut passes.
        lowest_cut, highest_cut: In marks, one number or one per judge (their mean counts).
        lowest_fail, highest_fail: As shares in [0, 1], one number or one per judge.
        cluster: Candidate of each video, where one candidate has several.
        interval: How to make the interval, over candidates; None for none.

    Returns:
        None when the candidates' curve misses the line: even the lowest cut fails more than the judges bear, or
        even the highest fails fewer than they demand. The reason says which, and how many.

    Raises:
        LabelError: Limits in the wrong order or outside their range, or totals that are no finite numbers.

    Source: Hofstee 1983.

    >>> hofstee([40, 50, 60, 70, 80], lowest_cut=45, highest_cut=65, lowest_fail=0, highest_fail=0.4).cut.value
    50.0
    """
    low, high = _opinion(lowest_cut, "lowest_cut"), _opinion(highest_cut, "highest_cut")
    few, many = _opinion(lowest_fail, "lowest_fail"), _opinion(highest_fail, "highest_fail")
    if not low < high:
        raise LabelError(f"lowest_cut is {low:g} and highest_cut {high:g}; give them in order and apart")
    if not 0 <= few <= many <= 1:
        raise LabelError(f"lowest_fail is {few:g} and highest_fail {many:g}; give shares from 0 to 1, in order")
    rows = read_columns({"the exam": totals}, cluster=cluster)
    marks, group = np.unique(rows.totals[:, 0], return_inverse=True)
    by_mark = per_cluster(rows, (group[:, None] == np.arange(len(marks))).astype(np.float64))

    def failing(counts: Floats, cut: Floats) -> Floats:
        return ratio(np.where(marks < cut[:, None], counts, 0).sum(axis=1), counts.sum(axis=1))

    def line(cut: Floats) -> Floats:
        return many - (many - few) * (cut - low) / (high - low)

    def of(weights: Floats) -> Floats:
        counts = weighted_sums(weights, by_mark)
        n = counts.sum(axis=1, keepdims=True)
        after = ratio(np.cumsum(counts, axis=1), n)
        before = np.hstack([np.zeros((len(counts), 1)), after])
        # The share who fail is flat between marks and jumps just above each; the line falls. They meet at the
        # first mark after which more fail than the line allows, or on the flat stretch that leads there.
        over = np.hstack([after > line(marks), np.ones((len(counts), 1), dtype=bool)])
        first = over.argmax(axis=1)
        share = np.take_along_axis(before, first[:, None], axis=1)[:, 0]
        edge = np.append(marks, math.inf)[first]
        flat = high if many == few else low + (many - share) * (high - low) / (many - few)
        cut = np.minimum(edge, flat)
        return np.where(
            (failing(counts, np.full(len(counts), low)) <= many)
            & (failing(counts, np.nextafter(np.full(len(counts), high), math.inf)) >= few),
            cut,
            np.nan,
        )

    everyone = weighted_sums(np.ones((1, rows.n_clusters)), by_mark)
    at_low, at_high = (float(failing(everyone, np.array([cut]))[0]) if rows.n else math.nan for cut in (low, high))
    why = (
        f"even the lowest cut, {low:g}, fails {at_low:.1%} of candidates, and the judges bear {many:.1%}"
        if at_low > many
        else f"even the highest cut, {high:g}, fails {at_high:.1%} of candidates, and the judges want {few:.1%}"
    )
    cut = measure(row_statistic(rows, of, 4 * max(1, len(marks)), why=why, bounds=(low, high)), interval)
    return Hofstee(cut, _fail_rate(rows, cut), low, high, few, many)


def _opinion(values: ArrayLike, name: str) -> float:
    judges = np.asarray(values, dtype=np.float64).ravel()
    if not len(judges) or not np.isfinite(judges).all():
        raise LabelError(f"{name} holds something else than finite numbers; give one number, or one per judge")
    return float(judges.mean())


def _fail_rate(rows: Rows, cut: Measured) -> Measured:
    if cut.value is None:
        return Measured(None, rows.n, rows.n_clusters, left_out={"missing": rows.missing}, reason=cut.reason)
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), rows.totals[:, 0] < cut.value]))
    return measure(row_statistic(rows, _mean(units), 2, bounds=(0.0, 1.0)), JACKKNIFE)


def _shares(table: Floats, where: str) -> None:
    wrong = np.argwhere((table < 0) | (table > 1))
    if len(wrong):
        at = tuple(int(each) for each in wrong[0])
        raise LabelError(f"{where} holds {table[at]:g} at {at}; give shares from 0 to 1 (a percentage over 100)")


def _round(cuts: Floats, interval: IntervalMethod | None) -> PanelRound:
    cut = _over_judges(cuts, interval)
    known = cuts[~np.isnan(cuts)]
    by_judge = tuple(None if math.isnan(each) else float(each) for each in cuts)
    if len(known) < 2:
        error = Measured(None, cut.n, cut.n_clusters, left_out=cut.left_out, reason="fewer than 2 judges")
    else:
        value = float(known.std(ddof=1) / math.sqrt(len(known)))
        error = replace(cut, value=value, interval=None, interval_reason="not asked for")
    return PanelRound(cut, error, by_judge)


def _over_judges(values: Floats, interval: IntervalMethod | None) -> Measured:
    if np.isnan(values).all():
        return Measured(None, 0, 0, left_out={"judges": len(values)}, reason="every judge left out a step")
    rows = read_columns({"the judges": values})
    statistic = row_statistic(rows, _mean(np.column_stack([np.ones(rows.n), rows.totals[:, 0]])), 2)
    return measure(replace(statistic, left_out={"judges": rows.missing}), interval)


def _mean(units: Floats) -> Callable[[Floats], Floats]:
    def of(weights: Floats) -> Floats:
        n, total = weighted_sums(weights, units).T
        return ratio(total, n)

    return of
