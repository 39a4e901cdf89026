"""Drift of a dataset's raters along each one's own order, as the times of submission give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from siming.metrics import Measured
from siming.metrics.raters import cumulative_drift, linear_drift, severity_by_block
from siming.rating.cells import Floats, totals_of
from siming.rating.plain import plain
from siming.rating.ratings import Ratings
from siming.rubric import N_LABELS

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Block:
    """A stretch of one rater's own order."""

    first: int
    """Place of its first attempt, from 1."""
    last: int
    n: int
    severity: Measured
    """Logits above this rater's own mean."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"from": self.first, "to": self.last, "n": self.n, "severity": self.severity.to_json()}


@dataclass(frozen=True)
class RaterDrift:
    """One rater over time."""

    rater: str
    blocks: tuple[Block, ...]
    trend: Measured
    """Logits from the first block to the last on a straight line; above 0 he grows more severe."""
    homogeneity: Measured
    """p value of the hypothesis that all blocks are equal."""
    per_100_attempts: Measured
    """Points of 100 by which his totals rise per 100 attempts; below 0 he grows more severe."""
    per_hour: Measured
    """The same per hour since his working day began."""
    per_day: Measured
    colleague: str | None
    """Whose totals the cumulative sum is taken against."""
    cumulative: tuple[float, ...]
    turn: str | None
    """Attempt after which the cumulative sum lies farthest from 0."""
    p_value: Measured
    """Of the cumulative sum: how often random orders go as far."""


@dataclass(frozen=True)
class Drift:
    """All raters over time, or why it cannot be told."""

    reason: str | None
    order: str
    raters: tuple[RaterDrift, ...]
    left_out: int = 0
    """Rows of sheets without a time."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        if self.reason is not None:
            return {"reason": self.reason}
        raters = [{**plain(each), "blocks": [block.to_plain() for block in each.blocks]} for each in self.raters]
        return {"order": self.order, "left_out": self.left_out, "raters": raters}


def drift_of(ratings: Ratings, *, block: int, seed: int) -> Drift:
    """Severity by block, linear trends and cumulative sums of every rater.

    Args:
        block: Attempts per block; at least two blocks are made, all of about one size.
        seed: Of the random orders of the cumulative sums.
    """
    clock = ratings.clock()
    if clock is None:
        return Drift("no sheet says when it was handed in (submitted_at), so there is no order to drift along", "", ())
    keys = list(zip(ratings.rater.tolist(), ratings.attempt.tolist(), strict=True))
    time = np.array([clock.get(key, np.nan) for key in keys])
    known = ~np.isnan(time)
    seen = {name: sum(1 for rater, _ in clock if rater == name) for name in ratings.raters}
    n_blocks = max(2, round(max(seen.values()) / block))
    ids = {name: array[known] for name, array in ratings.ids().items()}
    blocks = severity_by_block(ratings.label[known], **ids, order=time[known], n_labels=N_LABELS, blocks=n_blocks)
    slopes = _slopes(ratings, clock)
    out = []
    for found in blocks:
        name = str(found.rater)
        n = seen[name]
        edges = [-(-n * number // n_blocks) for number in range(n_blocks + 1)]
        against = _cumulative(ratings, clock, name, seed)
        out.append(
            RaterDrift(
                name,
                tuple(
                    Block(edges[at] + 1, edges[at + 1], edges[at + 1] - edges[at], severity)
                    for at, severity in enumerate(found.blocks)
                ),
                found.trend,
                found.homogeneity,
                per_100_attempts=slopes[0][name],
                per_hour=slopes[1][name],
                per_day=slopes[2][name],
                colleague=against[0],
                cumulative=against[1],
                turn=against[2],
                p_value=against[3],
            )
        )
    return Drift(None, "submitted_at", tuple(out), int((~known).sum()))


def rater_totals(ratings: Ratings) -> dict[str, Floats]:
    """Rater to his total of each attempt, 0 to 100; NaN where he left a step open."""
    return {
        name: totals_of(ratings.grid, column.points, np.array([entry is not None for entry in column.entries]))
        for name, column in ratings.columns.items()
    }


def _slopes(ratings: Ratings, clock: Any) -> tuple[dict[str, Measured], dict[str, Measured], dict[str, Measured]]:
    """Points per 100 attempts, per hour of the day and per day."""
    place = {attempt: number for number, attempt in enumerate(ratings.grid.attempts)}
    totals = rater_totals(ratings)
    keys = sorted(clock)
    marks = np.array([totals[rater][place[attempt]] for rater, attempt in keys])
    rater = np.array([rater for rater, _ in keys])
    video = np.array([attempt for _, attempt in keys])
    cluster = ratings.grid.attempt_cluster[[place[attempt] for attempt in video.tolist()]]
    time = np.array([clock[key] for key in keys])
    sequence, hour, day = np.zeros(len(time)), np.zeros(len(time)), np.zeros(len(time))
    for name in ratings.raters:
        own = rater == name
        sequence[own] = np.argsort(np.argsort(time[own], kind="stable"), kind="stable") + 1
        date = np.floor(time[own] / SECONDS_PER_DAY)
        began = {at: time[own][date == at].min() for at in np.unique(date)}
        hour[own] = [(each - began[at]) / 3600 for each, at in zip(time[own], date, strict=True)]
        day[own] = date - (date.min() if own.any() else 0)

    def slopes(along: Floats, per: float) -> dict[str, Measured]:
        found = linear_drift(marks, video=video, rater=rater, time=along, per=per, cluster=cluster)
        return {str(name): measured for name, measured in found.items()}

    by_day = slopes(day, 1)
    if not day.any():
        by_day = {name: Measured(None, each.n, reason="all was rated on one day") for name, each in by_day.items()}
    return slopes(sequence, 100), slopes(hour, 1), by_day


def _cumulative(
    ratings: Ratings, clock: Any, name: str, seed: int
) -> tuple[str | None, tuple[float, ...], str | None, Measured]:
    """Against the colleague who shares most attempts with him."""
    own = {attempt for rater, attempt in clock if rater == name}
    shared = {
        other: own & {attempt for rater, attempt in clock if rater == other}
        for other in ratings.raters
        if other != name
    }
    colleague = max(shared, key=lambda other: len(shared[other]))
    attempts = sorted(shared[colleague])
    if not attempts:
        return None, (), None, Measured(None, 0, reason="no colleague rated an attempt of his")
    place = {attempt: number for number, attempt in enumerate(ratings.grid.attempts)}
    at = [place[attempt] for attempt in attempts]
    totals = rater_totals(ratings)
    found = cumulative_drift(
        totals[name][at],
        totals[colleague][at],
        video=attempts,
        first_time=[clock[name, attempt] for attempt in attempts],
        second_time=[clock[colleague, attempt] for attempt in attempts],
        replicates=1999,
        seed=seed,
    )
    return colleague, found.path, None if found.turn is None else str(found.turn), found.p_value
