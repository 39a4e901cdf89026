"""Joint maximum likelihood: videos, raters, steps and thresholds all at once, by Newton with the videos eliminated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siming.metrics.cells import Floats
from siming.metrics.rasch.scale import FARTHEST, Active, Scale, eta_sums, information, label_moments, probabilities
from siming.metrics.rasch.table import sums_by

TOLERANCE = 1e-8
MOST_ROUNDS = 200
LEAST_INFORMATION = 1e-12
"""Of a video on its way to infinity, so that its step stays a number."""
NOTHING_TO_WIN = 1e-6
"""Gain in log likelihood of a full Newton step that is no gain."""
FAR = 0.1
"""A move of this many logits for no gain means that the ratings do not bound a measure: its standard error is 100 or more."""


@dataclass(frozen=True, slots=True)
class Population:
    """Where the marginal fit takes the videos from: theta ~ N(x b, sd_within^2)."""

    x: Floats
    """(n_videos, n_means); the first column is 1."""
    sd_within: float
    mean: float
    """Of all videos."""
    sd: float
    """Of all videos, the differences between the raters' own populations included."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Structural estimates and what their errors are made of, whichever likelihood was maximised."""

    phi: Floats
    theta: Floats
    """Measure of each video under joint ML, its posterior mean under marginal ML; NaN where it has none."""
    log_likelihood: float
    covariance: Floats
    """Inverse information about phi (and, under marginal ML, the means b), the videos accounted for; (q, q)."""
    influence: Floats
    """First-order change of the same when a video is left out, (n_videos, q)."""
    converged: bool
    rounds: int
    population: Population | None = None
    """None under joint ML."""


def solve(matrix: Floats, right: Floats) -> Floats:
    """The solution; the shortest of them where the matrix is singular (a label seen once can make it nearly so)."""
    try:
        np.linalg.cholesky(matrix)
        return np.linalg.solve(matrix, right).astype(np.float64)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(matrix, right, rcond=1e-12)[0].astype(np.float64)


def arrived(largest: float, gain: float, stuck: bool) -> tuple[bool, bool]:
    """Whether a search is at the maximum, and whether it walks along a ridge that has none.

    Args:
        largest: Longest part of the next Newton step.
        gain: Score times that step: twice what the step would gain in log likelihood.
        stuck: Rounding let no shorter step gain anything.
    """
    flat = gain < NOTHING_TO_WIN and largest > FAR
    return largest < TOLERANCE or (stuck and gain < NOTHING_TO_WIN and not flat), flat


def fit_joint(active: Active, scale: Scale, start: Floats, average: float) -> Solution:
    """Maximise over every parameter; the extreme videos are already gone from `active`."""
    table = active.table
    n_videos, n_labels = len(table.videos), table.n_labels
    there = np.bincount(table.video, minlength=n_videos) > 0
    steep = scale.steepness()[table.step]
    x = table.label - scale.low[table.step]
    hit = np.zeros((table.n, n_labels))
    hit[np.arange(table.n), table.label] = 1
    shape = (n_videos, scale.n_steps, scale.n_raters)
    phi, theta = start.copy(), np.full(n_videos, average)

    def likelihood(phi: Floats, theta: Floats) -> tuple[float, Floats]:
        eta = scale.eta(phi)
        p = probabilities(
            theta[table.video] - scale.severity(eta)[table.rater], scale.cumulated(eta)[table.step], steep
        )
        return float(np.log(np.maximum(p[np.arange(table.n), table.label], 1e-300)).sum()), p

    value, p = likelihood(phi, theta)
    converged, stuck, rounds = False, False, 0
    while True:
        expected, variance = label_moments(p, n_labels)
        expected = expected - scale.low[table.step]
        own = np.where(there, np.maximum(sums_by(table.video, n_videos, variance), LEAST_INFORMATION), 1.0)
        score_theta = sums_by(table.video, n_videos, x - expected)
        per_video = eta_sums(expected - x, p - hit, table.video, table.step, table.rater, shape) @ scale.to_eta
        weighted = variance, p * (np.arange(n_labels) - (expected + scale.low[table.step])[:, None])
        cross = -eta_sums(*weighted, table.video, table.step, table.rater, shape) @ scale.to_eta
        full = information(p, np.ones(table.n), table.step, table.rater, scale.n_steps, scale.n_raters)
        both = scale.to_eta.T @ full @ scale.to_eta
        reduced = both - cross.T @ (cross / own[:, None])
        score = per_video.sum(axis=0)
        step_phi = solve(reduced, score - cross.T @ (score_theta / own))
        step_theta = np.where(there, (score_theta - cross @ step_phi) / own, 0.0)
        largest = float(max(np.abs(step_phi).max(initial=0), np.abs(step_theta).max(initial=0)))
        gain = float(score @ step_phi + score_theta @ step_theta)
        converged, flat = arrived(largest, gain, stuck)
        runs_off = flat or scale.runs_off(phi) or np.abs(theta).max(initial=0) > 2 * FARTHEST
        if converged or stuck or runs_off or rounds == MOST_ROUNDS:
            break
        rounds += 1
        size = min(1.0, 2.0 / largest)
        while True:
            new_value, new_p = likelihood(phi + size * step_phi, theta + size * step_theta)
            if new_value >= value - 1e-10 * abs(value):
                phi, theta = phi + size * step_phi, theta + size * step_theta
                value, p = new_value, new_p
                break
            size /= 2
            if size < 1e-6:
                stuck = True
                break
    covariance: Floats = np.linalg.pinv(reduced, hermitian=True).astype(np.float64)
    return Solution(
        phi,
        np.where(there, theta, np.nan),
        value,
        covariance,
        # A video takes its own measure with it when it leaves; what it pulled at the others was its score.
        -per_video @ covariance,
        converged,
        rounds,
    )
