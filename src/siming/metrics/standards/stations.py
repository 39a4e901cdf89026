"""How one station of an exam behaved: who failed, who failed critically, what the site or the examiners explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, read_totals
from siming.metrics.columns import read_columns
from siming.metrics.measured import Interval, Measured
from siming.metrics.moments import centred, per_cluster, row_statistic
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import ratio, weighted_sums


@dataclass(frozen=True, slots=True)
class StationMetrics:
    """What to look at before a station's marks are released."""

    fail_rate: Measured
    """Share of videos with a total below the pass mark."""
    critical_fails: Measured | None
    """Number of critical fails in all; None where none were handed in."""
    fail_rate_with_critical: Measured | None
    """Share below the pass mark or with a critical fail."""
    between: Mapping[str, Measured] = field(default_factory=dict)
    """Name of a grouping, such as ``site``, to the share of the totals' variance that lies between its groups."""


def station_metrics(
    totals: ArrayLike,
    *,
    pass_mark: float,
    critical: ArrayLike | None = None,
    groups: Mapping[str, Sequence[object]] | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> StationMetrics:
    """Fail rate, critical fails and between-group share of variance of one station.

    Args:
        totals: Marks per video, NaN or None where missing.
        pass_mark: The lowest total that passes.
        critical: Number of critical fails in each video, or whether there was one.
        groups: Groupings by name; for each video the id of its group, None where unknown.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.

    Raises:
        LabelError: Totals that are no finite numbers, a negative count, or lists of different length.
    """
    if not np.isfinite(pass_mark):
        raise LabelError(f"pass_mark is {pass_mark}; give the lowest total that passes")
    failed = read_totals(totals, "the station") < pass_mark
    gaps = np.isnan(read_totals(totals, "the station"))
    critical_fails = with_critical = None
    if critical is not None:
        count = read_columns({"the station": totals, "critical fails": critical}, cluster=cluster)
        if (count.totals[:, 1] < 0).any():
            raise LabelError("critical fails of a video are below 0; give how many there were")
        found = float(count.totals[:, 1].sum())
        left_out = {"missing": count.missing}
        critical_fails = (
            Measured(found, count.n, count.n_clusters, left_out=left_out, interval_reason="a count")
            if count.n
            else Measured(None, 0, 0, left_out=left_out, reason="no video has both a total and its critical fails")
        )
        either = failed | (read_totals(critical, "critical fails") > 0)
        unknown = gaps | np.isnan(read_totals(critical, "critical fails"))
        with_critical = _share(np.where(unknown, np.nan, either), cluster, interval)
    return StationMetrics(
        fail_rate=_share(np.where(gaps, np.nan, failed), cluster, interval),
        critical_fails=critical_fails,
        fail_rate_with_critical=with_critical,
        between={
            name: between_group_share(totals, ids, cluster=cluster, interval=interval)
            for name, ids in (groups or {}).items()
        },
    )


def between_group_share(
    totals: ArrayLike,
    group: Sequence[object],
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """Share of the totals' variance that lies between groups, such as sites or examiner cohorts, in [0, 1].

    The one-way random-effects estimate (MSB - MSW) / (MSB + (n0 - 1) MSW), n0 = (N - sum n_g^2 / N) / (G - 1) for
    groups of unequal size. Below 0 it is given as 0, with a note. The interval speaks of other videos in these
    same groups, not of other groups. Arguments as in `station_metrics`.

    Returns:
        None with fewer than two groups, with one video in each, or when the totals do not vary.

    Source: Searle, Casella and McCulloch 1992, section 3.6.
    """
    ids = [None if each is None or each != each else str(each) for each in group]
    names = sorted({each for each in ids if each is not None})
    number = {name: float(at) for at, name in enumerate(names)}
    code = [float("nan") if each is None else number[each] for each in ids]
    rows = read_columns({"the station": totals, "the grouping": code or [float("nan")]}, cluster=cluster)
    n_groups = max(1, len(names))
    marks = centred(rows.totals[:, 0])
    member = rows.totals[:, [1]] == np.arange(n_groups)
    units = per_cluster(rows, np.hstack([member, member * marks[:, None], (marks**2)[:, None]]))

    def of(weights: Floats) -> Floats:
        sums = weighted_sums(weights, units)
        size, total, square = sums[:, :n_groups], sums[:, n_groups : 2 * n_groups], sums[:, -1]
        n, used = size.sum(axis=1), (size > 0).sum(axis=1)
        explained = np.where(size > 0, total**2 / np.maximum(size, 1e-300), 0).sum(axis=1)
        within = square - explained
        within = ratio(np.where(within > 1e-12 * square, within, 0), n - used)
        between = explained - ratio(total.sum(axis=1) ** 2, n)
        between = ratio(np.where(between > 1e-12 * square, between, 0), used - 1.0)
        n0 = ratio(n - ratio((size**2).sum(axis=1), n), used - 1.0)
        return ratio(between - within, between + (n0 - 1) * within)

    if len(np.unique(rows.totals[:, 1])) < 2:
        why = "fewer than 2 groups have a total"
    elif rows.n == len(np.unique(rows.totals[:, 1])):
        why = "each group has a single video, so nothing tells groups from videos"
    else:
        why = "no variation: every video has the same total"
    raw = measure(row_statistic(rows, of, units.shape[1], why=why, bounds=(-1.0, 1.0)), interval)
    if raw.value is None:
        return raw
    notes = raw.notes
    if raw.value < 0:
        notes += (f"variance between groups is estimated below 0 (share {raw.value:.3g}); given as 0",)
    return replace(raw, value=max(raw.value, 0.0), interval=_from_zero(raw.interval), notes=notes)


def _from_zero(interval: Interval | None) -> Interval | None:
    return interval and replace(interval, low=max(interval.low, 0.0), high=max(interval.high, 0.0))


def _share(event: Floats, cluster: ArrayLike | None, interval: IntervalMethod | None) -> Measured:
    rows = read_columns({"the station": event}, cluster=cluster)
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), rows.totals[:, 0]]))

    def of(weights: Floats) -> Floats:
        n, counted = weighted_sums(weights, units).T
        return ratio(counted, n)

    return measure(row_statistic(rows, of, 2, bounds=(0.0, 1.0)), interval)
