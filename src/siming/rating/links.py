"""What would hang on the raters' severities: totals as an average rater would give them, and a check of the consensus.

Both are advice. No sheet and no total is changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from siming.metrics import Interval, Measured
from siming.metrics.rasch import RaschFit
from siming.metrics.raters import dawid_skene, link_adjustment
from siming.metrics.raters.links import ADVICE
from siming.rating.cells import MISSING, Floats, column_of, totals_of
from siming.rating.plain import plain
from siming.rating.ratings import Ratings, mean_points, steps_by_name
from siming.rubric import N_LABELS


@dataclass(frozen=True)
class AdjustedAttempt:
    """One attempt: its total, which stands, and what an average rater would be expected to give."""

    attempt: str
    raters: tuple[str, ...]
    total: float
    """Points of 100: over the steps, the mean of the raters' points."""
    adjusted: Measured
    rank: int
    adjusted_rank: int | None
    rank_change: int | None
    """Places won (above 0) or lost."""
    decision_changed: bool | None
    """Whether the pass decision would be another; None without a pass mark."""
    hangs_on_a_link: bool | None
    """Whether that decision turns when a single shared attempt is left out of the fit."""


@dataclass(frozen=True)
class Links:
    """Advice about every attempt, or why none can be given."""

    reason: str | None
    pass_mark: float | None
    n_links: int
    critical_links: tuple[str, ...]
    attempts: tuple[AdjustedAttempt, ...]
    ranks_changed: int
    decisions_changed: int | None

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        if self.reason is not None:
            return {"reason": self.reason, "advice": ADVICE}
        out: dict[str, Any] = plain(self)
        del out["reason"]
        return {"advice": ADVICE, **out}


@dataclass(frozen=True)
class Doubt:
    """A consensus label that the raters' own labels make improbable."""

    attempt: str
    step: str
    consensus: int
    likeliest: int
    probability: float


@dataclass(frozen=True)
class Latent:
    """The consensus beside the latent truth of the raters' labels."""

    reason: str | None
    agreement: Measured
    """Share of consensus labels that are the likeliest label."""
    accuracy: dict[str, Measured]
    """Rater to the share of his labels expected to be true."""
    doubtful: tuple[Doubt, ...]
    notes: tuple[str, ...] = ()


def links_of(ratings: Ratings, fit: RaschFit, *, pass_mark: float | None) -> Links:
    """The adjustment of all totals.

    Args:
        fit: Of the same ratings, marginal.
        pass_mark: Points of 100.
    """
    reason = fit.structure.reason
    if reason is None and not fit.connectivity.connected:
        reason = f"not linked: {fit.connectivity.explanation}"
    if reason is not None:
        return Links(reason, pass_mark, 0, (), (), 0, None)
    found = link_adjustment(fit, points=marks_by_label(ratings, fit.structure.table.steps))
    grid, points = ratings.grid, mean_points(ratings)
    judged = ~np.isnan(points)
    totals = totals_of(grid, points, judged)
    share = _judged_share(ratings, judged)
    place = {attempt: number for number, attempt in enumerate(grid.attempts)}
    rows = [
        (str(one.video), tuple(map(str, one.raters)), one, totals[place[str(one.video)]], share[place[str(one.video)]])
        for one in found.videos
        if not np.isnan(totals[place[str(one.video)]])
    ]
    adjusted = [_moved(one.adjusted, one.observed, total, part) for _, _, one, total, part in rows]
    rank = _ranks([total for *_, total, _ in rows])
    new_rank = _ranks([np.nan if each.value is None else each.value for each in adjusted])
    attempts = tuple(
        AdjustedAttempt(
            attempt,
            raters,
            float(total),
            each,
            rank[at] or 0,
            new_rank[at],
            None if new_rank[at] is None else (rank[at] or 0) - (new_rank[at] or 0),
            *_decision(
                total, each, one.lowest_without_a_link, one.highest_without_a_link, one.observed, part, pass_mark
            ),
        )
        for at, ((attempt, raters, one, total, part), each) in enumerate(zip(rows, adjusted, strict=True))
    )
    return Links(
        None,
        pass_mark,
        found.n_links,
        tuple(map(str, found.critical_links)),
        attempts,
        sum(1 for each in attempts if each.rank_change),
        None if pass_mark is None else sum(1 for each in attempts if each.decision_changed),
    )


def marks_by_label(ratings: Ratings, steps: Sequence[Hashable]) -> Floats:
    """(steps, labels): points of 100 of the whole exam that a label stands for, the mean of what was given with it.

    A label that nobody gave stands at the same share of the points as its place on the scale.
    """
    grid = ratings.grid
    n_skills = len(ratings.dataset.rubrics)
    reachable = {rubric.skill: sum(step.max_points for step in rubric.steps) for rubric in grid.rubrics}
    known = steps_by_name(ratings.dataset)
    out = np.empty((len(steps), N_LABELS))
    for row, name in enumerate(steps):
        skill, step = known[str(name)]
        mine = ratings.step == str(name)
        labels, points = ratings.label[mine], ratings.points[mine]
        for label in range(N_LABELS):
            given = points[labels == label]
            mean = given.mean() if len(given) else step.max_points * label / (N_LABELS - 1)
            out[row, label] = 100 * mean / (reachable[skill] * n_skills)
    return out


def latent_of(ratings: Ratings) -> Latent:
    """Dawid and Skene's model of the raters' labels, and the consensus labels it doubts."""
    consensus = ratings.dataset.sheets_of("consensus")
    column = column_of(ratings.grid, consensus, name="consensus")
    agreed = column.labels[ratings.cell]
    found = dawid_skene(
        ratings.label, **ratings.ids(), n_labels=N_LABELS, consensus=agreed if (agreed != MISSING).any() else None
    )
    return Latent(
        found.reason or (None if consensus else "the dataset holds no consensus to check"),
        found.agreement,
        {str(name): accuracy for name, accuracy in found.accuracy.items()},
        tuple(
            Doubt(str(each.video), str(each.step), each.consensus, each.likeliest, each.probability)
            for each in found.doubtful
        ),
        found.notes,
    )


def _judged_share(ratings: Ratings, judged: Any) -> Floats:
    """Share of the whole exam's points that some rater judged, per attempt."""
    grid = ratings.grid
    n_skills = len(ratings.dataset.rubrics)
    whole = {rubric.id: sum(step.max_points for step in rubric.steps) for rubric in grid.rubrics}
    weight = grid.max_points / np.array([whole[rubric.id] * n_skills for rubric in grid.rubric])
    share = np.bincount(grid.attempt[judged], weights=weight[judged], minlength=len(grid.attempts))
    out: Floats = np.where(share > 0, share, np.nan)
    return out


def _moved(adjusted: Measured, observed: float, total: float, share: float) -> Measured:
    """The adjustment, worked out on label means, set on the total that was given."""
    if adjusted.value is None:
        return adjusted

    def at(value: float) -> float:
        return float(np.clip(total + (value - observed) / share, 0, 100))

    interval = adjusted.interval and replace(
        adjusted.interval, low=at(adjusted.interval.low), high=at(adjusted.interval.high)
    )
    assert interval is None or isinstance(interval, Interval)
    return replace(adjusted, value=at(adjusted.value), interval=interval)


def _decision(
    total: float,
    adjusted: Measured,
    lowest: float | None,
    highest: float | None,
    observed: float,
    share: float,
    pass_mark: float | None,
) -> tuple[bool | None, bool | None]:
    if pass_mark is None or adjusted.value is None:
        return None, None
    passes = adjusted.value >= pass_mark
    hangs = None
    if lowest is not None and highest is not None:
        low, high = (total + (each - observed) / share for each in (lowest, highest))
        hangs = bool((low >= pass_mark) != passes or (high >= pass_mark) != passes)
    return bool(passes != (total >= pass_mark)), hangs


def _ranks(totals: list[float]) -> list[int | None]:
    """1 for the best, equal totals share the better rank; None where there is none."""
    known = np.round([-each for each in totals if not np.isnan(each)], 9)
    ordered = np.sort(known)
    return [None if np.isnan(each) else int(np.searchsorted(ordered, np.round(-each, 9))) + 1 for each in totals]
