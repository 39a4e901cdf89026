"""Who could rate what: attempts and raters, numbered, and the conflicts between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from siming.errors import TaskError
from siming.rating.plan.refusal import PlanError
from siming.rubric.rubric import repeated

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlanAttempt:
    """One recording to be rated."""

    id: str
    minutes: float
    """Length of the video. Above 0."""
    rubrics: tuple[str, ...]
    """Ids of the rubrics it is rated by. One rater rates all of them: a video is watched as a whole."""
    site: str | None = None
    candidate: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise TaskError(f"attempt {self.id!r} lasts {self.minutes} minutes; give its length, more than 0")
        if not self.rubrics:
            raise TaskError(f"attempt {self.id!r} names no rubric; give at least one, such as aed-adult")


@dataclass(frozen=True, slots=True)
class PlanRater:
    """One physician who can rate."""

    id: str
    site: str | None = None
    max_minutes: float | None = None
    """Most minutes of video; None for as many as fall to a fair share."""
    conflicts: frozenset[str] = frozenset()
    """Ids of attempts, or of candidates (own students), that this rater must not see."""
    same_site_allowed: bool = False
    """Whether attempts of the rater's own site may be rated by him."""

    def __post_init__(self) -> None:
        if self.max_minutes is not None and not self.max_minutes >= 0:
            raise TaskError(f"rater {self.id!r} has max_minutes={self.max_minutes}; give 0 or more, or leave it out")


@dataclass(frozen=True)
class Roster:
    """Attempts and raters in the order of their ids, so that the order in which they were handed in means nothing."""

    attempts: tuple[PlanAttempt, ...]
    raters: tuple[PlanRater, ...]
    former: tuple[str, ...] = ()
    """Raters who left, of whom only earlier work remains; they come behind the others."""

    @property
    def n_raters(self) -> int:
        """Raters who can still be given something."""
        return len(self.raters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Ids of all raters, those who left last."""
        return (*(r.id for r in self.raters), *self.former)

    @cached_property
    def attempt_number(self) -> dict[str, int]:
        return {attempt.id: number for number, attempt in enumerate(self.attempts)}

    @cached_property
    def rater_number(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def minutes(self) -> npt.NDArray[np.float64]:
        return np.array([attempt.minutes for attempt in self.attempts], dtype=np.float64)

    @cached_property
    def sites(self) -> tuple[npt.NDArray[np.int64], int]:
        """The number of each attempt's site, and how many sites there are (no site counts as one)."""
        names = sorted({attempt.site or "" for attempt in self.attempts})
        place = {name: number for number, name in enumerate(names)}
        return np.array([place[attempt.site or ""] for attempt in self.attempts], dtype=np.int64), len(names)

    @cached_property
    def allowed(self) -> Flags:
        """(attempts, all raters): who may rate what. Nobody who left may rate anything more."""
        out = np.zeros((len(self.attempts), len(self.names)), dtype=np.bool_)
        sites = np.array([attempt.site or "" for attempt in self.attempts])
        by_candidate: dict[str, list[int]] = {}
        for number, attempt in enumerate(self.attempts):
            if attempt.candidate is not None:
                by_candidate.setdefault(attempt.candidate, []).append(number)
        for column, rater in enumerate(self.raters):
            out[:, column] = True
            if rater.site is not None and not rater.same_site_allowed:
                out[:, column] = sites != rater.site
            for name in rater.conflicts:
                out[by_candidate.get(name, []), column] = False
                if name in self.attempt_number:
                    out[self.attempt_number[name], column] = False
        return out

    @cached_property
    def max_minutes(self) -> npt.NDArray[np.float64]:
        """Of every rater, infinite where none is given."""
        given = [np.inf if r.max_minutes is None else r.max_minutes for r in self.raters]
        return np.array([*given, *(np.inf for _ in self.former)], dtype=np.float64)

    def too_few(self, number: int, wanted: int, free: int) -> PlanError:
        """Why an attempt cannot have so many more raters: who is in conflict with it, and the mend.

        Args:
            number: Of the attempt.
            wanted, free: Raters it lacks, and raters who could still take it.
        """
        attempt = self.attempts[number]
        same_site = [
            r.id for r in self.raters if r.site is not None and r.site == attempt.site and not r.same_site_allowed
        ]
        named = [r.id for r in self.raters if r.conflicts & {attempt.id, attempt.candidate}]
        why = [f"there are {self.n_raters} raters"]
        why += [f"{_some(same_site)} of its site {attempt.site!r} must not"] if same_site else []
        why += [f"{_some(named)} named it or its candidate as a conflict"] if named else []
        mend = [f"add {wanted - free} rater(s) who may"]
        mend += [f"set same_site_allowed for {_some(same_site, ' or ')}"] if same_site else []
        mend += [f"ask for raters_per_attempt={free}"] if free else ["leave the attempt out"]
        kept_out = {(False, False): "", (True, False): "_own_site", (False, True): "_conflict", (True, True): "_both"}
        return PlanError(
            f"attempt {attempt.id!r} lacks {wanted} rater(s) and {free} could rate it ({'; '.join(why)}); "
            f"{', '.join(mend[:-1])} or {mend[-1]}",
            "too_few_raters" + kept_out[bool(same_site), bool(named)],
            attempt=attempt.id,
            n=wanted,
            free=free,
            raters=self.n_raters,
            site=attempt.site,
            own_site=same_site,
            named=named,
        )


def _some(names: Sequence[str], joint: str = ", ") -> str:
    return joint.join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def roster(attempts: Iterable[PlanAttempt], raters: Iterable[PlanRater], *, former: Iterable[str] = ()) -> Roster:
    """A roster in the order of ids.

    Raises:
        TaskError: none at all, or an id that stands twice.
    """
    listed = tuple(sorted(attempts, key=lambda a: a.id))
    people = tuple(sorted(raters, key=lambda r: r.id))
    for what, ids in (("attempt", [a.id for a in listed]), ("rater", [r.id for r in people])):
        if not ids:
            raise TaskError(f"there are no {what}s to plan with; give at least one")
        for name in repeated(ids):
            raise TaskError(f"{what} id {name!r} stands twice; rename or delete one of them")
    return Roster(listed, people, tuple(sorted(set(former))))
