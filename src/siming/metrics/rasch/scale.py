"""What the many-facet Rasch model says of one rating, and the parameters it is written in.

ln(P_k / P_k-1) = theta_video - d_step,k - c_rater. Summed up from the lowest label a step uses, that is

    ln P_k = (k - low) (theta - c) - D_k + constant,    D_k = d_low+1 + ... + d_k.

A label nobody gave a step has P = 0 there: that is its maximum-likelihood estimate (a null category), and its
thresholds are undefined, not large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from siming.metrics.cells import Floats, Ints
from siming.metrics.rasch.table import Flags, RatingTable

Thresholds = Literal["partial_credit", "rating_scale"]

FARTHEST = 20.0
"""Logits beyond which an estimate is on its way to infinity."""


@dataclass(frozen=True, slots=True)
class Active:
    """The ratings that can say something, and which labels each step uses among them."""

    table: RatingTable
    used: Flags
    """Labels a step uses, (n_steps, n_labels); no label at all for a step that is out of the model."""
    low: Ints
    """Lowest used label of each step."""
    high: Ints
    extreme_step: Ints
    """+1 where every label of the step is the highest possible, -1 lowest, 2 where all are one label in between."""
    extreme_rater: Ints
    extreme_video: Ints
    """+1 highest, -1 lowest, of the ratings in steps and by raters that are in the model."""

    @property
    def step_in(self) -> Flags:
        """Steps that are in the model."""
        return np.asarray(self.used.any(axis=1), dtype=np.bool_)


def activate(table: RatingTable, thresholds: Thresholds, *, drop_extreme_videos: bool) -> Active:
    """Set aside, again and again until none is left, what has no finite estimate: steps, raters (and videos)
    whose every rating is the highest possible, or the lowest.

    Joint ML must set such videos aside; marginal ML keeps them, since their distribution holds them.
    """
    n_videos, n_steps, n_raters = len(table.videos), len(table.steps), len(table.raters)
    extreme_step = np.zeros(n_steps, dtype=np.int64)
    extreme_rater = np.zeros(n_raters, dtype=np.int64)
    video_out = np.zeros(n_videos, dtype=np.int64)
    kept = np.ones(table.n, dtype=bool)
    while True:
        now = table.only(kept)
        used = np.zeros((n_steps, table.n_labels), dtype=bool)
        used[now.step, now.label] = True
        if thresholds == "rating_scale":
            used[used.any(axis=1)] = used.any(axis=0)
        low = used.argmax(axis=1)
        high = table.n_labels - 1 - used[:, ::-1].argmax(axis=1)
        top, bottom = now.label == high[now.step], now.label == low[now.step]
        of_step = _all_one_side(now.step, top, bottom, n_steps)
        of_step[(of_step == 2) & (low == table.n_labels - 1)] = 1
        of_step[(of_step == 2) & (low == 0)] = -1
        of_rater = _all_one_side(now.rater, top, bottom, n_raters)
        of_video = _all_one_side(now.video, top, bottom, n_videos)
        bad = of_step[now.step] != 0
        # One kind at a time: a rater is not extreme because of steps that are about to leave.
        if bad.any():
            extreme_step[of_step != 0] = of_step[of_step != 0]
        else:
            bad = of_rater[now.rater] != 0
            if bad.any():
                extreme_rater[of_rater != 0] = of_rater[of_rater != 0]
            elif drop_extreme_videos:
                bad = of_video[now.video] != 0
                video_out[of_video != 0] = of_video[of_video != 0]
        if not bad.any():
            used[np.bincount(now.step, minlength=n_steps) == 0] = False
            flags = np.where(video_out != 0, video_out, of_video)
            return Active(now, used, low, high, extreme_step, extreme_rater, flags)
        kept[np.flatnonzero(kept)[bad]] = False


def _all_one_side(number: Ints, top: Flags, bottom: Flags, size: int) -> Ints:
    """+1 where every rating of an element is at the top, -1 at the bottom, 2 where top and bottom are one."""
    n = np.bincount(number, minlength=size)
    all_top = (np.bincount(number, weights=top, minlength=size) == n) & (n > 0)
    all_bottom = (np.bincount(number, weights=bottom, minlength=size) == n) & (n > 0)
    return np.where(all_top & all_bottom, 2, all_top.astype(np.int64) - all_bottom)


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear maps from the free parameters to severities, difficulties and cumulated thresholds.

    Everything the likelihood sees is eta = (c of each rater, D of each step and label), a linear function of phi.
    """

    n_raters: int
    n_steps: int
    n_labels: int
    low: Ints
    used: Flags
    to_eta: Floats
    """(n_eta, n_phi)."""
    eta_at_zero: Floats
    to_difficulty: Floats
    """(n_steps, n_eta): difficulty of a step = D of its highest used label / (highest - lowest)."""

    def eta(self, phi: Floats) -> Floats:
        """Severities and cumulated thresholds."""
        out: Floats = self.eta_at_zero + self.to_eta @ phi
        return out

    def severity(self, eta: Floats) -> Floats:
        """c of each rater."""
        return eta[: self.n_raters]

    def cumulated(self, eta: Floats) -> Floats:
        """D of each step and label, infinite for labels the step never uses."""
        cumulated = eta[self.n_raters :].reshape(self.n_steps, self.n_labels)
        return np.where(self.used, cumulated, np.inf)

    def runs_off(self, phi: Floats) -> bool:
        """Whether a severity or difficulty has passed `FARTHEST`: nothing in the ratings holds it back."""
        eta = self.eta(phi)
        measures = np.concatenate([self.severity(eta), self.to_difficulty @ eta])
        return bool(np.abs(measures).max(initial=0) > FARTHEST)

    def steepness(self) -> Floats:
        """k - low of each step and label."""
        return (np.arange(self.n_labels) - self.low[:, None]).astype(np.float64)


def make_scale(
    active: Active,
    thresholds: Thresholds,
    *,
    null: Floats,
    rater_anchors: Mapping[int, float],
    step_anchors: Mapping[int, float],
) -> Scale:
    """Write the constraints down as linear maps.

    Each shift that no rating can notice (`null`, from `unnoticed_shifts`) is fixed by demanding that the measures have
    no part in it: with connected raters that is 'severities sum to 0, difficulties sum to 0'. Anchors take that place.
    """
    table, used = active.table, active.used
    n_steps, n_labels, n_raters = len(table.steps), table.n_labels, len(table.raters)
    n_eta = n_raters + n_steps * n_labels
    spread = np.where(used.any(axis=1), active.high - active.low, 1)

    to_difficulty = np.zeros((n_steps, n_eta))
    rows = np.arange(n_steps)
    to_difficulty[rows, n_raters + rows * n_labels + active.high] = 1 / spread
    present = used.any(axis=1)
    to_difficulty[~present] = 0

    free = _free_parameters(active, thresholds, n_eta)
    linear = np.vstack([to_difficulty @ free, free[:n_raters]])  # in the order of `null`: steps, then raters
    anchored = anchored_rows(n_steps, rater_anchors, step_anchors)
    targets = np.array([*step_anchors.values(), *rater_anchors.values()], dtype=np.float64)
    constraints = np.vstack([null.T @ linear, linear[anchored]])
    wanted = np.concatenate([np.zeros(null.shape[1]), targets])
    at_zero = np.linalg.lstsq(constraints, wanted, rcond=None)[0]
    directions = _kernel(constraints)
    return Scale(
        n_raters,
        n_steps,
        n_labels,
        active.low,
        used,
        free @ directions,
        free @ at_zero,
        to_difficulty,
    )


def start_from_counts(active: Active, scale: Scale) -> tuple[Floats, float]:
    """Where the search begins: thresholds from how often each step's labels occur, raters alike.

    Returns:
        phi, and the measure of an average video beside it.
    """
    table = active.table
    counts = np.zeros((scale.n_steps, scale.n_labels))
    np.add.at(counts, (table.step, table.label), 1)
    rows = np.arange(scale.n_steps)
    lowest = counts[rows, scale.low][:, None]
    cumulated = np.where(scale.used, np.log((lowest + 0.5) / (counts + 0.5)), 0)
    steep = np.where(scale.used, scale.steepness(), 0)
    present = scale.used.any(axis=1)
    average = 0.0
    phi: Floats = np.zeros(scale.to_eta.shape[1])
    for _ in range(2):
        # The second time the thresholds sit where the constraints want them, and the videos take up the rest.
        guess = np.concatenate([np.zeros(scale.n_raters), (cumulated + average * steep).ravel()])
        phi = np.linalg.lstsq(scale.to_eta, guess - scale.eta_at_zero, rcond=None)[0].astype(np.float64)
        fitted, wanted = scale.to_difficulty @ scale.eta(phi), scale.to_difficulty @ guess
        average += float((fitted - wanted)[present].mean()) if present.any() else 0.0
    return phi, average


def anchored_rows(n_steps: int, rater_anchors: Mapping[int, float], step_anchors: Mapping[int, float]) -> list[int]:
    """Places of the anchored elements among steps, then raters."""
    return [*step_anchors, *(n_steps + place for place in rater_anchors)]


def unnoticed_shifts(null: Floats, active: Active, anchored: list[int]) -> Floats:
    """Of the design's unnoticed shifts those that move something in the model and no anchor."""
    there = np.concatenate([active.step_in, np.bincount(active.table.rater, minlength=len(active.table.raters)) > 0])
    inside = null * there[:, None]
    moving: Floats = inside[:, np.abs(inside).max(axis=0, initial=0) > 1e-9]
    return moving @ _kernel(moving[anchored]) if anchored else moving


def _free_parameters(active: Active, thresholds: Thresholds, n_eta: int) -> Floats:
    """Columns of eta that the likelihood may move, before constraints."""
    table, used = active.table, active.used
    n_raters, n_labels = len(table.raters), table.n_labels
    columns: list[Floats] = []

    def column(places: Ints, values: Floats | float) -> None:
        out = np.zeros(n_eta)
        out[places] = values
        columns.append(out)

    for rater in np.flatnonzero(np.bincount(table.rater, minlength=n_raters)):
        column(np.array([rater]), 1.0)
    present = np.flatnonzero(used.any(axis=1))
    if thresholds == "partial_credit":
        for step, label in zip(*np.nonzero(used), strict=True):
            if label > active.low[step]:
                column(np.array([n_raters + step * n_labels + label]), 1.0)
    else:
        for step in present:
            labels = np.flatnonzero(used[step])
            column(n_raters + step * n_labels + labels, (labels - active.low[step]).astype(np.float64))
        inner = np.flatnonzero(used[present].any(axis=0))[1:-1] if len(present) else ()
        for label in inner:
            column(n_raters + present * n_labels + label, 1.0)
    return np.column_stack(columns) if columns else np.zeros((n_eta, 0))


def _kernel(matrix: Floats) -> Floats:
    """Orthonormal directions that the matrix maps to 0."""
    if matrix.shape[1] == 0 or matrix.shape[0] == 0:
        return np.eye(matrix.shape[1])
    _, size, directions = np.linalg.svd(matrix, full_matrices=True)
    rank = int((size > 1e-9 * max(1.0, float(size.max(initial=0)))).sum())
    kernel: Floats = directions[rank:].T
    return kernel


def probabilities(location: Floats, cumulated: Floats, steepness: Floats) -> Floats:
    """P of each label at `location` = theta - c: (...,) with (..., n_labels) gives (..., n_labels)."""
    logit = location[..., None] * steepness - cumulated
    logit -= logit.max(axis=-1, keepdims=True)
    np.exp(logit, out=logit)
    logit /= logit.sum(axis=-1, keepdims=True)
    return logit


def label_moments(p: Floats, n_labels: int) -> tuple[Floats, Floats]:
    """Expected label and its variance."""
    labels = np.arange(n_labels, dtype=np.float64)
    expected: Floats = p @ labels
    variance: Floats = p @ labels**2 - expected**2
    return expected, variance


def information(p: Floats, weight: Floats, step: Ints, rater: Ints, n_steps: int, n_raters: int) -> Floats:
    """Information about eta in weighted cases of one rating each; p is (n_cases, n_labels)."""
    n_labels = p.shape[1]
    expected, variance = label_moments(p, n_labels)
    n_eta = n_raters + n_steps * n_labels
    out = np.zeros((n_eta, n_eta))
    places = np.arange(n_raters)
    out[places, places] = np.bincount(rater, weights=weight * variance, minlength=n_raters)
    pair = rater * n_steps + step
    weighted = p * weight[:, None]
    for k in range(n_labels):
        rows = n_raters + np.arange(n_steps) * n_labels + k
        cross = np.bincount(pair, weights=weighted[:, k] * (k - expected), minlength=n_raters * n_steps)
        out[:n_raters, rows] = cross.reshape(n_raters, n_steps)
        out[rows, :n_raters] = out[:n_raters, rows].T
        for other in range(k, n_labels):
            columns = n_raters + np.arange(n_steps) * n_labels + other
            own = weighted[:, k] * ((k == other) - p[:, other])
            out[rows, columns] = out[columns, rows] = np.bincount(step, weights=own, minlength=n_steps)
    return out


def eta_sums(expected: Floats, p: Floats, row: Ints, step: Ints, rater: Ints, shape: tuple[int, int, int]) -> Floats:
    """Sum per row (video) of each rating's expected label, under its rater, and of its P, under its step."""
    n_rows, n_steps, n_raters = shape
    n_labels = p.shape[1]
    starts = (n_raters + step * n_labels)[:, None] + np.arange(n_labels)
    column = np.concatenate([rater, starts.ravel()])
    rows = np.concatenate([row, np.repeat(row, n_labels)])
    n_eta = n_raters + n_steps * n_labels
    table = sparse.coo_matrix((np.concatenate([expected, p.ravel()]), (rows, column)), shape=(n_rows, n_eta))
    out: Floats = np.asarray(table.todense())
    return out
