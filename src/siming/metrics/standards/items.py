"""How each step of an exam behaves, and how consistent the steps are: difficulty, discrimination, alpha."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import MISSING, Floats, Rows, read_labels
from siming.metrics.columns import read_columns, read_maxima, read_table
from siming.metrics.icc import F_INTERVAL, FInterval, f_measured, f_ratio_limits, icc_of
from siming.metrics.measured import Measured
from siming.metrics.moments import mean_squares, per_cluster, row_statistic
from siming.metrics.resample import JACKKNIFE, IntervalMethod, Jackknife, measure
from siming.metrics.statistic import Statistic, ratio, weighted_sums
from siming.metrics.totals import pearson_statistic


@dataclass(frozen=True, slots=True)
class StepProfile:
    """What the marks say about one step."""

    difficulty: Measured
    """Mean points over the most there are; near 1, nearly all do it right."""
    step_rest: Measured
    """Correlation with the total of the other steps."""
    upper_lower: Measured
    """How much better the best candidates do it than the weakest."""
    alpha_without: Measured
    """Alpha of the exam without this step; above the alpha of all, the step does not fit the others."""


@dataclass(frozen=True, slots=True)
class StepAnalysis:
    """What the marks say about an exam's steps."""

    alpha: Measured
    steps: tuple[StepProfile, ...]
    """In the order of the columns."""


@dataclass(frozen=True, slots=True)
class LabelUse:
    """How often one step got each label of the scale."""

    counts: tuple[int, ...]
    """Cells per label, from label 0 to the last."""
    missing: int

    @property
    def n(self) -> int:
        """Cells with a label."""
        return sum(self.counts)

    @property
    def unused(self) -> tuple[int, ...]:
        """Labels that no video got."""
        return tuple(label for label, count in enumerate(self.counts) if not count)


def analyse_steps(
    points: ArrayLike, *, max_points: ArrayLike, share: float = 0.27, cluster: ArrayLike | None = None
) -> StepAnalysis:
    """Difficulty, discrimination and consistency of all steps, each with its default interval.

    Args:
        points: Shape (videos, steps), NaN where missing; one author's points.
        max_points: The most points of each step, or one number for all.
        share: Of the videos, in the upper and in the lower group of `upper_lower_index`.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.

    Raises:
        LabelError: Points that are not a table of numbers, or another count of maxima than of steps.
    """
    return StepAnalysis(
        alpha=cronbach_alpha(points, cluster=cluster),
        steps=tuple(
            StepProfile(*of_step)
            for of_step in zip(
                step_difficulty(points, max_points=max_points, cluster=cluster),
                step_rest_correlation(points, cluster=cluster),
                upper_lower_index(points, max_points=max_points, share=share, cluster=cluster),
                alpha_if_deleted(points, cluster=cluster),
                strict=True,
            )
        ),
    )


def cronbach_alpha(
    points: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: FInterval | IntervalMethod | None = F_INTERVAL,
) -> Measured:
    """How consistently the steps order the videos (Cronbach's alpha): k/(k-1) (1 - sum of step variances / total's).

    Args:
        points: Shape (videos, steps), NaN where missing; videos with a gap are left out.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        interval: `FInterval` gives Feldt's limits; where several videos share a cluster they would be too
            narrow, and the jackknife takes their place. Or `ClusterBootstrap`, `Jackknife`, None.

    Returns:
        A value of at most 1, negative where steps run against each other; None for fewer than two videos or
        when all videos have the same total.

    Raises:
        LabelError: Fewer than two steps, or a value that is no finite number.

    Source: Cronbach 1951; Feldt 1965 for the interval. Equal to ICC(C,k) over steps.

    >>> round(cronbach_alpha([[0, 0], [2, 1], [1, 2], [3, 3]]).value, 6)
    0.888889
    """
    return _alpha(read_table(points, "step", cluster=cluster), interval)


def alpha_if_deleted(
    points: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: FInterval | IntervalMethod | None = F_INTERVAL,
) -> tuple[Measured, ...]:
    """Alpha of the other steps, for each step in turn; arguments as in `cronbach_alpha`.

    The videos are those that have every step, so that all values stand on the same ones.
    """
    rows = read_table(points, "step", cluster=cluster)
    if rows.totals.shape[1] == 2:
        reason = "one step is left, and alpha needs two"
        alone = Measured(None, rows.n, rows.n_clusters, left_out={"missing": rows.missing}, reason=reason)
        return alone, alone
    return tuple(
        _alpha(replace(rows, totals=np.delete(rows.totals, step, axis=1)), interval)
        for step in range(rows.totals.shape[1])
    )


def step_rest_correlation(
    points: ArrayLike, *, cluster: ArrayLike | None = None, interval: IntervalMethod | None = JACKKNIFE
) -> tuple[Measured, ...]:
    """Correlation of each step's points with the total of the *other* steps (corrected step-total correlation).

    Uncorrected, a step would correlate with itself. Arguments as in `cronbach_alpha`.

    Returns:
        None for a step that got the same points in every video, or whose rest did.

    Source: Henrysson 1963.
    """
    rows = read_table(points, "step", cluster=cluster)
    total = rows.totals.sum(axis=1)

    def of_step(step: Floats) -> Measured:
        if rows.n < 2:
            why = "fewer than 2 videos"
        elif (step == step[0]).all():
            why = f"no variation: every video got {step[0]:g} points"
        else:
            why = "no variation: the other steps add up to the same total in every video"
        if rows.n == 0:
            return Measured(None, 0, 0, left_out={"missing": rows.missing}, reason="no video has every step")
        statistic = pearson_statistic(step, total - step, cluster=rows.cluster)
        return measure(replace(statistic, why_undefined=why, left_out={"missing": rows.missing}), interval)

    return tuple(of_step(step) for step in rows.totals.T)


def step_difficulty(
    points: ArrayLike,
    *,
    max_points: ArrayLike,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> tuple[Measured, ...]:
    """Mean points over maximum, for each step over the videos that have it; near 1 the step is easy.

    Arguments as in `analyse_steps`.

    Raises:
        LabelError: Points above a step's maximum or below 0, or another count of maxima than of steps.

    >>> [each.value for each in step_difficulty([[2, 0], [1, 1]], max_points=[2, 1])]
    [0.75, 0.5]
    """
    raw = read_table(points, "step", cluster=cluster, complete=False, fewest=1)
    maxima = _maxima(raw, max_points)
    if raw.n == 0:
        nothing = Measured(None, 0, 0, left_out={"missing": raw.missing}, reason="no video has any step")
        return (nothing,) * len(maxima)

    def of_step(number: int) -> Measured:
        rows = read_columns({f"step {number + 1}": raw.totals[:, number]}, cluster=raw.cluster)
        units = per_cluster(rows, np.column_stack([np.ones(rows.n), rows.totals[:, 0]]))

        def of(weights: Floats) -> Floats:
            n, total = weighted_sums(weights, units).T
            return ratio(total, n * maxima[number])

        statistic = row_statistic(rows, of, 2, bounds=(0.0, 1.0))
        return measure(replace(statistic, left_out={"missing": rows.missing + raw.missing}), interval)

    return tuple(of_step(number) for number in range(len(maxima)))


def upper_lower_index(
    points: ArrayLike,
    *,
    max_points: ArrayLike,
    share: float = 0.27,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> tuple[Measured, ...]:
    """For each step, difficulty among the best `share` of videos less that among the weakest; in [-1, 1].

    Groups are made by total, `share` x n videos each, rounded. Videos tied at a group's border each count in
    it by the same fraction, so that the order of the videos decides nothing. Arguments as in `analyse_steps`.

    Returns:
        None for fewer than two videos or when all have the same total.

    Raises:
        LabelError: A share outside (0, 0.5], or as in `step_difficulty`.

    Source: Kelley 1939 for the 27 %; Johnson 1951 for the index.
    """
    if not 0 < share <= 0.5:
        raise LabelError(f"share is {share}; give a share of the videos above 0 and up to 0.5, such as 0.27")
    rows = read_table(points, "step", cluster=cluster)
    maxima = _maxima(rows, max_points)
    _, rank = np.unique(np.round(rows.totals.sum(axis=1), 9), return_inverse=True)  # .1 + .2 ties with .3
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    why = "fewer than 2 videos" if rows.n < 2 else "no variation: every video has the same total"

    def statistic(step: Floats) -> Statistic:
        def of(weights: Floats) -> Floats:
            by_row = (weights if rows.row_is_cluster else weights[:, rows.cluster])[:, order]
            tied = np.add.reduceat(by_row, starts, axis=1)
            marks = np.add.reduceat(by_row * step[order], starts, axis=1)
            upto = np.cumsum(tied, axis=1)
            n = upto[:, -1:]
            size = np.minimum(np.maximum(np.floor(share * n + 0.5), 1), np.floor(n / 2))
            lower = np.clip(ratio(size - (upto - tied), tied), 0, 1)
            upper = np.clip(ratio(size - (n - upto), tied), 0, 1)
            gap = np.where(tied > 0, (upper - lower) * marks, 0).sum(axis=1)
            return ratio(gap, np.where((tied > 0).sum(axis=1) > 1, size[:, 0], 0))

        return row_statistic(rows, of, 4 * rows.n, why=why, bounds=(-1.0, 1.0))

    return tuple(measure(statistic(step / full), interval) for step, full in zip(rows.totals.T, maxima, strict=True))


def label_use(labels: ArrayLike, *, n_labels: int) -> tuple[LabelUse, ...]:
    """How often each step got each label, labels that nobody used included.

    Args:
        labels: Shape (videos, steps), from 0 to n_labels - 1, -1 or NaN where missing.

    Raises:
        LabelError: A label outside the scale, or labels that are not a table.

    >>> label_use([[3, 0], [3, -1]], n_labels=4)[1]
    LabelUse(counts=(1, 0, 0, 0), missing=1)
    """
    table = np.ma.filled(labels, MISSING) if isinstance(labels, np.ma.MaskedArray) else np.asarray(labels)
    if table.ndim != 2:
        raise LabelError(f"labels have shape {table.shape}, wanted (videos, steps); give one column per step")
    read = [read_labels(column, f"step {number}", n_labels) for number, column in enumerate(table.T, start=1)]
    return tuple(
        LabelUse(
            counts=tuple(np.bincount(step[step != MISSING], minlength=n_labels).tolist()),
            missing=int((step == MISSING).sum()),
        )
        for step in read
    )


def _alpha(rows: Rows, interval: FInterval | IntervalMethod | None) -> Measured:
    squares = mean_squares(rows)
    of: Callable[[Floats], Floats] = lambda weights: icc_of(squares.of(weights), "ICC(C,k)")  # noqa: E731
    why = "fewer than 2 videos" if rows.n < 2 else "no variation: every video has the same total"
    statistic = row_statistic(rows, of, squares.width, why=why, bounds=(-math.inf, 1.0))
    if not isinstance(interval, FInterval):
        return measure(statistic, interval)
    if not rows.row_is_cluster:
        return measure(statistic, Jackknife(interval.level))
    plain = measure(statistic, None)
    if plain.value is None:
        return plain
    if plain.value == 1:
        return f_measured(plain, "the steps differ by no noise at all, so there is no F", interval.level, "Feldt")
    k = rows.totals.shape[1]
    f = 1 / (1 - plain.value)
    low, high = f_ratio_limits(f, rows.n - 1, (rows.n - 1) * (k - 1), interval.level)
    return f_measured(plain, (1 - 1 / low, 1 - 1 / high), interval.level, "Feldt")


def _maxima(rows: Rows, max_points: ArrayLike) -> Floats:
    maxima = read_maxima(max_points, rows.totals.shape[1], "step")
    wrong = np.argwhere((rows.totals < 0) | (rows.totals > maxima * (1 + 1e-9)))
    if len(wrong):
        video, step = wrong[0]
        raise LabelError(
            f"step {step + 1} has {rows.totals[video, step]:g} points, its max_points is {maxima[step]:g}; "
            "correct the points or raise max_points"
        )
    return maxima
