"""Marginal maximum likelihood: the videos are a normal sample, integrated out; raters and steps are estimated.

Joint ML stretches its measures because it estimates one number per video along with the rest; here there are two numbers
for all videos, a mean and an SD, and a video with all labels at the top costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, special

from siming.metrics.cells import Floats, Ints
from siming.metrics.rasch.joint import Solution, solve
from siming.metrics.rasch.scale import Active, Scale, eta_sums, information, label_moments, probabilities

TOLERANCE = 1e-8
MOST_ROUNDS = 200
SMALLEST_SPREAD = 0.01
"""SD of the videos, in logits, below which they are called equal."""
LARGEST_SPREAD = 30.0
"""SD on its way to infinity: nothing in the ratings holds the videos together."""


@dataclass(frozen=True, slots=True)
class _Design:
    """The ratings as a sparse table: each (step, rater) pair that occurs is a combination."""

    step: Ints
    rater: Ints
    chosen: sparse.csr_matrix
    """(n_videos, n_combinations x n_labels)."""
    rated: sparse.csr_matrix
    """(n_videos, n_combinations)."""
    patterns: sparse.csr_matrix
    """Different rows of `rated`."""
    pattern: Ints
    combination: Ints
    """Combination of each rating."""


def fit_marginal(active: Active, scale: Scale, start: Floats, average: float) -> Solution:
    """Newton on the marginal likelihood with its exact second derivatives (Louis 1982)."""
    table = active.table
    design = _make_design(active)
    n_phi = len(start)
    point = np.concatenate([start, [average, 0.0]])  # phi, mean and log SD of the videos
    nodes = _nodes(average, 1.0, active)
    state = _Expectation(active, scale, design, nodes)
    value, posterior, p = state.at(point)
    converged, rounds, floor = False, 0, False
    while True:
        score_of, complete, observed = state.derivatives(point, posterior, p)
        score = score_of.sum(axis=0)
        floor = bool(point[-1] <= np.log(SMALLEST_SPREAD) and score[-1] <= 0)
        move = _ascent(observed, complete, score, floor)
        largest = float(np.abs(move).max(initial=0))
        if largest < TOLERANCE or converged or rounds == MOST_ROUNDS:
            converged = converged or largest < TOLERANCE
            break
        rounds += 1
        size = min(1.0, 1.0 / largest)
        while True:
            trial = point + size * move
            trial[-1] = max(trial[-1], np.log(SMALLEST_SPREAD))
            # The grid follows the videos' distribution as it moves; with fine nodes the sum does not notice.
            wanted = _nodes(trial[-2], float(np.exp(trial[-1])), active)
            fresh = _Expectation(active, scale, design, wanted)
            new = fresh.at(trial)
            if new[0] >= value - 1e-9 * abs(value):
                break
            size /= 2
            if size < 1e-5:
                converged = True
                break
        point, state = trial, fresh
        value, posterior, p = new
        if point[-1] > np.log(LARGEST_SPREAD) or np.abs(point[:-1]).max() > 2 * LARGEST_SPREAD:
            break
    if floor:
        observed[-1], observed[:, -1] = 0, 0
    covariance: Floats = np.linalg.pinv(observed, hermitian=True).astype(np.float64)
    theta = posterior @ state.nodes
    there = np.bincount(table.video, minlength=len(table.videos)) > 0
    return Solution(
        point[:-2],
        np.where(there, theta, np.nan),
        value,
        covariance[:n_phi, :n_phi],
        (-score_of @ covariance)[:, :n_phi],
        converged,
        rounds,
        (float(point[-2]), float(np.exp(point[-1]))),
    )


class _Expectation:
    """Likelihood, posterior of each video on the grid, and derivatives."""

    def __init__(self, active: Active, scale: Scale, design: _Design, nodes: Floats) -> None:
        self.active, self.scale, self.design, self.nodes = active, scale, design, nodes

    def at(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Log likelihood, posterior weights (n_videos, n_nodes), P (n_combinations, n_nodes, n_labels)."""
        scale, design, nodes = self.scale, self.design, self.nodes
        eta = scale.eta(point[:-2])
        where = nodes - scale.severity(eta)[design.rater][:, None]
        steep = scale.steepness()[design.step][:, None, :]
        p = probabilities(where, scale.cumulated(eta)[design.step][:, None, :], steep)
        log_p = np.log(np.maximum(p, 1e-300)).transpose(0, 2, 1).reshape(-1, len(nodes))
        mean, sd = point[-2], np.exp(point[-1])
        prior = -0.5 * ((nodes - mean) / sd) ** 2 - np.log(sd) + np.log(nodes[1] - nodes[0]) - 0.5 * np.log(2 * np.pi)
        joint = design.chosen @ log_p + prior
        each = special.logsumexp(joint, axis=1)
        there = np.diff(design.rated.indptr) > 0
        return float(each[there].sum()), np.exp(joint - each[:, None]) * there[:, None], p

    def derivatives(self, point: Floats, posterior: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
        """Score of each video, complete-data and observed information, all about (phi, mean, log SD)."""
        table, scale, design, nodes = self.active.table, self.scale, self.design, self.nodes
        n_nodes, n_labels = p.shape[1:]
        n_videos = len(table.videos)
        shape = (n_videos, scale.n_steps, scale.n_raters)
        mean, sd = point[-2], np.exp(point[-1])
        z = (nodes - mean) / sd
        population = np.column_stack([z / sd, z**2 - 1])

        expected, _ = label_moments(p, n_labels)
        mean_p = np.tensordot(posterior, p, axes=(1, 1))  # (n_videos, n_combinations, n_labels)
        own_p = mean_p[table.video, design.combination]
        hit = np.zeros_like(own_p)
        hit[np.arange(table.n), table.label] = 1
        own_label = own_p @ np.arange(n_labels)
        by_eta = eta_sums(own_label - table.label, own_p - hit, table.video, table.step, table.rater, shape)
        score = np.hstack([by_eta @ scale.to_eta, posterior @ population])

        weight = np.asarray(design.rated.T @ posterior)  # (n_combinations, n_nodes)
        about_eta = information(
            p.reshape(-1, n_labels),
            weight.ravel(),
            np.repeat(design.step, n_nodes),
            np.repeat(design.rater, n_nodes),
            scale.n_steps,
            scale.n_raters,
        )
        n_phi = len(point) - 2
        complete = np.zeros((n_phi + 2, n_phi + 2))
        complete[:n_phi, :n_phi] = scale.to_eta.T @ about_eta @ scale.to_eta
        on_grid = posterior.sum(axis=0)
        complete[n_phi, n_phi] = on_grid.sum() / sd**2
        complete[n_phi + 1, n_phi + 1] = 2 * on_grid @ z**2
        complete[n_phi, n_phi + 1] = complete[n_phi + 1, n_phi] = 2 * on_grid @ z / sd

        missing = np.zeros_like(complete)
        for place in range(design.patterns.shape[0]):
            members = design.pattern == place
            inside = design.patterns[place].indices
            if not len(inside):
                continue
            row = np.tile(np.arange(n_nodes), len(inside))
            cases = p[inside].reshape(-1, n_labels)
            steps, raters = np.repeat(design.step[inside], n_nodes), np.repeat(design.rater[inside], n_nodes)
            level = (expected[inside] - scale.low[design.step[inside]][:, None]).ravel()
            sums = eta_sums(level, cases, row, steps, raters, (n_nodes, scale.n_steps, scale.n_raters))
            curve = np.hstack([sums @ scale.to_eta, population])
            own = posterior[members]
            average = own @ curve
            missing += (curve * own.sum(axis=0)[:, None]).T @ curve - average.T @ average
        observed = complete - missing
        # Far from the answer the population's own block need not be positive; its expectation always is.
        complete[n_phi:, n_phi:] = np.diag([on_grid.sum() / sd**2, 2 * on_grid.sum()])
        return score, complete, observed


def _ascent(observed: Floats, complete: Floats, score: Floats, floor: bool) -> Floats:
    """A Newton step where the likelihood is concave, else one of EM, which always climbs."""
    keep = slice(None, -1) if floor else slice(None)
    move = np.zeros_like(score)
    for matrix in (observed[keep, keep], complete[keep, keep]):
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            continue
        move[keep] = np.linalg.solve(matrix, score[keep])
        return move
    move[keep] = solve(complete[keep, keep], score[keep])
    return move


def _make_design(active: Active) -> _Design:
    table = active.table
    n_videos, n_raters, n_labels = len(table.videos), len(table.raters), table.n_labels
    pair, combination = np.unique(table.step * n_raters + table.rater, return_inverse=True)
    ones = np.ones(table.n)
    chosen = sparse.csr_matrix(
        (ones, (table.video, combination * n_labels + table.label)), shape=(n_videos, len(pair) * n_labels)
    )
    rated = sparse.csr_matrix((ones, (table.video, combination)), shape=(n_videos, len(pair)))
    rated.sort_indices()
    seen: dict[bytes, int] = {}
    pattern = np.empty(n_videos, dtype=np.int64)
    firsts = []
    for video in range(n_videos):
        key = rated.indices[rated.indptr[video] : rated.indptr[video + 1]].tobytes()
        if key not in seen:
            seen[key] = len(seen)
            firsts.append(video)
        pattern[video] = seen[key]
    return _Design(pair // n_raters, pair % n_raters, chosen, rated, rated[firsts], pattern, combination)


def _nodes(mean: float, sd: float, active: Active) -> Floats:
    """Evenly spaced places, close enough together for the sharpest posterior.

    The trapezoid rule on a bell of SD s errs by 2 exp(-2 (pi s / h)^2): below 1e-5 for h = 1.25 s.
    """
    table = active.table
    most = np.bincount(table.video).max(initial=1)
    # A rating tells at most (k - 1)^2 / 4 about its video; half of that is more than a whole sheet does in practice.
    sharpest = 1 / np.sqrt(1 / sd**2 + most * (table.n_labels - 1) ** 2 / 8)
    half = 6.5 * sd + 0.5
    n = int(np.clip(np.ceil(2 * half / (1.25 * sharpest)), 41, 1001))
    return np.linspace(mean - half, mean + half, n)
