"""Halo, central tendency and other habits of one rater: steps judged by the general impression, labels left unused."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats, Ints
from siming.metrics.measured import Measured
from siming.metrics.rasch.fit import Structure, fit_structure
from siming.metrics.rasch.quality import fit_ratings
from siming.metrics.rasch.scale import probabilities
from siming.metrics.rasch.table import Flags, RatingTable, read_rating_table
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic, ratio, weighted_sums


@dataclass(frozen=True, slots=True)
class RaterHabits:
    """How one rater uses the sheet."""

    rater: Hashable
    within_video: Measured
    """Mean correlation of two of this rater's steps in one video, step means taken out. Ability makes it positive too."""
    across_raters: Measured
    """The same with the second step judged by another rater: what the video itself explains."""
    halo: Measured
    """The first less the second: what only the rater's own impression explains. 0 without halo."""
    level_use: tuple[float, ...]
    """Share of this rater's labels on each level."""
    entropy: Measured
    """Entropy of the level use, 1 for even use of all levels, 0 for one level."""
    threshold_spread: Measured
    """Logits by which this rater's neighbouring thresholds lie further apart than the average rater's: positive for
    central tendency, negative for a liking of the ends."""


def rater_habits(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> tuple[RaterHabits, ...]:
    """Halo, level use and threshold spread of each rater.

    Args:
        labels, video, step, rater, n_labels, cluster: As in `many_facet_rasch`.
        interval: How to make the intervals, by cluster. Step means and the other facets are held fixed.

    Raises:
        LabelError: As `many_facet_rasch`.

    Source: halo as same-rater less other-rater correlation of different traits, Campbell and Fiske 1959, Saal, Downey and
    Lahey 1980; entropy, Shannon 1948; rater-specific thresholds, Wolfe 2004.
    """
    table = read_rating_table(labels, video=video, step=step, rater=rater, n_labels=n_labels, cluster=cluster)
    structure = fit_structure(table, thresholds="partial_credit", method="marginal")
    residual = _residuals(table)
    spread = _threshold_spreads(structure, interval)
    out = []
    for number, name in enumerate(table.raters):
        own: Flags = np.asarray(table.rater == number, dtype=np.bool_)
        n = int(own.sum())
        within, across, halo = (measure(one, interval) for one in _halo(table, residual, number, n))
        counts = np.bincount(table.label[own], minlength=n_labels)
        out.append(
            RaterHabits(
                name,
                within,
                across,
                halo,
                tuple((counts / max(n, 1)).tolist()),
                measure(_entropy(table, own), interval),
                spread[number],
            )
        )
    return tuple(out)


def _residuals(table: RatingTable) -> Floats:
    """Each label less the mean of its rater on its step: neither difficulty nor severity is left in it."""
    cell = table.rater * len(table.steps) + table.step
    size = len(table.raters) * len(table.steps)
    n = np.maximum(np.bincount(cell, minlength=size), 1)
    mean = np.bincount(cell, weights=table.label, minlength=size) / n
    out: Floats = table.label - mean[cell]
    return out


def _halo(table: RatingTable, residual: Floats, rater: int, n: int) -> tuple[Statistic, Statistic, Statistic]:
    """Mean covariance of two different steps of one video, over mean variance: own with own, own with others'."""
    n_videos, n_steps = len(table.videos), len(table.steps)
    mine = np.zeros((n_videos, n_steps))
    has = np.zeros((n_videos, n_steps))
    own = table.rater == rater
    mine[table.video[own], table.step[own]] = residual[own]
    has[table.video[own], table.step[own]] = 1
    columns = [
        mine.sum(axis=1) ** 2 - (mine**2).sum(axis=1),  # products of two steps, each pair twice
        has.sum(axis=1) ** 2 - has.sum(axis=1),
        (mine**2).sum(axis=1),
        has.sum(axis=1),
    ]
    others = np.zeros((6, n_videos))
    for other in range(len(table.raters)):
        if other == rater:
            continue
        theirs, there = np.zeros_like(mine), np.zeros_like(has)
        at = table.rater == other
        theirs[table.video[at], table.step[at]] = residual[at]
        there[table.video[at], table.step[at]] = 1
        shared = (has.any(axis=1) & there.any(axis=1)).astype(np.float64)
        others[0] += mine.sum(axis=1) * theirs.sum(axis=1) - (mine * theirs).sum(axis=1)
        others[1] += has.sum(axis=1) * there.sum(axis=1) - (has * there).sum(axis=1)
        others[2] += (theirs.sum(axis=1) ** 2 - (theirs**2).sum(axis=1)) * shared
        others[3] += (there.sum(axis=1) ** 2 - there.sum(axis=1)) * shared
        others[4] += (theirs**2).sum(axis=1) * shared
        others[5] += there.sum(axis=1) * shared
    by_video = np.column_stack([*columns, *others])
    units = np.zeros((table.n_clusters, by_video.shape[1]))
    np.add.at(units, table.cluster, by_video)

    def within(weights: Floats) -> Floats:
        s = weighted_sums(weights, units).T
        return ratio(ratio(s[0], s[1]), ratio(s[2], s[3]))

    def across(weights: Floats) -> Floats:
        s = weighted_sums(weights, units).T
        own_variance, own_noise = ratio(s[2], s[3]), ratio(s[2], s[3]) - ratio(s[0], s[1])
        other_noise = ratio(s[8], s[9]) - ratio(s[6], s[7])
        # Another rater may use the scale more narrowly. His labels are stretched to this rater's scale by the noise of single
        # steps, which, unlike the variance, a halo of his own does not swell.
        stretch = np.sqrt(np.maximum(ratio(np.maximum(own_noise, 0), np.maximum(other_noise, 0)), 0))
        return ratio(ratio(s[4], s[5]) * stretch, own_variance)

    def statistic(of: Callable[[Floats], Floats], why: str) -> Statistic:
        left_out = {"missing": table.missing}
        return Statistic(of, n, table.n_clusters, units.shape[1], why_undefined=why, left_out=left_out)

    alone = "no yardstick: no other rater judged steps of the same videos, or there is no variation"
    return (
        statistic(within, "no video with two steps of this rater, or no variation"),
        statistic(across, alone),
        statistic(lambda weights: within(weights) - across(weights), alone),
    )


def _entropy(table: RatingTable, own: Flags) -> Statistic:
    k = table.n_labels
    place = table.cluster[table.video[own]] * k + table.label[own]
    units = np.bincount(place, minlength=table.n_clusters * k).reshape(-1, k).astype(np.float64)

    def of(weights: Floats) -> Floats:
        counts = weighted_sums(weights, units)
        share = ratio(counts, counts.sum(axis=1, keepdims=True))
        logs = np.log(np.where(share > 0, share, 1))
        out: Floats = -(share * logs).sum(axis=1) / np.log(k)
        return out

    return Statistic(
        of=of,
        n=int(own.sum()),
        n_clusters=table.n_clusters,
        floats_per_replicate=k,
        why_undefined="no rating",
        left_out={"missing": table.missing},
        bounds=(0.0, 1.0),
    )


def _threshold_spreads(structure: Structure, interval: IntervalMethod | None) -> list[Measured]:
    """Each rater's spread, by maximum likelihood with videos and steps held at their measures.

    Only differences between raters mean anything, so the mean over raters is taken out.
    """
    table = structure.table
    counts = np.bincount(table.rater, minlength=len(table.raters))
    if structure.reason is not None:
        return [Measured(None, int(n), reason=structure.reason) for n in counts]
    if table.n_labels < 3:
        return [Measured(None, int(n), reason="two levels have one threshold, which cannot spread") for n in counts]
    chosen = fit_ratings(structure)
    rater = table.rater[chosen]
    solved = {
        number: found
        for number in range(len(table.raters))
        if (found := _spread(structure, np.flatnonzero(chosen)[rater == number])) is not None
    }
    if len(solved) < 2:
        why = "fewer than 2 raters whose labels show a spread, so there is no average rater"
        return [Measured(None, int(n), reason=why) for n in counts]
    average = float(np.mean([value for value, _ in solved.values()]))
    average_change = np.mean([change for _, change in solved.values()], axis=0)
    silent = "this rater's labels show no spread: too few levels used, or all extreme"
    out = []
    for number in range(len(table.raters)):
        n = int((rater == number).sum())
        if number not in solved:
            out.append(Measured(None, n, reason=silent))
            continue
        value, change = solved[number]
        out.append(measure(_first_order(value - average, change - average_change, n), interval))
    return out


def _first_order(value: float, change: Floats, n: int) -> Statistic:
    """A value that moves by `change` when a cluster is left out, and in proportion for other weights."""
    return Statistic(lambda weights: value + (1 - weights) @ change, n, len(change), 1, why_undefined="no spread")


def _spread(structure: Structure, mine: Ints) -> tuple[float, Floats] | None:
    """Shift and spread of one rater; the spread, and its first-order change when each cluster is left out."""
    table = structure.table
    if len(mine) < 2:
        return None
    step, video, label = table.step[mine], table.video[mine], table.label[mine]
    middle = (table.n_labels - 1) / 2
    k = np.arange(table.n_labels, dtype=np.float64)
    bow = (k - middle) ** 2 / 2 - middle**2 / 2  # cumulated distance of each threshold from the middle one
    where = structure.theta[video] - structure.severity[table.rater[mine]]
    steep = structure.scale.steepness()[step]
    features = np.stack([k, bow])
    point = np.zeros(2)
    information = np.eye(2)
    score_each = np.zeros((len(mine), 2))
    for _ in range(50):
        cumulated = structure.cumulated[step] + point @ features
        p = probabilities(where, cumulated, steep)
        expected = p @ features.T
        score_each = expected - features[:, label].T
        information = np.einsum("nk,ak,bk->ab", p, features, features) - expected.T @ expected
        if np.linalg.cond(information) > 1e10:
            return None
        move = np.linalg.solve(information, score_each.sum(axis=0))
        point = point + np.clip(move, -1, 1)
        if np.abs(point).max() > 20:
            return None
        if np.abs(move).max() < 1e-9:
            break
    by_cluster = np.zeros((table.n_clusters, 2))
    np.add.at(by_cluster, table.cluster[video], score_each)
    change: Floats = -np.linalg.solve(information, by_cluster.T)[1]
    return float(point[1]), change
