"""Fitting the many-facet Rasch model and finishing it: every video, step and rater gets a finite measure or a reason."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints
from siming.metrics.rasch.connectivity import Connectivity, connectivity_of, null_space
from siming.metrics.rasch.joint import MOST_ROUNDS, Solution, fit_joint
from siming.metrics.rasch.leave import leave_out_changes
from siming.metrics.rasch.marginal import fit_marginal
from siming.metrics.rasch.scale import (
    Active,
    Scale,
    Thresholds,
    activate,
    anchored_rows,
    label_moments,
    make_scale,
    probabilities,
    start_from_counts,
    unnoticed_shifts,
)
from siming.metrics.rasch.table import Flags, Ids, RatingTable, sums_by
from siming.metrics.resample import jackknife_error

Method = Literal["marginal", "joint"]
PopulationOf = Literal["by_rater", "one"]

EXTREME_SHIFT = 0.3
"""Score points by which an extreme total is moved inwards, so that it has a finite measure (Linacre's convention)."""

NO_CHANGE = 1e-10
"""Logits by which an anchored measure moves when a video is left out: rounding."""

UNBOUNDED = (
    "unbounded: the likelihood grows as some measures run to infinity, because the ratings put videos, steps or raters in "
    "an order without exception; more ratings, or videos that differ less, would bound them"
)


@dataclass(frozen=True, slots=True)
class Structure:
    """The fitted model, as arrays in the order of the table's ids."""

    table: RatingTable
    """Every rating, also of what is extreme."""
    active: Active
    scale: Scale
    solution: Solution
    connectivity: Connectivity
    method: Method
    thresholds: Thresholds
    severity: Floats
    """c of each rater; NaN without a measure. Extreme ones by the rule of `EXTREME_SHIFT`."""
    difficulty: Floats
    cumulated: Floats
    """D of each step and label."""
    theta: Floats
    """Maximum-likelihood measure of each video given steps and raters."""
    theta_error: Floats
    without: Floats
    """Change of (severities, cumulated thresholds) when each cluster is left out."""
    in_model: Flags
    """Ratings by raters and of steps that the likelihood knows."""
    reason: str | None
    """Why nothing can be told, or None."""

    @property
    def telling(self) -> RatingTable:
        """Ratings that tell raters apart: a video at the end of the scale links none."""
        return telling_ratings(self.active)

    def moments(self, chosen: Flags) -> tuple[Floats, Floats, Floats]:
        """P, expected label and variance of the chosen ratings."""
        video, step, rater = self.table.video[chosen], self.table.step[chosen], self.table.rater[chosen]
        where = self.theta[video] - self.severity[rater]
        p = probabilities(where, self.cumulated[step], self.scale.steepness()[step])
        return p, *label_moments(p, self.table.n_labels)

    def expected_labels(self, theta: Floats, severity: Floats) -> Floats:
        """Expected label of each step at theta - severity, (..., n_steps); NaN for steps out of the model."""
        inside = self.active.step_in
        where = np.asarray(theta - severity, dtype=np.float64)[..., None]
        out = np.full((*where.shape[:-1], len(inside)), np.nan)
        if inside.any():
            steep = self.scale.steepness()[inside]
            p = probabilities(np.broadcast_to(where, (*where.shape[:-1], len(steep))), self.cumulated[inside], steep)
            out[..., inside] = label_moments(p, self.table.n_labels)[0]
        return out

    def fair_average(self, theta: Floats, severity: Floats) -> Floats:
        """Mean of the expected labels over the steps in the model."""
        inside = self.active.step_in
        expected = self.expected_labels(theta, severity)
        out: Floats = expected[..., inside].mean(axis=-1) if inside.any() else np.full(expected.shape[:-1], np.nan)
        return out

    def rater_influence(self) -> Floats:
        """Change of each severity when a cluster is left out, (n_clusters, n_raters)."""
        out: Floats = self.without[:, : self.scale.n_raters]
        return out

    def step_influence(self) -> Floats:
        """Change of each difficulty when a cluster is left out, (n_clusters, n_steps)."""
        out: Floats = self.without @ self.scale.to_difficulty.T
        return out

    def clusters_of(self, kept: Flags) -> int:
        """Clusters behind some of the ratings."""
        return len(np.unique(self.table.cluster[self.table.video[kept]]))


def one_step_error(influence: Floats) -> tuple[float, int]:
    """Jackknife error from the leave-one-out changes of the clusters, and its degrees of freedom.

    Where few clusters carry the whole error (links between raters, say) the t quantile must know: it gets
    3 (sum x^2)^2 / sum x^4 - 1 degrees, which is the number of clusters less 1 where all carry alike.
    """
    there = influence[np.abs(influence) > NO_CHANGE]
    if len(there) < 2:
        return float("nan"), 1
    square = np.square(there - there.mean())
    carrying = min(3 * square.sum() ** 2 / np.square(square).sum(), len(there)) if square.any() else 1
    return jackknife_error(there), max(1, round(float(carrying)) - 1)


def fit_structure(
    table: RatingTable,
    *,
    thresholds: Thresholds,
    method: Method,
    population: PopulationOf = "by_rater",
    rater_anchors: Mapping[Hashable, float] | None = None,
    step_anchors: Mapping[Hashable, float] | None = None,
) -> Structure:
    """Fit, then give extreme elements their measures.

    Raises:
        LabelError: An unknown option, or an anchor of someone who gave no rating.
    """
    if thresholds not in ("partial_credit", "rating_scale"):
        raise LabelError(f"unknown thresholds {thresholds!r}; give 'partial_credit' or 'rating_scale'")
    if method not in ("marginal", "joint"):
        raise LabelError(f"unknown method {method!r}; give 'marginal' or 'joint'")
    if population not in ("by_rater", "one"):
        raise LabelError(f"unknown population {population!r}; give 'by_rater' or 'one'")
    by_rater = _anchor_places(rater_anchors, table.raters, "rater")
    by_step = _anchor_places(step_anchors, table.steps, "step")
    active = activate(table, thresholds, drop_extreme_videos=method == "joint")
    now = active.table
    by_rater = {place: at for place, at in by_rater.items() if place in now.rater}
    by_step = {place: at for place, at in by_step.items() if place in now.step}
    telling = telling_ratings(active)
    sizes = len(table.videos), len(table.steps), len(table.raters)
    null = unnoticed_shifts(
        null_space(telling.video, telling.step, telling.rater, *sizes),
        active,
        anchored_rows(sizes[1], by_rater, by_step),
    )
    scale = make_scale(active, thresholds, null=null, rater_anchors=by_rater, step_anchors=by_step)
    start, average = start_from_counts(active, scale)
    reason = None
    if not telling.n:
        reason = "no variation: every video is at one end of its scale, so nothing tells raters or steps apart"
        nothing = np.zeros((len(start), len(start)))
        solution = Solution(start, np.full(sizes[0], np.nan), 0.0, nothing, np.zeros((sizes[0], len(start))), False, 0)
    else:
        if method == "joint":
            solution = fit_joint(active, scale, start, average)
        else:
            solution = fit_marginal(active, scale, start, average, one_population=population == "one")
            if not solution.converged and population == "by_rater":
                # A rater whose own videos are all at one end has no mean of them; the common one may still hold.
                solution = fit_marginal(active, scale, start, average, one_population=True)
        if not solution.converged:
            reason = UNBOUNDED if solution.rounds < MOST_ROUNDS else f"no convergence in {MOST_ROUNDS} rounds"
    return _finish(table, active, scale, solution, connectivity_of(now, null), method, thresholds, reason)


def telling_ratings(active: Active) -> RatingTable:
    """The ratings of videos that are not extreme."""
    return active.table.only(active.extreme_video[active.table.video] == 0)


def _anchor_places(anchors: Mapping[Hashable, float] | None, ids: Ids, what: str) -> dict[int, float]:
    place = {name: number for number, name in enumerate(ids)}
    for name, value in (anchors or {}).items():
        if name not in place:
            raise LabelError(f"anchor for {what} {name!r}, who is not among the {len(ids)} {what}s rated; take it out")
        if not np.isfinite(value):
            raise LabelError(f"anchor of {what} {name!r} is {value}; give a finite measure in logits")
    return {place[name]: float(value) for name, value in (anchors or {}).items()}


def _finish(
    table: RatingTable,
    active: Active,
    scale: Scale,
    solution: Solution,
    groups: Connectivity,
    method: Method,
    thresholds: Thresholds,
    reason: str | None,
) -> Structure:
    eta = scale.eta(solution.phi)
    n_raters = scale.n_raters
    step_in, rater_in = active.step_in, np.bincount(active.table.rater, minlength=n_raters) > 0
    severity = np.where(rater_in, scale.severity(eta), np.nan)
    cumulated = scale.cumulated(eta)
    difficulty = np.where(step_in, scale.to_difficulty @ eta, np.nan)
    in_model = step_in[table.step] & rater_in[table.rater]

    steep = scale.steepness()
    theta, error = _video_measures(table.only(in_model), active, severity, cumulated, steep, len(table.videos))
    if reason is None and scale.runs_off(solution.phi):
        reason = UNBOUNDED
    if reason is None:
        _place_extreme_raters(severity, table, active, theta, cumulated, steep)
        _place_extreme_steps(difficulty, table, active, theta, severity, cumulated)
    return Structure(
        table,
        active,
        scale,
        solution,
        groups,
        method,
        thresholds,
        severity,
        difficulty,
        cumulated,
        theta,
        error,
        leave_out_changes(active, scale, solution) if reason is None else np.zeros((table.n_clusters, len(eta))),
        in_model,
        reason,
    )


def _video_measures(
    table: RatingTable, active: Active, severity: Floats, cumulated: Floats, steep: Floats, n_videos: int
) -> tuple[Floats, Floats]:
    low, high = active.low[table.step], active.high[table.step]
    score = sums_by(table.video, n_videos, np.clip(table.label, low, high))
    lowest = sums_by(table.video, n_videos, low)
    highest = sums_by(table.video, n_videos, high)
    target = np.clip(score, lowest + EXTREME_SHIFT, highest - EXTREME_SHIFT)

    def at(theta: Floats) -> tuple[Floats, Floats]:
        p = probabilities(theta[table.video] - severity[table.rater], cumulated[table.step], steep[table.step])
        expected, variance = label_moments(p, table.n_labels)
        return sums_by(table.video, n_videos, expected), sums_by(table.video, n_videos, variance)

    there = np.bincount(table.video, minlength=n_videos) > 0
    theta, variance = _solve(at, np.where(there, target, 0.0), np.zeros(n_videos))
    error = 1 / np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.where(there, theta, np.nan), error


def _of(number: Ints, place: int) -> Flags:
    """Ratings of one element."""
    return np.asarray(number == place, dtype=np.bool_)


def _place_extreme_raters(
    severity: Floats, table: RatingTable, active: Active, theta: Floats, cumulated: Floats, steep: Floats
) -> None:
    step_in = active.step_in
    for rater in np.flatnonzero(active.extreme_rater):
        mine: Flags = _of(table.rater, int(rater)) & step_in[table.step] & ~np.isnan(theta[table.video])
        if not mine.any():
            continue
        step, where = table.step[mine], theta[table.video[mine]]
        severity[rater] = -_location(
            active.extreme_rater[rater],
            where,
            cumulated[step],
            steep[step],
            active.low[step],
            active.high[step],
        )


def _place_extreme_steps(
    difficulty: Floats, table: RatingTable, active: Active, theta: Floats, severity: Floats, cumulated: Floats
) -> None:
    """A step without variation has no thresholds of its own; it borrows the average ones of the complete steps."""
    labels = np.arange(table.n_labels, dtype=np.float64)
    complete = active.used.all(axis=1)
    shape = np.zeros(table.n_labels)
    if complete.any():
        shape = (cumulated[complete] - difficulty[complete][:, None] * labels).mean(axis=0)
    for step in np.flatnonzero(np.abs(active.extreme_step) == 1):
        mine: Flags = _of(table.step, int(step)) & ~np.isnan(theta[table.video]) & ~np.isnan(severity[table.rater])
        if not mine.any():
            continue
        where = theta[table.video[mine]] - severity[table.rater[mine]]
        n = len(where)
        difficulty[step] = -_location(
            active.extreme_step[step],
            where,
            np.tile(shape, (n, 1)),
            np.tile(labels, (n, 1)),
            np.zeros(n, dtype=np.int64),
            np.full(n, table.n_labels - 1),
        )


def _location(side: int, where: Floats, cumulated: Floats, steep: Floats, low: Ints, high: Ints) -> float:
    """The shift of `where` at which the expected total is the extreme one, moved inwards."""
    target = high.sum() - EXTREME_SHIFT if side == 1 else low.sum() + EXTREME_SHIFT

    def at(shift: Floats) -> tuple[Floats, Floats]:
        expected, variance = label_moments(probabilities(where + shift, cumulated, steep), steep.shape[1])
        return np.array([expected.sum()]), np.array([variance.sum()])

    return float(_solve(at, np.array([target]), np.zeros(1))[0][0])


def _solve(at: Callable[[Floats], tuple[Floats, Floats]], target: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Newton with short steps; the expected total grows with the location, so there is one answer."""
    here = start
    total, variance = at(here)
    for _ in range(100):
        move = np.clip((target - total) / np.maximum(variance, 1e-9), -1, 1)
        if np.abs(move).max(initial=0) < 1e-10:
            break
        here = np.clip(here + move, -40, 40)
        total, variance = at(here)
    return here, variance
