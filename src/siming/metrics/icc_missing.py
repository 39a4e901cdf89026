"""Intraclass correlation where raters left out videos: variances by restricted maximum likelihood.

The model is total = mean + video + rater + error. Without gaps, and while no variance is estimated below 0,
its values are those of the mean squares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats, Rows
from siming.metrics.columns import read_columns
from siming.metrics.moments import lower_median, per_cluster
from siming.metrics.statistic import OfSums, Statistic, ratio

STEPS = 44
"""Of the golden section search; each keeps .618 of the bracket, so the last is 6e-10 wide."""
WIDTHS = (1e-2, 1e-3, 1e-4)
"""Between the points of the parabolas near a place where a valley is expected."""


def reml_statistic(raters: Sequence[ArrayLike], *, form: str, cluster: ArrayLike | None = None) -> Statistic:
    """One form of the intraclass correlation over every total there is.

    Raters are random draws in ``ICC(A,.)``, fixed in ``ICC(C,.)``, unnamed in ``ICC(1,.)``. Videos with a single
    total stay in: they help to place the raters.

    Source: Patterson and Thompson 1971; the raters are absorbed by the identity of Woodbury.
    """
    columns = {f"rater {number}": values for number, values in enumerate(raters, start=1)}
    rows = read_columns(columns, cluster=cluster, complete=False)
    k = rows.totals.shape[1]
    units = per_cluster(rows, _sums(rows))

    def of(sums: Floats) -> Floats:
        one = _one_rater(sums, k, form)
        return one if form.endswith("1)") else k * one / (1 + (k - 1) * one)

    gaps = int(np.isnan(rows.totals).sum())
    return Statistic(
        of=OfSums(units, of),
        n=rows.n,
        n_clusters=rows.n_clusters,
        floats_per_replicate=8 * units.shape[1],
        why_undefined=_why_undefined(rows),
        left_out={"missing": rows.missing, "missing_totals": gaps},
        notes=(f"mixed model: {rows.totals.size - gaps} totals of {rows.n} videos by {k} raters",),
        bounds=(0.0, 1.0),
    )


def _why_undefined(rows: Rows) -> str:
    present = ~np.isnan(rows.totals)
    if not present.any(axis=0).all():
        return f"rater {int(np.flatnonzero(~present.any(axis=0))[0]) + 1} marked no video"
    if (present.sum(axis=1) < 2).all():
        return "no video has totals of two raters"
    return "the totals leave nothing for the model to divide into variances"


def _sums(rows: Rows) -> Floats:
    """What the likelihood needs of each video: the first 2k + 2 columns for all, then a block per count of raters."""
    k = rows.totals.shape[1]
    seen = (~np.isnan(rows.totals)).astype(np.float64)
    known = rows.totals[~np.isnan(rows.totals)]
    marks = np.where(seen > 0, rows.totals - lower_median(known), 0.0)
    count, total = seen.sum(axis=1), marks.sum(axis=1)
    blocks = [seen, marks, (marks**2).sum(axis=1)[:, None], count[:, None]]
    pairs = (seen[:, :, None] * seen[:, None, :]).reshape(rows.n, k * k)
    own = np.column_stack([np.ones(rows.n), total**2, seen * total[:, None], pairs])
    blocks += [own * (count == m)[:, None] for m in range(1, k + 1)]
    return np.hstack(blocks)


class _Design:
    """The sums of a batch of replicates, by name."""

    def __init__(self, sums: Floats, k: int) -> None:
        self.k = k
        self.seen, self.marks = sums[:, :k], sums[:, k : 2 * k]
        self.square, self.n = sums[:, 2 * k], sums[:, 2 * k + 1]
        own = sums[:, 2 * k + 2 :].reshape(len(sums), k, 2 + k + k * k)
        self.videos, self.total_square = own[:, :, 0], own[:, :, 1]
        self.rater_total = own[:, :, 2 : 2 + k]
        self.pairs = own[:, :, 2 + k :].reshape(len(sums), k, k, k)

    def absorbed(self, videos: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Z'V^-1 Z and Z'V^-1 y over raters, y'V^-1 y, log |V|, for V = 1 + `videos` x (same video)."""
        size = np.arange(1, self.k + 1)
        share = videos[:, None] / (1 + size * videos[:, None])
        left: Floats = -np.einsum("bm,bmij->bij", share, self.pairs)
        left[:, np.arange(self.k), np.arange(self.k)] += self.seen
        right = self.marks - np.einsum("bm,bmi->bi", share, self.rater_total)
        square = self.square - (share * self.total_square).sum(axis=1)
        log_det = (self.videos * np.log1p(size * videos[:, None])).sum(axis=1)
        return left, right, square, log_det


def _one_rater(sums: Floats, k: int, form: str) -> Floats:
    out = np.full(len(sums), np.nan)
    everything = _Design(sums, k)
    # Without a degree of freedom left for the error, any two variances fit alike.
    spent = everything.videos.sum(axis=1) + (0 if form.startswith("ICC(1") else k - 1)
    spread = everything.square - ratio(everything.marks.sum(axis=1) ** 2, everything.n)
    possible = (everything.seen > 0).all(axis=1) & (everything.n > spent) & (spread > 1e-12 * everything.square)
    if not possible.any():
        return out
    design, start = _Design(sums[possible], k), _typical(sums[possible], k, form)
    videos = _odds(_least(lambda share: _profile(design, _odds(share), form, start)[0], len(design.n), near=start[0]))
    _, rater = _profile(design, videos, form, start)
    out[possible] = videos / (videos + _odds(rater) + 1)
    return out


def _typical(sums: Floats, k: int, form: str) -> tuple[float | None, float | None]:
    """The shares of videos and raters that fit the mean of a batch: those without one video each lie close to them."""
    if len(sums) < 2:
        return None, None
    design = _Design(sums.mean(axis=0, keepdims=True), k)
    videos = _least(lambda share: _profile(design, _odds(share), form)[0], 1)
    return float(videos[0]), float(_profile(design, _odds(videos), form)[1][0])


def _profile(
    design: _Design, videos: Floats, form: str, start: tuple[float | None, float | None] = (None, None)
) -> tuple[Floats, Floats]:
    """-2 log restricted likelihood at its best rater variance, and that variance as a share."""
    left, right, square, log_det = design.absorbed(videos)
    # In the basis of its eigenvectors any rater variance leaves `left` diagonal.
    roots, basis = np.linalg.eigh(left)
    roots = np.maximum(roots, 1e-300)
    turned = np.einsum("bji,bj->bi", basis, right)
    ones = basis.sum(axis=1)

    if form.startswith("ICC(C"):
        noise = _positive(square - (turned**2 / roots).sum(axis=1), design.square)
        worth = (design.n - design.k) * np.log(noise) + log_det + np.log(roots).sum(axis=1)
        return worth, np.zeros_like(worth)

    def deviance(rater: Floats) -> Floats:
        raters = _odds(rater)[:, None]
        shrunk = 1 + raters * roots
        information = (ones**2 * roots / shrunk).sum(axis=1)
        score = (ones * turned / shrunk).sum(axis=1)
        rest = square - (raters * turned**2 / shrunk).sum(axis=1) - score**2 / information
        noise = _positive(rest, design.square)
        worth: Floats = (design.n - 1) * np.log(noise) + log_det + np.log(shrunk).sum(axis=1) + np.log(information)
        return worth

    if form.startswith("ICC(1"):
        nothing = np.zeros(len(videos))
        return deviance(nothing), nothing
    best = _least(deviance, len(videos), near=start[1])
    return deviance(best), best


def _positive(rest: Floats, whole: Floats) -> Floats:
    return np.maximum(rest, 1e-14 * whole)


def _odds(share: Floats) -> Floats:
    """Variance in units of the error's, from its share of the two."""
    return share / (1 - share)


def _least(function: Callable[[Floats], Floats], size: int, *, near: float | None = None) -> Floats:
    """Where in [0, 1) each entry of a function with one valley is least.

    Args:
        near: Where to expect it. Three parabolas through ever closer points then find what golden section needs 46 looks
            for; entries whose valley lies elsewhere are searched in full.
    """
    if near is None or not WIDTHS[0] < near < 1 - WIDTHS[0]:
        return _searched(function, size)
    at, found = np.full(size, near), np.ones(size, dtype=np.bool_)
    for width in WIDTHS:
        before, here, after = function(at - width), function(at), function(at + width)
        bend = before - 2 * here + after
        step = width * np.divide(before - after, 2 * bend, out=np.full(size, 2.0), where=bend > 0)
        found &= np.abs(step) < width
        at = np.where(found, at + step, near)
    return at if found.all() else np.where(found, at, _searched(function, size))


def _searched(function: Callable[[Floats], Floats], size: int) -> Floats:
    """The same by golden section, all entries at once."""
    golden = (np.sqrt(5) - 1) / 2
    low, high = np.zeros(size), np.full(size, 1 - 1e-9)
    inner_low, inner_high = high - golden * (high - low), low + golden * (high - low)
    at_low, at_high = function(inner_low), function(inner_high)
    for _ in range(STEPS):
        left = at_low <= at_high
        high, low = np.where(left, inner_high, high), np.where(left, low, inner_low)
        new = np.where(left, high - golden * (high - low), low + golden * (high - low))
        at_new = function(new)
        inner_low, inner_high = np.where(left, new, inner_high), np.where(left, inner_low, new)
        at_low, at_high = np.where(left, at_new, at_high), np.where(left, at_low, at_new)
    middle: Floats = (low + high) / 2
    return np.where(function(np.zeros(size)) <= function(middle), 0.0, middle)
