"""Marginal maximum likelihood: the videos are a normal sample, integrated out; raters and steps are estimated.

Joint ML stretches its measures because it estimates one number per video along with the rest; here there are an SD and a few
means for all videos, and a video with all labels at the top costs nothing.

**Whose videos.** With one mean for all, a rater whose videos are marked low is called severe even where his candidates
are weak: the mean ties raters who share no video. So the mean follows the raters of a video: theta ~ N(x b, s^2), x the
shares of the video's ratings that each rater gave (Mundlak 1978). Severities then rest on shared videos, as under joint ML.
Where every rater judged every video, x is a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, special

from siming.metrics.cells import Floats, Ints
from siming.metrics.rasch.joint import MOST_ROUNDS, Population, Solution, arrived, solve
from siming.metrics.rasch.scale import FARTHEST, Active, Scale, eta_sums, information, label_moments, probabilities
from siming.metrics.rasch.table import sums_by

SMALLEST_SPREAD = 0.05
"""SD of the videos, in logits, below which they are called equal."""
LARGEST_SPREAD = 10.0
"""SD on its way to infinity: the odds of a usual and of a good video would differ 22,000-fold."""
LEAST_VARIATION = 0.05
"""SD of the raters' shares below which all videos count as judged by the same raters: a label missing here and there
moves no mean, and one video with a rater of its own cannot show one."""


@dataclass(frozen=True, slots=True)
class _Design:
    """The ratings as a sparse table: each (step, rater) pair that occurs is a combination."""

    step: Ints
    rater: Ints
    combination: Ints
    """Combination of each rating."""
    chosen: sparse.csr_matrix
    """(n_videos, n_combinations x n_labels)."""
    rated: sparse.csr_matrix
    """(n_videos, n_combinations)."""
    patterns: sparse.csr_matrix
    """Different rows of `rated`: most exams have a few, whatever the number of videos."""
    pattern: Ints
    """Row of `patterns` of each video."""
    first: Ints
    """A video of each pattern."""
    mean: Floats
    """x of each video, (n_videos, n_means); the first is 1 throughout."""


def fit_marginal(active: Active, scale: Scale, start: Floats, average: float, *, one_population: bool) -> Solution:
    """Newton on the marginal likelihood with its exact second derivatives (Louis 1982)."""
    table = active.table
    design = _make_design(active, one_population)
    n_phi = len(start)
    means = np.zeros(design.mean.shape[1])
    means[0] = average
    here = _Point(active, scale, design, np.concatenate([start, means, [0.0]]))
    converged, stuck, rounds = False, False, 0
    while True:
        score_of, complete, observed = here.derivatives()
        score = score_of.sum(axis=0)
        floor = bool(here.parameters[-1] <= np.log(SMALLEST_SPREAD) and score[-1] <= 0)
        # Newton for the variance: near 0 the likelihood is a parabola in it, and flat in the log SD.
        curvature = observed.copy()
        curvature[-1, -1] += 2 * score[-1]
        move = _ascent(curvature, complete, score, floor)
        largest = float(np.abs(move).max(initial=0))
        converged, flat = arrived(largest, float(score @ move), stuck)
        runs_off = flat or here.runs_off()
        if converged or stuck or runs_off or rounds == MOST_ROUNDS:
            break
        rounds += 1
        size = min(1.0, 2.0 / largest)
        while True:
            new = here.moved_to(_moved(here.parameters, size * move))
            if new.log_likelihood >= here.log_likelihood - 1e-9 * abs(here.log_likelihood):
                here = new
                break
            size /= 2
            if size < 1e-5:
                stuck = True
                break
    if floor:
        observed[-1], observed[:, -1] = 0, 0
    covariance: Floats = np.linalg.pinv(observed, hermitian=True).astype(np.float64)
    rated = np.bincount(table.video, minlength=len(table.videos)) > 0
    return Solution(
        here.parameters[:n_phi],
        np.where(rated, here.posterior @ here.nodes, np.nan),
        here.log_likelihood,
        covariance[:-1, :-1],
        (-score_of @ covariance)[:, :-1],
        converged,
        rounds,
        Population(
            design.mean, here.sd, float(here.mean[rated].mean()), float(np.hypot(here.sd, here.mean[rated].std()))
        ),
    )


class _Point:
    """Likelihood, posterior of each video on a grid, and derivatives, at one place in the parameters' space."""

    def __init__(self, active: Active, scale: Scale, design: _Design, parameters: Floats) -> None:
        self.active, self.scale, self.design, self.parameters = active, scale, design, parameters
        self.n_phi = scale.to_eta.shape[1]
        self.sd = sd = float(np.exp(parameters[-1]))
        self.mean = design.mean @ parameters[self.n_phi : -1]
        """Of the population each video comes from, (n_videos,)."""
        # The grid follows the videos' distribution as it moves; with fine nodes the sum does not notice.
        self.nodes = nodes = _nodes(float(self.mean.min()), float(self.mean.max()), sd, active)
        self.z = (nodes - self.mean[:, None]) / sd
        eta = scale.eta(parameters[: self.n_phi])
        where = nodes - scale.severity(eta)[design.rater][:, None]
        steep = scale.steepness()[design.step][:, None, :]
        self.p = probabilities(where, scale.cumulated(eta)[design.step][:, None, :], steep)
        """(n_combinations, n_nodes, n_labels)."""
        log_p = np.log(np.maximum(self.p, 1e-300)).transpose(0, 2, 1).reshape(-1, len(nodes))
        prior = -0.5 * self.z**2 - np.log(sd) + np.log(nodes[1] - nodes[0]) - 0.5 * np.log(2 * np.pi)
        joint = design.chosen @ log_p + prior
        each = special.logsumexp(joint, axis=1)
        rated = np.diff(design.rated.indptr) > 0
        self.log_likelihood = float(each[rated].sum())
        self.posterior = np.exp(joint - each[:, None]) * rated[:, None]
        """(n_videos, n_nodes)."""

    def runs_off(self) -> bool:
        """Whether the populations or a measure are on their way to infinity."""
        apart = np.ptp(self.mean) > FARTHEST or self.sd > LARGEST_SPREAD
        return bool(apart or self.scale.runs_off(self.parameters[: self.n_phi]))

    def moved_to(self, parameters: Floats) -> _Point:
        """The same ratings seen from other parameters."""
        return _Point(self.active, self.scale, self.design, parameters)

    def derivatives(self) -> tuple[Floats, Floats, Floats]:
        """Score of each video, complete-data and observed information, all about (phi, means, log SD)."""
        posterior, p, n_phi = self.posterior, self.p, self.n_phi
        table, scale, design = self.active.table, self.scale, self.design
        n_nodes, n_labels = p.shape[1:]
        n_videos = len(table.videos)
        shape = (n_videos, scale.n_steps, scale.n_raters)
        z, x = self.z, design.mean / self.sd

        expected, _ = label_moments(p, n_labels)
        own_p = np.zeros((table.n, n_labels))
        for node in range(n_nodes):
            own_p += posterior[table.video, node, None] * p[design.combination, node]
        hit = np.zeros_like(own_p)
        hit[np.arange(table.n), table.label] = 1
        own_label = own_p @ np.arange(n_labels)
        by_eta = eta_sums(own_label - table.label, own_p - hit, table.video, table.step, table.rater, shape)
        first, second = (posterior * z).sum(axis=1), (posterior * z**2).sum(axis=1)
        there = posterior.sum(axis=1)
        score = np.column_stack([by_eta @ scale.to_eta, first[:, None] * x, second - there])

        weight = np.asarray(design.rated.T @ posterior)  # (n_combinations, n_nodes)
        about_eta = information(
            p.reshape(-1, n_labels),
            weight.ravel(),
            np.repeat(design.step, n_nodes),
            np.repeat(design.rater, n_nodes),
            scale.n_steps,
            scale.n_raters,
        )
        complete = np.zeros((score.shape[1], score.shape[1]))
        complete[:n_phi, :n_phi] = scale.to_eta.T @ about_eta @ scale.to_eta
        complete[n_phi:-1, n_phi:-1] = (x * there[:, None]).T @ x
        complete[-1, -1] = 2 * second.sum()
        complete[n_phi:-1, -1] = complete[-1, n_phi:-1] = 2 * first @ x

        # What is unknown because the videos are: the variance, over a video's posterior, of its score at a known theta.
        missing = np.zeros_like(complete)
        average = np.zeros_like(score)
        n_patterns = design.patterns.shape[0]
        by_rater = scale.to_eta[design.rater]
        by_label = scale.to_eta[(scale.n_raters + design.step * n_labels)[:, None] + np.arange(n_labels)]
        for node in range(n_nodes):
            above = expected[:, node] - scale.low[design.step]
            of_combination = above[:, None] * by_rater + np.matmul(p[:, node, None], by_label)[:, 0]
            curve = np.empty((n_patterns, score.shape[1]))
            curve[:, :n_phi] = design.patterns @ of_combination
            curve[:, n_phi:-1] = (z[:, node, None] * x)[design.first]
            curve[:, -1] = z[design.first, node] ** 2 - 1
            weight = sums_by(design.pattern, n_patterns, posterior[:, node])
            missing += (curve * weight[:, None]).T @ curve
            average += posterior[:, node, None] * curve[design.pattern]
        missing -= average.T @ average
        observed = complete - missing
        # Far from the answer the population's own block need not be positive; its expectation always is.
        complete[n_phi:-1, -1] = complete[-1, n_phi:-1] = 0
        complete[-1, -1] = 2 * there.sum()
        return score, complete, observed


def _moved(parameters: Floats, move: Floats) -> Floats:
    """The parameters after a move, whose last part is the change of the variance over twice the variance."""
    out: Floats = parameters + move
    factor = max(1 + 2 * float(move[-1]), 0.1)
    out[-1] = max(parameters[-1] + np.log(factor) / 2, np.log(SMALLEST_SPREAD))
    return out


def _ascent(observed: Floats, complete: Floats, score: Floats, floor: bool) -> Floats:
    """A Newton step where the likelihood is concave, else one of EM, which always climbs (but for the SD creeps)."""
    keep = slice(None, -1) if floor else slice(None)
    move = np.zeros_like(score)
    try:
        np.linalg.cholesky(observed[keep, keep])
        move[keep] = np.linalg.solve(observed[keep, keep], score[keep])
    except np.linalg.LinAlgError:
        move[:-1] = solve(complete[:-1, :-1], score[:-1])
        move[-1] = 0 if floor else np.sign(score[-1])
    return move


def _make_design(active: Active, one_population: bool) -> _Design:
    table = active.table
    n_videos, n_raters, n_labels = len(table.videos), len(table.raters), table.n_labels
    pair, combination = np.unique(table.step * n_raters + table.rater, return_inverse=True)
    ones = np.ones(table.n)
    chosen = sparse.csr_matrix(
        (ones, (table.video, combination * n_labels + table.label)), shape=(n_videos, len(pair) * n_labels)
    )
    rated = sparse.csr_matrix((ones, (table.video, combination)), shape=(n_videos, len(pair)))
    rated.sort_indices()
    ends = zip(rated.indptr[:-1], rated.indptr[1:], strict=True)
    _, first, pattern = np.unique(
        np.array([rated.indices[start:end].tobytes() for start, end in ends], dtype=object),
        return_index=True,
        return_inverse=True,
    )
    mean = np.ones((n_videos, 1)) if one_population else means_of_raters(active)
    return _Design(pair // n_raters, pair % n_raters, combination, chosen, rated, rated[first], pattern, first, mean)


def means_of_raters(active: Active) -> Floats:
    """1, and what varies from video to video in the shares of its raters, in uncorrelated columns of SD 1."""
    table = active.table
    n_videos, n_raters = len(table.videos), len(table.raters)
    counts = sums_by(table.video * n_raters + table.rater, n_videos * n_raters).reshape(n_videos, n_raters)
    total = counts.sum(axis=1, keepdims=True)
    rated = total[:, 0] > 0
    shares = counts / np.maximum(total, 1)
    away = np.where(rated[:, None], shares - shares[rated].mean(axis=0), 0.0)
    columns, size, _ = np.linalg.svd(away, full_matrices=False)
    varies = size > LEAST_VARIATION * np.sqrt(rated.sum())
    return np.column_stack([np.ones(n_videos), columns[:, varies] * np.sqrt(rated.sum())])


def _nodes(lowest: float, highest: float, sd: float, active: Active) -> Floats:
    """Evenly spaced places, close enough together for the sharpest posterior.

    The trapezoid rule on a bell of SD s errs by 2 exp(-2 (pi s / h)^2): 5e-9 for h = s. It must be that little, because the
    derivatives by the mean divide it by the variance of the videos.
    """
    table = active.table
    most = np.bincount(table.video).max(initial=1)
    # A rating tells at most (k - 1)^2 / 4 about its video; half of that is more than a whole sheet does in practice.
    sharpest = 1 / np.sqrt(1 / sd**2 + most * (table.n_labels - 1) ** 2 / 8)
    half = 6.5 * sd + 0.5
    n = int(np.clip(np.ceil((highest - lowest + 2 * half) / sharpest), 41, 2001))
    return np.linspace(lowest - half, highest + half, n)
