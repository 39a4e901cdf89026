"""Pass mark by contrasting groups: candidates judged competent against those judged not competent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import Floats, Rows
from siming.metrics.columns import read_columns
from siming.metrics.measured import Measured
from siming.metrics.moments import per_cluster, row_statistic
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import ratio, weighted_sums

NEWTON_STEPS = 60
"""Most iterations of the logistic fit; seven are usual."""


@dataclass(frozen=True, slots=True)
class ContrastingGroups:
    """The mark at which a candidate is as likely to be judged competent as not."""

    cut: Measured
    false_pass: Measured
    """Of those judged not competent, the share at or above the cut (the cut taken as it is)."""
    false_fail: Measured
    """Of those judged competent, the share below the cut."""


def contrasting_groups(
    scores: ArrayLike,
    competent: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> ContrastingGroups:
    """Pass mark by contrasting groups: where a logistic curve of "judged competent" on marks passes one half.

    Args:
        scores: Marks per video, NaN or None where missing.
        competent: Whether the whole performance was judged competent, NaN or None where missing.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        interval: How to make the cut's interval; None for none.

    Returns:
        Values are None when one group is empty, when the groups do not overlap (any mark in the gap separates
        them, and the curve has no slope), or when the competent do not have the higher marks.

    Raises:
        LabelError: A judgement that is neither yes nor no, or lists of different length.

    Source: Livingston and Zieky 1982; the curve by maximum likelihood.
    """
    rows = read_columns({"scores": scores, "competent": competent}, cluster=cluster)
    if not np.isin(rows.totals[:, 1], (0, 1)).all():
        raise LabelError("competent holds something else than yes and no; give True or False (1 or 0), None if unknown")
    marks, group = np.unique(rows.totals[:, 0], return_inverse=True)
    yes = rows.totals[:, 1] == 1
    at = np.arange(len(marks))
    by_mark = per_cluster(
        rows, np.hstack([(group[:, None] == at) & ~yes[:, None], (group[:, None] == at) & yes[:, None]]).astype(float)
    )
    statistic = row_statistic(
        rows,
        lambda weights: _logistic_cut(marks, weighted_sums(weights, by_mark)),
        12 * max(1, len(marks)),
        why=_why_no_contrast(rows.totals[:, 0], yes),
    )
    cut = measure(statistic, interval)
    return ContrastingGroups(cut, _wrong_side(rows, ~yes, cut, above=True), _wrong_side(rows, yes, cut, above=False))


def _logistic_cut(marks: Floats, sums: Floats) -> Floats:
    """The mark at which the curve passes one half; `sums` counts the not competent, then the competent, by mark."""
    no, yes = np.split(sums, 2, axis=1)
    scale = float(np.ptp(marks)) or 1.0
    x = (marks - marks.mean()) / scale
    overlap = _overlap(no, yes)
    out = np.full(len(sums), np.nan)
    no, yes = no[overlap], yes[overlap]
    n = no + yes
    height, slope = np.zeros(len(no)), np.zeros(len(no))
    step = np.full(len(no), np.inf)
    for _ in range(NEWTON_STEPS):
        expected = scipy.special.expit(height[:, None] + slope[:, None] * x)
        left = yes - n * expected
        weight = n * expected * (1 - expected)
        w, wx, wxx = weight.sum(axis=1), (weight * x).sum(axis=1), (weight * x * x).sum(axis=1)
        g, gx = left.sum(axis=1), (left * x).sum(axis=1)
        det = w * wxx - wx * wx
        # A long step would overshoot into the flat of the curve and never come back.
        up, turn = (np.clip(ratio(each, det), -5, 5) for each in (wxx * g - wx * gx, w * gx - wx * g))
        height, slope = height + up, slope + turn
        step = np.maximum(np.abs(up), np.abs(turn))
        if not (step > 1e-10 * (1 + np.abs(slope))).any():
            break
    settled = (step <= 1e-8 * (1 + np.abs(slope))) & (slope > 0)
    cut = marks.mean() - scale * ratio(height, slope)
    out[overlap] = np.where(settled, cut, np.nan)
    return out


def _overlap(no: Floats, yes: Floats) -> NDArray[np.bool_]:
    """Whether a mark of one group lies strictly inside the other's range of marks, either way round."""
    last = no.shape[1] - 1
    lowest_no, highest_no = (no > 0).argmax(axis=1), last - (no > 0)[:, ::-1].argmax(axis=1)
    lowest_yes, highest_yes = (yes > 0).argmax(axis=1), last - (yes > 0)[:, ::-1].argmax(axis=1)
    both = (no > 0).any(axis=1) & (yes > 0).any(axis=1)
    inside: NDArray[np.bool_] = both & (highest_no > lowest_yes) & (highest_yes > lowest_no)
    return inside


def _why_no_contrast(marks: Floats, competent: NDArray[np.bool_]) -> str:
    if competent.all() or not competent.any():
        return f"every candidate was judged {'competent' if competent.any() else 'not competent'}"
    best, worst = marks[~competent].max(), marks[competent].min()
    if best <= worst:
        return f"the groups do not overlap: any cut from {best:g} to {worst:g} marks separates them"
    return "the competent do not have the higher marks, so no mark stands for competence"


def _wrong_side(rows: Rows, group: NDArray[np.bool_], cut: Measured, *, above: bool) -> Measured:
    left_out = {"missing": rows.missing}
    if cut.value is None:
        return Measured(None, int(group.sum()), left_out=left_out, reason=cut.reason)
    side = (rows.totals[:, 0] >= cut.value) == above
    units = per_cluster(rows, np.column_stack([group, group & side]).astype(np.float64))

    def of(weights: Floats) -> Floats:
        n, wrong = weighted_sums(weights, units).T
        return ratio(wrong, n)

    statistic = row_statistic(rows, of, 2, bounds=(0.0, 1.0))
    return measure(replace(statistic, n=int(group.sum())), JACKKNIFE)
