"""Drift: does a rater grow more severe, or milder, in the course of the exam?

Drift shows only against a yardstick: colleagues who judged the same videos in another order. Where all judged in one order,
a rater who tires and candidates who improve look the same; everything here then refuses and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints, read_totals
from siming.metrics.measured import Measured
from siming.metrics.rasch.facets import combination
from siming.metrics.rasch.fit import fit_structure
from siming.metrics.rasch.quality import joint_test
from siming.metrics.rasch.scale import Thresholds
from siming.metrics.rasch.table import numbered, one_per_video, read_rating_table
from siming.metrics.raters.orders import FEWEST_SHARED, read_orders
from siming.metrics.resample import BATCH_FLOATS, JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic, weighted_sums


@dataclass(frozen=True, slots=True)
class BlockDrift:
    """One rater's severity through the exam, in logits."""

    rater: Hashable
    blocks: tuple[Measured, ...]
    """Severity in each stretch of the rater's own sequence, less the rater's mean."""
    trend: Measured
    """Straight line through the blocks: change from the middle of the first block to that of the last."""
    homogeneity: Measured
    """p value of the hypothesis that all blocks are equal (Hotelling's T^2, jackknife by cluster)."""


def severity_by_block(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    order: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
    blocks: int = 4,
    thresholds: Thresholds = "partial_credit",
    level: float = 0.95,
) -> tuple[BlockDrift, ...]:
    """Severity of each rater in equal stretches of the own sequence, all fitted at once.

    Each rater counts as `blocks` raters, one per stretch, in a many-facet Rasch fit, so that the videos' measures are
    not bent by the drift itself.

    Args:
        labels, video, step, rater, n_labels, cluster, thresholds: As in `many_facet_rasch`.
        order: When the rater judged the video: a sequence number, hours, or days; the same for each of its ratings.
        blocks: Stretches, at least 2.

    Returns:
        One record per rater; its values are None with a reason where no colleague saw the videos in an own order.

    Raises:
        LabelError: As `many_facet_rasch`, two times for one rater and video, or fewer than 2 blocks.

    Source: differential rater functioning over time, Wolfe, Myford, Engelhard and Manalo 2007.
    """
    if blocks < 2:
        raise LabelError(f"{blocks} blocks cannot show a change; ask for at least 2")
    table = read_rating_table(labels, video=video, step=step, rater=rater, n_labels=n_labels, cluster=cluster)
    length = len(np.asarray(rater))
    raters, rater_ids = numbered(rater, length, "rater ids")
    videos, video_ids = numbered(video, length, "video ids")
    orders = read_orders(order, raters, videos, rater_ids, video_ids)
    position = orders.position()
    n_seen = np.maximum((~np.isnan(position)).sum(axis=1), 1)
    block = np.floor((position[raters, videos] - 0.5) / n_seen[raters] * blocks).astype(np.int64)
    structure = fit_structure(
        read_rating_table(
            labels, video=video, step=step, rater=raters * blocks + block, n_labels=n_labels, cluster=cluster
        ),
        thresholds=thresholds,
        method="marginal",
    )
    place = {name: number for number, name in enumerate(structure.table.raters)}
    group = {name: number for number, members in enumerate(structure.connectivity.raters) for name in members}
    out = []
    for number, name in enumerate(rater_ids):
        own: list[Hashable] = [number * blocks + stretch for stretch in range(blocks)]
        n = int((table.rater == number).sum())
        why = structure.reason or orders.refusal(number)
        if why is None and any(one not in group for one in own):
            why = "a stretch of the sequence has no rating that tells anything"
        if why is None and len({group[one] for one in own}) > 1:
            why = "the stretches are not linked: in each, only colleagues in the same stretch saw the same videos"
        if why is not None:
            none = Measured(None, n, reason=why)
            out.append(BlockDrift(name, (none,) * blocks, none, none))
            continue
        places = [place[one] for one in own]
        contrasts = np.zeros((blocks, len(place)))
        contrasts[:, places] = np.eye(blocks) - 1 / blocks
        middle = np.arange(blocks) - (blocks - 1) / 2
        line = (blocks - 1) * middle @ contrasts / (middle @ middle)
        out.append(
            BlockDrift(
                name,
                tuple(combination(structure, "rater", weights, level=level) for weights in contrasts),
                combination(structure, "rater", line, level=level),
                joint_test(
                    contrasts[1:] @ np.nan_to_num(structure.severity),
                    structure.rater_influence() @ contrasts[1:].T,
                    n,
                ),
            )
        )
    return tuple(out)


def linear_drift(
    totals: ArrayLike,
    *,
    video: ArrayLike,
    rater: ArrayLike,
    time: ArrayLike,
    per: float = 100.0,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Mapping[Hashable, Measured]:
    """Marks by which each rater's totals rise per `per` units of the rater's own time, videos held fixed.

    Least squares of total = video + rater + slope of the rater x time. Negative: the rater grows more severe. Give as time
    the own sequence number (per 100 videos), hours since the day began, or days.

    Args:
        totals: Marks, one per rater and video; NaN where missing.
        video, rater, time: Of each total.
        per: Units of time the slope is told for.
        cluster: Candidate of each total, where one candidate has several videos.
        interval: How to make the intervals, by cluster.

    Returns:
        Rater to slope; None with a reason where no colleague judged the shared videos in an order of his own.

    Raises:
        LabelError: Arrays of different length, a rater's video twice, or a time that is missing.

    Source: two-way fixed effects with slopes; refusal, statistic D5 of the specification.
    """
    marks = read_totals(totals, "the raters")
    raters, rater_ids = numbered(rater, len(marks), "rater ids")
    videos, video_ids = numbered(video, len(marks), "video ids")
    if len(np.unique(raters * len(video_ids) + videos)) < len(marks):
        raise LabelError("a rater has two totals for one video; give one per rater and video")
    orders = read_orders(time, raters, videos, rater_ids, video_ids)
    of_video, n_clusters = np.arange(len(video_ids)), len(video_ids)
    if cluster is not None:
        of_video, names = one_per_video(cluster, videos, video_ids, "cluster ids")
        n_clusters = len(names)
    there = ~np.isnan(marks)
    shared = np.bincount(videos[there], minlength=len(video_ids))[videos] > 1
    used = there & shared
    slope = _slopes(
        marks[used],
        videos[used],
        raters[used],
        orders.time[raters[used], videos[used]],
        of_video,
        n_clusters,
        len(rater_ids),
    )
    out: dict[Hashable, Measured] = {}
    for number, name in enumerate(rater_ids):
        n = int((used & (raters == number)).sum())
        left_out = {
            "missing": int((~there & (raters == number)).sum()),
            "alone": int((there & ~shared & (raters == number)).sum()),
        }
        why = orders.refusal(number)
        if why is not None:
            out[name] = Measured(None, n, left_out=left_out, reason=why)
            continue
        statistic = Statistic(
            of=_column(slope, number, per),
            n=n,
            n_clusters=n_clusters,
            floats_per_replicate=4 * len(rater_ids) ** 2,
            why_undefined="the design does not fix this slope: too few shared videos, or one time for all",
            left_out=left_out,
        )
        out[name] = measure(statistic, interval)
    return out


def _column(slope: Callable[[Floats], Floats], number: int, per: float) -> Callable[[Floats], Floats]:
    return lambda weights: slope(weights)[:, number] * per


def _slopes(
    marks: Floats, video: Ints, rater: Ints, time: Floats, cluster: Ints, n_clusters: int, n_raters: int
) -> Callable[[Floats], Floats]:
    """A function from cluster weights (batch, n_clusters) to each rater's slope, NaN where the design does not fix it.

    The videos are taken out by subtracting each video's mean, so a cluster's part in the normal equations does not depend
    on the other clusters and is summed once.
    """
    n_videos, width = len(cluster), 2 * n_raters
    middle, spread = time.mean() if len(time) else 0.0, (time.std() or 1.0) if len(time) else 1.0
    columns = np.zeros((len(marks), width + 1))
    rows = np.arange(len(marks))
    columns[rows, rater] = 1
    columns[rows, n_raters + rater] = (time - middle) / spread
    columns[:, width] = marks
    mean = np.zeros((n_videos, width + 1))
    np.add.at(mean, video, columns)
    mean /= np.maximum(np.bincount(video, minlength=n_videos), 1)[:, None]
    columns -= mean[video]
    units = np.zeros((n_clusters, width, width + 1))
    np.add.at(units, cluster[video], columns[:, :width, None] * columns[:, None, :])

    def of(weights: Floats) -> Floats:
        sums = weighted_sums(weights, units.reshape(n_clusters, -1)).reshape(len(weights), width, width + 1)
        normal, right = sums[:, :, :width], sums[:, :, width:]
        inverse = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
        slope = (inverse @ right)[:, n_raters:, 0] / spread
        fixed = np.einsum("bij,bji->bi", inverse, normal)[:, n_raters:]  # 1 where the slope is estimable
        return np.where(fixed > 1 - 1e-6, slope, np.nan)

    return of


@dataclass(frozen=True, slots=True)
class CumulativeDrift:
    """Where in the exam the difference of two raters turned."""

    path: tuple[float, ...]
    """Standardised cumulated difference after each video, in the first rater's order; it ends at 0."""
    videos: tuple[Hashable, ...]
    """The videos in that order."""
    peak: Measured
    """Largest distance of the path from 0."""
    turn: Hashable | None
    """Video after which the path is farthest from 0: before and after it the difference is not the same."""
    p_value: Measured
    """Share of random orders of the same differences whose path goes as far."""
    replicates: int
    seed: int


def cumulative_drift(
    first: ArrayLike,
    second: ArrayLike,
    *,
    video: ArrayLike,
    first_time: ArrayLike,
    second_time: ArrayLike,
    replicates: int = 9_999,
    seed: int = 0,
) -> CumulativeDrift:
    """CUSUM of first minus second along the first rater's own order: shows a jump that a straight line misses.

    S_t = sum over the first t videos of (difference - mean difference) / (SD sqrt(n)).

    Args:
        first, second: Totals of the two raters, one per video, NaN where missing.
        video: Id of each.
        first_time, second_time: When each of them judged it.
        replicates: Random orders for the p value.
        seed: Seed of the random orders.

    Raises:
        LabelError: Arrays of different length, a video twice, or fewer than 99 random orders.

    Source: cumulative sums, Page 1954; the permutation p value counts the order seen among the random ones.
    """
    if replicates < 99:
        raise LabelError(f"{replicates} random orders cannot give a p value; ask for at least 99")
    a, b = read_totals(first, "the first rater"), read_totals(second, "the second rater")
    number, ids = numbered(video, len(a), "video ids")
    if len(b) != len(a) or len(ids) != len(a):
        raise LabelError(f"found {len(a)} and {len(b)} totals of {len(ids)} videos; give one of each rater per video")
    rater = np.repeat([0, 1], len(a))
    times = np.concatenate([np.asarray(first_time, dtype=np.float64), np.asarray(second_time, dtype=np.float64)])
    both = ~np.isnan(a) & ~np.isnan(b)
    kept = np.tile(both, 2)
    left_out = {"missing": int((~both).sum())}
    n = int(both.sum())
    orders = read_orders(times[kept], rater[kept], np.tile(number, 2)[kept], ("first", "second"), ids) if n else None
    difference = (a - b)[both]
    why = f"{n} videos with both totals are fewer than {FEWEST_SHARED}" if n < FEWEST_SHARED else None
    if orders is not None and why is None:
        why = orders.refusal(0)
    if why is None and (difference == difference[0]).all():
        why = "no variation: the two raters differ by the same marks in every video"
    if why is not None or orders is None:
        none = Measured(None, n, n, left_out=left_out, reason=why or "no pairs")
        return CumulativeDrift((), (), none, None, none, replicates, seed)
    sequence = np.argsort(orders.time[0, number[both]], kind="stable")
    step = (difference - difference.mean()) / (difference.std(ddof=1) * np.sqrt(n))
    path = np.cumsum(step[sequence])
    peak = float(np.abs(path).max())
    as_far = _as_far(step, peak, replicates, seed)
    videos = tuple(ids[place] for place in number[both][sequence])
    return CumulativeDrift(
        tuple(path.tolist()),
        videos,
        Measured(peak, n, n, left_out=left_out),
        videos[int(np.abs(path).argmax())],
        Measured((as_far + 1) / (replicates + 1), n, n, left_out=left_out),
        replicates,
        seed,
    )


def _as_far(step: Floats, peak: float, replicates: int, seed: int) -> int:
    """Random orders of the steps whose path goes as far as `peak`."""
    rng = np.random.default_rng(seed)
    found, batch = 0, max(1, BATCH_FLOATS // len(step))
    for start in range(0, replicates, batch):
        orders = rng.permuted(np.tile(step, (min(batch, replicates - start), 1)), axis=1)
        found += int((np.abs(np.cumsum(orders, axis=1)).max(axis=1) >= peak - 1e-12).sum())
    return found
