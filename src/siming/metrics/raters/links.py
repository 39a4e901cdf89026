"""What totals would be if every rater were as severe as the average one: advice, never a score.

Raters are made comparable by the videos that several of them judged (links). The adjustment rests on them alone, so what
happens when one is dropped is told beside every adjusted total.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints
from siming.metrics.measured import Interval, Measured
from siming.metrics.rasch.connectivity import critical_videos
from siming.metrics.rasch.facets import check_level
from siming.metrics.rasch.fit import Structure, one_step_error
from siming.metrics.rasch.many_facet import RaschFit
from siming.metrics.rasch.scale import probabilities
from siming.metrics.rasch.table import Flags, sums_by
from siming.metrics.resample import FEWEST_CLUSTERS, t_quantile

ADVICE = (
    "advice only: these are not scores and replace none. They say what the model would expect of an average rater, "
    "if severity is all by which the raters differ"
)

MOST_CHANGES = 2**22
"""Leave-one-out changes held at once, (clusters x videos)."""


@dataclass(frozen=True, slots=True)
class AdjustedVideo:
    """One video, as marked and as the model would expect an average rater to mark it."""

    video: Hashable
    raters: tuple[Hashable, ...]
    observed: float
    """Marks given: over the steps rated, the mean of the raters' marks, summed. Untouched."""
    adjusted: Measured
    """Marks an average rater would be expected to give; the interval is of the adjustment alone."""
    lowest_without_a_link: float | None
    """Smallest adjusted total when one link video is left out of the fit (one Newton step, no refit); None without links,
    and where one of them is critical: without it there is no adjusted total at all."""
    highest_without_a_link: float | None
    observed_rank: int
    """1 is best; equal totals share the better rank."""
    adjusted_rank: int | None
    passed: bool | None
    """Observed total at least the pass mark; None without a pass mark."""
    would_pass: bool | None
    hangs_on_a_link: bool
    """Whether leaving out one link video turns `would_pass`, or leaves no advice."""


@dataclass(frozen=True, slots=True)
class LinkAdjustment:
    """Advice about all videos, and what it rests on."""

    advice: str
    videos: tuple[AdjustedVideo, ...]
    n_links: int
    """Videos judged by two raters or more."""
    links_per_rater: dict[Hashable, int]
    critical_links: tuple[Hashable, ...]
    """Videos without any one of which the raters would no longer be linked."""
    ranks_changed: Measured
    """Videos whose rank changes."""
    decisions_changed: Measured
    """Videos whose pass decision would be another."""
    decisions_on_one_link: Measured
    """Videos whose adjusted decision turns when one link is dropped."""


def link_adjustment(
    fit: RaschFit,
    *,
    points: ArrayLike | None = None,
    pass_mark: float | None = None,
    level: float = 0.95,
) -> LinkAdjustment:
    """Adjusted totals, change of rank and of pass decision, and how much each hangs on single link videos.

    adjusted = observed + sum over steps of mean over raters of [E(points | theta, average severity) - E(points | theta, c_r)],
    kept within the marks the rated steps allow. Steps without variation are not adjusted.

    Severities must rest on shared videos, lest a rater who met weak candidates raises them: keep the fit's
    `population="by_rater"`.

    Args:
        fit: From `many_facet_rasch`.
        points: Marks of each step (rows, in sorted order of step ids) and label (columns); None to count labels.
        pass_mark: Observed totals of at least this pass.
        level: Of the intervals.

    Raises:
        LabelError: Points of another shape, or not finite.

    Source: fair averages, Linacre 1989; linking examiners by shared videos, Yeates et al. 2019 (VESCA).
    """
    check_level(level)
    structure = fit.structure
    table = structure.table
    marks = _marks(points, len(table.steps), table.n_labels)
    n_videos = len(table.videos)
    rated = sums_by(table.video, n_videos) > 0
    share = _share_of_step(structure)
    observed = sums_by(table.video, n_videos, share * marks[table.step, table.label])
    shift, slope = _shift(structure, marks, share)
    lowest = sums_by(table.video, n_videos, share * marks.min(axis=1)[table.step])
    highest = sums_by(table.video, n_videos, share * marks.max(axis=1)[table.step])
    adjusted = np.clip(observed + shift, lowest, highest)

    pairs = np.unique(table.video * len(table.raters) + table.rater)
    seen_by = np.zeros((n_videos, len(table.raters)))
    seen_by[pairs // len(table.raters), pairs % len(table.raters)] = 1
    links = np.flatnonzero(seen_by.sum(axis=1) > 1)
    why = structure.reason
    if why is None and not structure.connectivity.connected:
        why = f"not linked: {structure.connectivity.explanation}"
    unmeasured = rated & (np.isnan(shift) | ((seen_by @ (structure.active.extreme_rater != 0)) > 0))
    known: Flags = rated & ~unmeasured if why is None else np.zeros(n_videos, dtype=np.bool_)

    influence = structure.rater_influence()
    half = _half_widths(influence, slope, level)
    critical = critical_videos(structure.telling) if why is None else ()
    low, high, turned = _without_each_link(
        influence[np.unique(table.cluster[links])], slope, observed + shift, lowest, highest, pass_mark
    )
    observed_rank = _ranks(observed, rated)
    adjusted_rank = _ranks(adjusted, known)
    videos = []
    for place in map(int, np.flatnonzero(rated)):
        raters = tuple(table.raters[number] for number in np.flatnonzero(seen_by[place]))
        told = bool(known[place])
        passed = None if pass_mark is None else bool(observed[place] >= pass_mark)
        would = None if pass_mark is None or not told else bool(adjusted[place] >= pass_mark)
        one_link = told and len(links) > 0 and not critical
        videos.append(
            AdjustedVideo(
                table.videos[place],
                raters,
                float(observed[place]),
                _adjusted(place, told, adjusted, half, lowest, highest, table.n_clusters, why, level),
                float(low[place]) if one_link else None,
                float(high[place]) if one_link else None,
                int(observed_rank[place]),
                int(adjusted_rank[place]) if told else None,
                passed,
                would,
                bool(told and (turned[place] or (critical and pass_mark is not None))),
            )
        )
    n = len(videos)
    reason = why or ("no video has an adjusted total" if not known.any() else None)
    changed = sum(1 for one in videos if one.adjusted_rank is not None and one.adjusted_rank != one.observed_rank)
    decided = sum(1 for one in videos if one.would_pass is not None and one.would_pass != one.passed)
    no_mark = reason or ("no pass mark was given" if pass_mark is None else None)
    return LinkAdjustment(
        ADVICE,
        tuple(videos),
        len(links),
        {name: int(seen_by[links, number].sum()) for number, name in enumerate(table.raters)},
        tuple(table.videos[place] for place in critical),
        _count(changed, n, reason),
        _count(decided, n, no_mark),
        _count(sum(one.hangs_on_a_link for one in videos), n, no_mark),
    )


def _marks(points: ArrayLike | None, n_steps: int, n_labels: int) -> Floats:
    if points is None:
        return np.tile(np.arange(n_labels, dtype=np.float64), (n_steps, 1))
    marks = np.asarray(points, dtype=np.float64)
    if marks.shape != (n_steps, n_labels):
        raise LabelError(
            f"points have shape {marks.shape}, wanted {(n_steps, n_labels)}: a row per step in sorted order of ids, "
            "a column per label"
        )
    if not np.isfinite(marks).all():
        raise LabelError("points hold a number that is not finite; give the marks of every step and label")
    return marks


def _share_of_step(structure: Structure) -> Floats:
    """1 / raters who rated this step of this video, per rating."""
    table = structure.table
    cell = table.video * len(table.steps) + table.step
    out: Floats = 1 / np.bincount(cell, minlength=1)[cell]
    return out


def _shift(structure: Structure, marks: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Marks to add per video, and their derivative by each severity, (n_videos, n_raters).

    A severity acts twice: on what its rater is expected to give, and on the video's own measure, which follows it.
    """
    table = structure.table
    n_videos, n_raters = len(table.videos), len(table.raters)
    step_in = np.flatnonzero(structure.active.step_in[table.step])
    video, step, rater, part = table.video[step_in], table.step[step_in], table.rater[step_in], share[step_in]
    steep, cumulated, own = structure.scale.steepness()[step], structure.cumulated[step], marks[step]
    usual = (structure.active.extreme_rater == 0) & ~np.isnan(structure.severity)
    average = float(structure.severity[usual].mean()) if usual.any() else 0.0

    def expected(severity: Floats | float) -> tuple[Floats, Floats, Floats]:
        """Marks, their change with theta, and the information about theta."""
        p = probabilities(structure.theta[video] - severity, cumulated, steep)
        mean, label = (p * own).sum(axis=1), (p * steep).sum(axis=1)
        return mean, (p * own * steep).sum(axis=1) - mean * label, (p * steep**2).sum(axis=1) - label**2

    def by_rater(values: Floats) -> Floats:
        place = video * n_raters + rater
        return sums_by(place, n_videos * n_raters, np.nan_to_num(values)).reshape(n_videos, n_raters)

    fair, fair_slope, _ = expected(average)
    actual, actual_slope, information = expected(structure.severity[rater])
    shift = sums_by(video, n_videos, part * (fair - actual))
    information_by = by_rater(information)
    total = information_by.sum(axis=1, keepdims=True)
    follows = np.divide(information_by, total, out=np.zeros_like(information_by), where=total > 0)
    by_theta = sums_by(video, n_videos, np.nan_to_num(part * (fair_slope - actual_slope)))
    slope = by_rater(part * actual_slope) + by_theta[:, None] * follows
    by_average = sums_by(video, n_videos, np.nan_to_num(part * fair_slope))
    slope -= by_average[:, None] * usual / max(int(usual.sum()), 1)
    return shift, slope


def _half_widths(influence: Floats, slope: Floats, level: float) -> Floats:
    """Half the interval of each video's shift: jackknife error by cluster times t with the degrees its clusters carry."""
    halves = []
    for some in np.array_split(slope, max(1, influence.shape[0] * len(slope) // MOST_CHANGES)):
        for changes in some @ influence.T:
            error, degrees = one_step_error(changes)
            halves.append(t_quantile(level, degrees) * error)
    return np.array(halves)


def _without_each_link(
    influence: Floats, slope: Floats, raw: Floats, lowest: Floats, highest: Floats, pass_mark: float | None
) -> tuple[Floats, Floats, Ints]:
    """Range of the adjusted totals over dropped links, and whether a drop turns the decision."""
    here = np.clip(raw, lowest, highest)
    low, high = here.copy(), here.copy()
    turned = np.zeros(len(raw), dtype=np.int64)
    for change in influence:
        without = np.clip(raw + slope @ change, lowest, highest)
        low, high = np.fmin(low, without), np.fmax(high, without)
        if pass_mark is not None:
            turned |= (without >= pass_mark) != (here >= pass_mark)
    return low, high, turned


def _ranks(totals: Floats, known: Flags) -> Ints:
    """1 for the best; to 9 decimals, so that rounding makes no ranks."""
    there = np.flatnonzero(known)
    ordered = np.sort(np.round(-totals[there], 9))
    out = np.zeros(len(totals), dtype=np.int64)
    out[there] = np.searchsorted(ordered, np.round(-totals[there], 9)) + 1
    return out


def _adjusted(
    place: int,
    told: bool,
    adjusted: Floats,
    half: Floats,
    lowest: Floats,
    highest: Floats,
    n_clusters: int,
    why: str | None,
    level: float,
) -> Measured:
    if not told:
        return Measured(None, 1, reason=why or "a rater of this video has no measure, or is extreme")
    value = float(adjusted[place])
    if n_clusters < FEWEST_CLUSTERS:
        return Measured(value, 1, interval_reason=f"{n_clusters} clusters are fewer than {FEWEST_CLUSTERS}")
    if not np.isfinite(half[place]):
        return Measured(value, 1, interval_reason="leaving out any video changes no severity (anchors, say)")
    interval = Interval(
        float(max(value - half[place], lowest[place])),
        float(min(value + half[place], highest[place])),
        level,
        "one-step jackknife of the severities by cluster (t)",
        replicates=n_clusters,
    )
    return Measured(value, 1, interval=interval)


def _count(count: int, n: int, reason: str | None) -> Measured:
    return Measured(None, n, reason=reason) if reason is not None else Measured(float(count), n)
