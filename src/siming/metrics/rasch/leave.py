"""What the raters' and steps' measures become when a video (or a candidate's videos) is left out, without refitting.

One Newton step from the full fit solves (H - H_c) x = -s_c, with H the information of all videos, H_c that of the
cluster's and s_c its score. A plain x = -s_c / H would ignore that the cluster takes its information along: harmless for
one video of two hundred, not for one link of ten.

**What one cluster alone holds.** Where a cluster carries nearly all that is known of a direction (the only video of a
stand-in, the only link between two groups of raters), nothing is left to be estimated without it. Such a direction
moves by one standard error of the model, and the interval gets the few degrees of freedom of one cluster.

Source: one-step jackknife, Efron and Tibshirani 1993; for estimating equations, Lipsitz, Dear and Zhao 1994.
"""

from __future__ import annotations

import numpy as np

from siming.metrics.cells import Floats
from siming.metrics.rasch.joint import Solution
from siming.metrics.rasch.scale import Active, Scale, eta_sums, information, label_moments, probabilities
from siming.metrics.rasch.table import sums_by

ROUNDS = 20
"""Terms of the series H^-1 + H^-1 H_c H^-1 + ...; at a share of `MUCH` they leave 3e-5."""

MUCH = 0.6
"""Share of what is known of some direction beyond which a cluster is solved for by itself and not by the series."""

NEARLY_ALL = 0.9
"""Share beyond which nothing worth the name is left without the cluster."""


def leave_out_changes(active: Active, scale: Scale, solution: Solution) -> Floats:
    """Change of (severities, cumulated thresholds) when each cluster is left out, (n_clusters, n_eta)."""
    held = _Held(active, scale, solution)
    first = held.by_cluster(solution.influence)
    size, directions = np.linalg.eigh(solution.covariance)
    known = size > 1e-12 * max(float(size.max(initial=0)), 1e-300)
    size, directions = size[known], directions[:, known]
    whitened = held.to_all @ (directions * np.sqrt(size))
    share = _largest_shares(held, whitened)

    back = held.to_all @ solution.covariance @ held.to_all.T
    start = change = first @ held.to_all.T
    light = (share <= MUCH)[:, None]
    for _ in range(ROUNDS):
        change = np.where(light, start + held.times(change) @ back, 0.0)
    for cluster in np.flatnonzero(share > MUCH):
        part, axes = np.linalg.eigh(whitened.T @ held.information_of(int(cluster)) @ whitened)
        along = axes.T @ (directions.T @ first[cluster] / np.sqrt(size))
        alone = np.where(along < 0, -1.0, 1.0)
        moved = np.where(part > NEARLY_ALL, alone, along / (1 - np.minimum(part, NEARLY_ALL)))
        change[cluster] = whitened @ (axes @ moved)
    return change[:, : len(scale.to_eta)]


class _Held:
    """The information about (severities, cumulated thresholds, means of the population) that each cluster holds, its
    videos eliminated."""

    def __init__(self, active: Active, scale: Scale, solution: Solution) -> None:
        self.scale, self.table = scale, active.table
        table, population = self.table, solution.population
        n_videos = len(table.videos)
        eta = scale.eta(solution.phi)
        where = np.nan_to_num(solution.theta)[table.video] - scale.severity(eta)[table.rater]
        self.steep = scale.steepness()[table.step]
        self.p = probabilities(where, scale.cumulated(eta)[table.step], self.steep)
        _, self.variance = label_moments(self.p, table.n_labels)
        self.pull = self.p * (self.steep - (self.p * self.steep).sum(axis=1, keepdims=True))
        own = sums_by(table.video, n_videos, self.variance)
        self.x, self.prior = np.zeros((n_videos, 0)), 0.0
        if population is not None:
            rated = np.bincount(table.video, minlength=n_videos) > 0
            self.x, self.prior = population.x * rated[:, None], 1 / population.sd_within**2
        self.own = np.where(own + self.prior > 0, own + self.prior, 1.0)
        self.cluster = table.cluster[table.video]
        self.to_all = np.zeros((len(eta) + self.x.shape[1], len(solution.phi) + self.x.shape[1]))
        """From (phi, means) to (severities, cumulated thresholds, means)."""
        self.to_all[: len(eta), : len(solution.phi)] = scale.to_eta
        self.to_all[len(eta) :, len(solution.phi) :] = np.eye(self.x.shape[1])

    def times(self, change: Floats) -> Floats:
        """H_c times each cluster's change, (n_clusters, n_eta + n_means)."""
        table, scale, p = self.table, self.scale, self.p
        columns = (scale.n_raters + table.step * table.n_labels)[:, None] + np.arange(table.n_labels)
        logit = -(change[self.cluster, table.rater][:, None] * self.steep + change[self.cluster[:, None], columns])
        mean = (self.x * change[table.cluster, len(scale.to_eta) :]).sum(axis=1)
        # The video's measure follows what changes around it; that part of the information is its own.
        follows = self.prior * mean - sums_by(table.video, len(table.videos), (self.pull * logit).sum(axis=1))
        follows /= self.own
        logit += self.steep * follows[table.video][:, None]
        moved = p * (logit - (p * logit).sum(axis=1, keepdims=True))
        shape = (len(table.videos), scale.n_steps, scale.n_raters)
        by_eta = -eta_sums((moved * self.steep).sum(axis=1), moved, table.video, table.step, table.rater, shape)
        return self.by_cluster(np.hstack([by_eta, self.x * (self.prior * (mean - follows))[:, None]]))

    def information_of(self, cluster: int) -> Floats:
        """H_c of one cluster, (n_eta + n_means, n_eta + n_means)."""
        table, scale = self.table, self.scale
        mine = self.cluster == cluster
        video, step, rater = table.video[mine], table.step[mine], table.rater[mine]
        videos, row = np.unique(video, return_inverse=True)
        x = self.x[videos]
        n_eta = len(scale.to_eta)
        out = np.zeros((n_eta + x.shape[1], n_eta + x.shape[1]))
        out[:n_eta, :n_eta] = information(self.p[mine], np.ones(len(row)), step, rater, scale.n_steps, scale.n_raters)
        out[n_eta:, n_eta:] = self.prior * x.T @ x
        shape = (len(videos), scale.n_steps, scale.n_raters)
        cross = np.hstack([eta_sums(self.variance[mine], self.pull[mine], row, step, rater, shape), self.prior * x])
        out -= cross.T @ (cross / self.own[videos][:, None])
        return out

    def by_cluster(self, by_video: Floats) -> Floats:
        """Sums of the videos' rows."""
        out = np.zeros((self.table.n_clusters, by_video.shape[1]))
        np.add.at(out, self.table.cluster, by_video)
        return out


def _largest_shares(held: _Held, whitened: Floats) -> Floats:
    """The largest share each cluster holds of what is known of a direction, by power iteration from random places."""
    here = np.random.default_rng(0).standard_normal((held.table.n_clusters, whitened.shape[1]))
    share = np.zeros(len(here))
    for _ in range(8):
        here = held.times(here @ whitened.T) @ whitened
        share = np.sqrt(np.square(here).sum(axis=1))
        here = np.divide(here, share[:, None], out=np.zeros_like(here), where=share[:, None] > 0)
    return share
