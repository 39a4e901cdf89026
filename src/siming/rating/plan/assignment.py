"""A plan: who rates what and in which order, what that costs whom, and what it will be able to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from siming.metrics import Measured
from siming.rating.plain import plain
from siming.rating.plan.forecast import Forecast
from siming.rating.plan.words import assumptions_in, sentences_in

Purpose = Literal["score", "link", "repeat"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt, one rubric, one rater. All rubrics of an attempt go to a rater together: he watches it once."""

    attempt: str
    rubric: str
    rater: str
    slot: int
    """``score``: 0 and 1 are the two blind sheets that are compared; ``link``: from there on; ``repeat``: that of the
    rating which is repeated."""
    order: int
    """Place in the rater's own queue, from 1; the rubrics of an attempt share it."""
    purpose: Purpose
    not_before_days: int = 0
    """Days that must lie between the rater's first sheet for the attempt and this one; above 0 for repeats."""
    reassigned: bool = False
    """Begun work whose slot was given to somebody else; it is kept and no longer fills the slot."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What falls to one rater."""

    rater: str
    attempts: int
    """Videos to watch, repeats counted again."""
    minutes: float
    repeats: int
    links: int
    sites: Mapping[str, int]
    """Attempts by their site; those without one under an empty name."""


@dataclass(frozen=True, slots=True)
class PairCount:
    """Attempts that two raters share."""

    first: str
    second: str
    scored: int
    """Both sit in the compared slots of the attempt."""
    shared: int
    """Both rate it, link attempts included."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Whether every rater can be compared with every other, through the attempts they share."""

    groups: tuple[tuple[str, ...], ...]
    """Raters in groups; between two groups severity and weak candidates cannot be told apart."""
    links: int
    """Attempts that at least two raters rate: each one links its raters."""
    algebraic: Measured
    """Second smallest eigenvalue of the raters' information matrix, in shared attempts: 0 where the design falls apart,
    higher where no single rater or link holds it together."""
    fewest_links: int
    """Attempts rated twice that joining so many raters takes at the least."""

    @property
    def connected(self) -> bool:
        """Whether there is one group."""
        return len(self.groups) <= 1


@dataclass(frozen=True)
class AssignmentPlan:
    """Who rates what. The same inputs and seed give the same plan."""

    assignments: tuple[Assignment, ...]
    """By rater, then by place in his queue."""
    seed: int
    rater_seeds: Mapping[str, int]
    """Seed of each rater's own order, made from the plan's seed and his id."""
    workload: tuple[Workload, ...]
    pairs: tuple[PairCount, ...]
    """Every pair of raters, those that share nothing included."""
    connections: Connections
    forecast: Forecast
    n_attempts: int
    n_double: int
    """Attempts with at least two compared sheets."""
    link_attempts: tuple[str, ...]
    raters_per_attempt: int
    not_before_days: int
    """Days before a repeat."""
    notes: tuple[str, ...] = ()
    """What could not be had, in English; `words.reason_in` translates."""

    def of_rater(self, rater: str) -> tuple[Assignment, ...]:
        """A rater's queue, in its order."""
        return tuple(a for a in self.assignments if a.rater == rater)

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences in both languages."""
        return {
            "seed": self.seed,
            "rater_seeds": dict(self.rater_seeds),
            "n_attempts": self.n_attempts,
            "n_double": self.n_double,
            "raters_per_attempt": self.raters_per_attempt,
            "not_before_days": self.not_before_days,
            "link_attempts": list(self.link_attempts),
            "assignments": [asdict(a) for a in self.assignments],
            "workload": [{**asdict(w), "sites": dict(w.sites)} for w in self.workload],
            "pairs": [asdict(p) for p in self.pairs],
            "connections": {**plain(self.connections), "connected": self.connections.connected},
            "forecast": plain(self.forecast),
            "notes": list(self.notes),
            "words": {language: sentences_in(self, language) for language in ("en", "zh")},
            "assumed": {language: assumptions_in(self.forecast.assumptions, language) for language in ("en", "zh")},
        }
