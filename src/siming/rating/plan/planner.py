"""From attempts and raters to an assignment plan; and from a plan that has begun to one that goes on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from siming.errors import TaskError
from siming.rating.plan.assignment import Assignment, AssignmentPlan
from siming.rating.plan.describe import described
from siming.rating.plan.forecast import Assumptions
from siming.rating.plan.queue import rater_seed
from siming.rating.plan.refusal import PlanError
from siming.rating.plan.roster import PlanAttempt, PlanRater, roster
from siming.rating.plan.search import Board, Floats, connect, fill
from siming.rating.plan.seating import Repeats, assignments_of, board_of, choose_repeats, minutes_of, new_viewers
from siming.rating.plan.standing import Standing, View, standing

REPEAT_AFTER_DAYS = 14
"""A repeat measures the rater against himself only when he has forgotten the video: at least two weeks."""

DEFAULTS = Assumptions()


@dataclass(frozen=True, slots=True)
class _Wishes:
    raters_per_attempt: int
    double_share: float
    link_attempts: int | frozenset[str]
    repeat_share: float
    not_before_days: int
    seed: int
    assumptions: Assumptions

    def __post_init__(self) -> None:
        if self.raters_per_attempt < 1:
            raise TaskError(f"raters_per_attempt is {self.raters_per_attempt}; give 1 or more, and 2 to compare sheets")
        for name, share in (("double_share", self.double_share), ("repeat_share", self.repeat_share)):
            if not 0 <= share <= 1:
                raise TaskError(f"{name} is {share}; give a share from 0 to 1, such as 0.05")
        if self.not_before_days < 0:
            raise TaskError(f"not_before_days is {self.not_before_days}; give 0 or more, such as {REPEAT_AFTER_DAYS}")
        if isinstance(self.link_attempts, int) and self.link_attempts < 0:
            raise TaskError(f"link_attempts is {self.link_attempts}; give 0 or more, or the ids of attempts")
        if self.seed < 0:
            raise TaskError(f"seed is {self.seed}; give a whole number of 0 or more")


def plan_assignments(
    attempts: Iterable[PlanAttempt],
    raters: Iterable[PlanRater],
    *,
    raters_per_attempt: int = 2,
    double_share: float = 1.0,
    link_attempts: int | Collection[str] = 0,
    repeat_share: float = 0.05,
    not_before_days: int = REPEAT_AFTER_DAYS,
    seed: int,
    assumptions: Assumptions = DEFAULTS,
) -> AssignmentPlan:
    """Who rates what, in which order; balanced for minutes, pairs of raters and sites, and linked wherever that can be.

    Args:
        raters_per_attempt: Raters whose sheets of an attempt are compared.
        double_share: Share of attempts that get so many; the others get one rater.
        link_attempts: Attempts that every rater rates who may, by number or by id: they tie all raters together.
        repeat_share: Share of compared ratings that their own rater gives a second time, blind to the first.
        not_before_days: Days before a repeat.
        seed: The same inputs in any order and the same seed give the same plan.
        assumptions: What the forecast takes for granted.

    Raises:
        TaskError: options out of range, an attempt with too few raters free of conflicts, more minutes than the raters
            have; each with its mend.
    """
    return replan(
        (),
        attempts,
        raters,
        raters_per_attempt=raters_per_attempt,
        double_share=double_share,
        link_attempts=link_attempts,
        repeat_share=repeat_share,
        not_before_days=not_before_days,
        seed=seed,
        assumptions=assumptions,
    )


def replan(
    existing: AssignmentPlan | Iterable[Assignment],
    attempts: Iterable[PlanAttempt],
    raters: Iterable[PlanRater],
    *,
    begun: Collection[View] = (),
    release: Collection[View] = (),
    raters_per_attempt: int = 2,
    double_share: float = 1.0,
    link_attempts: int | Collection[str] = 0,
    repeat_share: float = 0.05,
    not_before_days: int = REPEAT_AFTER_DAYS,
    seed: int,
    assumptions: Assumptions = DEFAULTS,
) -> AssignmentPlan:
    """A plan that goes on from another: nothing that stands is moved, and only what is open is filled.

    What is open: attempts added since, places of raters who left or who now have a conflict (unless they have begun),
    and places that are released. Work that was begun is always kept, even of a rater who left; where its place is
    released it stays beside the new rater's as `reassigned`. Raters who joined rate the link attempts too.

    Args:
        existing: The plan, or its assignments as they are stored now.
        attempts, raters: All there are now. Who is missing has left.
        begun: (attempt, rater) of everything in progress or submitted.
        release: (attempt, rater) whose place is to be given to somebody else.
        raters_per_attempt, double_share: For attempts that are new; the others keep as many places as they had.
        link_attempts, repeat_share: Of the whole plan; what there is already counts.
        not_before_days, seed, assumptions: As in `plan_assignments`.

    Raises:
        TaskError: as `plan_assignments`; something begun or released that is not assigned.
    """
    wishes = _Wishes(
        raters_per_attempt,
        double_share,
        link_attempts if isinstance(link_attempts, int) else frozenset(link_attempts),
        repeat_share,
        not_before_days,
        seed,
        assumptions,
    )
    held = tuple(existing.assignments if isinstance(existing, AssignmentPlan) else existing)
    people = tuple(raters)
    begun, release = frozenset(begun), frozenset(release)
    there = {(a.attempt, a.rater) for a in held}
    for what, views in (("begun", begun), ("released", release)):
        for attempt, rater in sorted(views - there):
            raise TaskError(
                f"attempt {attempt!r} of rater {rater!r} is called {what} and is not among the assignments; "
                "take it out, or hand in the assignments it belongs to"
            )
    former = {a.rater for a in held if (a.attempt, a.rater) in begun} - {rater.id for rater in people}
    who = roster(attempts, people, former=former)
    rng = np.random.default_rng(seed)
    stands = standing(
        who,
        held,
        begun=begun,
        release=release,
        raters_per_attempt=raters_per_attempt,
        double_share=double_share,
        link_attempts=wishes.link_attempts,
        rng=rng,
    )
    return _made(stands, wishes, rng)


def _made(stands: Standing, wishes: _Wishes, rng: np.random.Generator) -> AssignmentPlan:
    who = stands.who
    free: Floats = np.full(len(who.names), np.inf)
    board, repeats, notes = _searched(stands, wishes, free)
    needed = minutes_of(stands, board, repeats)
    # Limits are minded only where they bind, so the minutes that a refusal names are minutes that will do.
    if (needed > who.max_minutes + 1e-9).any():
        board, repeats, notes = _searched(stands, wishes, who.max_minutes)
        if (board.load > who.max_minutes + 1e-9).any():
            raise _too_many_minutes(stands, needed)
    seeds = {name: rater_seed(wishes.seed, name) for name in who.names}
    assignments = assignments_of(stands, board, repeats, seeds=seeds, not_before_days=wishes.not_before_days, rng=rng)
    return described(
        stands,
        assignments,
        seed=wishes.seed,
        seeds=seeds,
        raters_per_attempt=wishes.raters_per_attempt,
        not_before_days=wishes.not_before_days,
        assumptions=wishes.assumptions,
        notes=tuple(notes),
    )


def _searched(stands: Standing, wishes: _Wishes, limit: Floats) -> tuple[Board, Repeats, list[str]]:
    rng = np.random.default_rng([wishes.seed, 1])
    board, notes = board_of(stands, limit)
    fill(board, rng)
    connect(board, _link_pairs(stands, board), rng)
    repeats, lacking = choose_repeats(stands, board, share=wishes.repeat_share, rng=rng)
    if lacking:
        notes.append(f"{lacking} repeats found no room in the raters' minutes")
    return board, repeats, notes


def _link_pairs(stands: Standing, board: Board) -> Floats:
    """(raters, raters): whether two watch an attempt together in which not both have a place."""
    viewers: dict[int, set[int]] = {}
    for number, column in (*stands.watching, *new_viewers(stands)):
        viewers.setdefault(number, set()).add(column)
    out: Floats = np.zeros((len(stands.who.names), len(stands.who.names)))
    for number, columns in viewers.items():
        row = board.members[number]
        together = sorted(columns | set(row[row >= 0].tolist())) if number in stands.links else sorted(columns)
        out[np.ix_(together, together)] += 1
    np.fill_diagonal(out, 0)
    return out


def _too_many_minutes(stands: Standing, needed: Floats) -> PlanError:
    """What the raters would need, and the limits that would do."""
    who = stands.who
    limit = who.max_minutes[: who.n_raters]
    short = [n for n in range(who.n_raters) if needed[n] > limit[n]]
    wanted = ", ".join(f"{who.raters[n].id} {math.ceil(needed[n])}" for n in short[:12])
    more = (
        f" and {len(short) - 12} more raters {math.ceil(max(needed[n] for n in short[12:]))} each"
        if len(short) > 12
        else ""
    )
    allowed = limit[np.isfinite(limit)].sum()
    return PlanError(
        f"the plan takes {needed[: who.n_raters].sum():.0f} minutes and the raters' max_minutes allow "
        f"{allowed:.0f} in all, or not in a way that every attempt can be placed; raise max_minutes to at least "
        f"{wanted}{more}, add raters, or ask for a smaller double_share",
        "too_many_minutes",
        needed=f"{needed[: who.n_raters].sum():.0f}",
        allowed=f"{allowed:.0f}",
        wanted=[f"{who.raters[n].id} {math.ceil(needed[n])}" for n in short],
    )
