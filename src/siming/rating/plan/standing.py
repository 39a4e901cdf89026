"""What stands before a plan is made: work that is begun or assigned, places of each attempt, link attempts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from siming.errors import TaskError
from siming.rating.plan.assignment import Assignment
from siming.rating.plan.refusal import PlanError
from siming.rating.plan.roster import Roster

View = tuple[str, str]
"""(attempt, rater): a rater's watching of an attempt."""


@dataclass(frozen=True)
class Standing:
    """Assignments that are not touched, and what each attempt is to have."""

    who: Roster
    kept: tuple[Assignment, ...]
    """On attempts of the roster."""
    gone: tuple[Assignment, ...]
    """Begun work on attempts that are no longer planned with: kept, and counted nowhere."""
    width: tuple[int, ...]
    """Compared places of each attempt."""
    links: frozenset[int]
    """Numbers of the link attempts."""

    @cached_property
    def watching(self) -> dict[tuple[int, int], Assignment]:
        """(attempt, rater) by number to one of the view's assignments; repeats are not among them."""
        return {self._numbers(a): a for a in self.kept if a.purpose != "repeat"}

    @cached_property
    def repeating(self) -> frozenset[tuple[int, int]]:
        """(attempt, rater) by number of every repeat."""
        return frozenset(self._numbers(a) for a in self.kept if a.purpose == "repeat")

    def _numbers(self, a: Assignment) -> tuple[int, int]:
        return self.who.attempt_number[a.attempt], self.who.rater_number[a.rater]


def standing(
    who: Roster,
    held: Sequence[Assignment],
    *,
    begun: Collection[View],
    release: Collection[View],
    raters_per_attempt: int,
    double_share: float,
    link_attempts: int | Collection[str],
    rng: np.random.Generator,
) -> Standing:
    """What of the assignments held so far stands, and what every attempt is to have.

    Raises:
        TaskError: link attempts that there are not.
    """
    stands = [_marked(a, release) for a in held if _stands(who, a, begun, release)]
    kept = tuple(a for a in stands if a.attempt in who.attempt_number)
    had: dict[str, int] = {}
    for a in held:
        if a.purpose == "score":
            had[a.attempt] = max(had.get(a.attempt, 0), a.slot + 1)
    links = _links(who, kept, link_attempts, rng)
    width = _widths(who, had, raters_per_attempt, double_share, rng)
    for number in links:
        if who.attempts[number].id not in had:
            width[number] = raters_per_attempt
    gone = tuple(a for a in stands if a.attempt not in who.attempt_number)
    return Standing(who, kept, gone, tuple(width), links)


def _stands(who: Roster, a: Assignment, begun: Collection[View], release: Collection[View]) -> bool:
    if (a.attempt, a.rater) in begun:
        return True
    number, column = who.attempt_number.get(a.attempt), who.rater_number.get(a.rater)
    if number is None or column is None or (a.attempt, a.rater) in release:
        return False
    return bool(who.allowed[number, column])


def _marked(a: Assignment, release: Collection[View]) -> Assignment:
    """Begun work whose place is released stays, beside whoever takes the place."""
    return replace(a, reassigned=True) if a.purpose == "score" and (a.attempt, a.rater) in release else a


def _widths(
    who: Roster, had: dict[str, int], raters_per_attempt: int, double_share: float, rng: np.random.Generator
) -> list[int]:
    """Places of each attempt: as many as it has had, or what the share of double ratings gives a new one."""
    out = [had.get(attempt.id, 1) for attempt in who.attempts]
    fresh = [number for number, attempt in enumerate(who.attempts) if attempt.id not in had]
    tie = rng.random(len(fresh)).tolist()
    # Every so manieth of the new ones, site by site, so that each site has its share of double ratings.
    by_site = sorted(zip([who.attempts[n].site or "" for n in fresh], tie, fresh, strict=True))
    n_double = round(double_share * len(fresh))
    for turn in range(n_double):
        out[by_site[int((turn + 0.5) * len(fresh) / n_double)][2]] = raters_per_attempt
    return out


def _links(
    who: Roster, kept: Sequence[Assignment], asked: int | Collection[str], rng: np.random.Generator
) -> frozenset[int]:
    """Link attempts: those that were, those asked for by id, and as many more as are asked for by number."""
    number_of, n = who.attempt_number, len(who.attempts)
    had = {number_of[a.attempt] for a in kept if a.purpose == "link"}
    if not isinstance(asked, int):
        for name in sorted(set(asked) - set(number_of)):
            raise TaskError(f"link attempt {name!r} is not among the attempts; correct the id or take it out")
        return frozenset(had | {number_of[name] for name in asked})
    if asked > n:
        raise PlanError(
            f"{asked} link attempts are asked for and there are {n} attempts; give at most {n}",
            "too_many_links",
            asked=asked,
            n=n,
        )
    refused = (~who.allowed[:, : who.n_raters]).sum(axis=1).tolist()
    tie = rng.random(n).tolist()
    strands: dict[str, list[tuple[int, float, int]]] = {}
    for number, attempt in enumerate(who.attempts):
        if number not in had:
            strands.setdefault(attempt.site or "", []).append((refused[number], tie[number], number))
    # Sites in turn, and of each the attempts that most raters may see.
    turns = sorted((turn, *one) for strand in strands.values() for turn, one in enumerate(sorted(strand)))
    return frozenset(had | {number for *_, number in turns[: max(0, asked - len(had))]})
