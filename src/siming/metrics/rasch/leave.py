"""What the raters' and steps' measures become when a video (or a candidate's videos) is left out, without refitting.

One Newton step from the full fit solves (H - H_c) x = -s_c, with H the information of all videos, H_c that of the cluster's and
s_c its score. A plain x = -s_c / H would ignore that the cluster takes its information along: harmless for one
video of two hundred, not for one link of ten.
"""

from __future__ import annotations

import numpy as np

from siming.metrics.cells import Floats
from siming.metrics.rasch.joint import Solution
from siming.metrics.rasch.scale import Active, Scale, eta_sums, label_moments, probabilities
from siming.metrics.rasch.table import sums_by

ROUNDS = 20
"""Terms of the series H^-1 + H^-1 H_c H^-1 + ...; a cluster that carries half of what is known of a rater leaves 1e-6."""


def leave_out_changes(active: Active, scale: Scale, solution: Solution) -> Floats:
    """Change of (severities, cumulated thresholds) when each cluster is left out, (n_clusters, n_eta).

    The cluster's information is taken at its videos' own measures.
    """
    table = active.table
    n_videos, n_labels = len(table.videos), table.n_labels
    eta = scale.eta(solution.phi)
    where = np.nan_to_num(solution.theta)[table.video] - scale.severity(eta)[table.rater]
    steep = scale.steepness()[table.step]
    p = probabilities(where, scale.cumulated(eta)[table.step], steep)
    _, variance = label_moments(p, n_labels)
    own = sums_by(table.video, n_videos, variance)
    if solution.population is not None:
        own += 1 / solution.population[1] ** 2
    own = np.where(own > 0, own, 1.0)
    cluster = table.cluster[table.video]
    columns = (scale.n_raters + table.step * n_labels)[:, None] + np.arange(n_labels)
    expected_steep = (p * steep).sum(axis=1)
    pull = p * (steep - expected_steep[:, None])
    shape = (n_videos, scale.n_steps, scale.n_raters)

    def own_information(change: Floats) -> Floats:
        """H_c times each cluster's change, both in eta."""
        logit = -(change[cluster, table.rater][:, None] * steep + change[cluster[:, None], columns])
        # The video's measure follows what changes around it; that part of the information is its own.
        drag = sums_by(table.video, n_videos, (pull * logit).sum(axis=1)) / own
        logit -= steep * drag[table.video][:, None]
        moved = p * (logit - (p * logit).sum(axis=1, keepdims=True))
        by_video = -eta_sums((moved * steep).sum(axis=1), moved, table.video, table.step, table.rater, shape)
        return _by_cluster(by_video, active)

    first = _by_cluster(solution.influence, active)
    back = scale.to_eta @ solution.covariance
    change = first @ scale.to_eta.T
    start = change
    for _ in range(ROUNDS):
        change = start + own_information(change) @ back @ scale.to_eta.T
    return change


def _by_cluster(by_video: Floats, active: Active) -> Floats:
    out = np.zeros((active.table.n_clusters, by_video.shape[1]))
    np.add.at(out, active.table.cluster, by_video)
    return out
