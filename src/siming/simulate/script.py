"""Scripts: what is done in a simulated exam, act after act, before and after the acts have times.

An `Act` has a length and a pause before it; a `Script` is a row of acts that faults change (leave one out, move
one, slow one down). `Script.timed` lays the row on the clock. Everything else of a simulated exam (its events, its
picture, its sound) is read off the timed acts, so they cannot contradict one another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from siming.errors import TaskError

LEAD_IN_S = 1.0
"""Stillness before the first act."""
TAIL_S = 1.5
"""Stillness after the last act."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happens at one instant of an act."""

    action: str
    """A rubric's event, such as ``ev_prompt_charged``."""
    at_s: float
    """Seconds after the act begins."""


@dataclass(frozen=True, slots=True)
class Breath:
    """One mouth breath or one squeeze of the bag."""

    start_s: float
    """Seconds after the act begins."""
    lasts_s: float
    rises: bool = True
    """Whether the chest rises."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done."""

    id: str
    """A step (``cpr05``), a recurrence of it (``cpr08.2``), or a part of the exam (``bout.1``, ``charging``)."""
    lasts_s: float
    steps: tuple[str, ...] = ()
    """The steps that it performs; none for what only passes time."""
    pause_s: float = 0.25
    """Stillness before it."""
    wrong: tuple[str, ...] = ()
    """Deductions it earns, with their step: ``cpr05.d1``."""
    manner: frozenset[str] = frozenset()
    """How it departs from the usual way, for eye and ear: ``silent``, ``flat``, ``leaning`` ..."""
    marks: tuple[Mark, ...] = ()
    strokes_s: tuple[float, ...] = ()
    """Compressions, seconds after the act begins."""
    breaths: tuple[Breath, ...] = ()

    @property
    def kind(self) -> str:
        """The id without the number of the recurrence: ``bout`` for ``bout.2``."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Timed:
    """An act on the clock."""

    act: Act
    start_s: float

    @property
    def end_s(self) -> float:
        """When it is over."""
        return round(self.start_s + self.act.lasts_s, 3)

    def at(self, offset_s: float) -> float:
        """The time of something inside the act, to the millisecond."""
        return round(self.start_s + offset_s, 3)


@dataclass(frozen=True, slots=True)
class Script:
    """The acts of one exam in order; every change makes a new script."""

    acts: tuple[Act, ...]

    def __iter__(self) -> Iterator[Act]:
        return iter(self.acts)

    def __contains__(self, act_id: str) -> bool:
        return any(act.id == act_id for act in self.acts)

    def get(self, act_id: str) -> Act:
        """The act of that id.

        Raises:
            TaskError: it is not in the script (left out by a fault, perhaps).
        """
        for act in self.acts:
            if act.id == act_id:
                return act
        raise TaskError(f"the script has no act {act_id!r}; it has {', '.join(act.id for act in self.acts)}")

    def of_kind(self, kind: str) -> list[Act]:
        """All recurrences of an act, in order."""
        return [act for act in self.acts if act.kind == kind]

    def without(self, *act_ids: str) -> Script:
        """The script with acts left out."""
        for act_id in act_ids:
            self.get(act_id)
        return Script(tuple(act for act in self.acts if act.id not in act_ids))

    def changed(self, act_id: str, **changes: Any) -> Script:
        """The script with fields of one act replaced."""
        return self.put(replace(self.get(act_id), **changes))

    def put(self, act: Act) -> Script:
        """The script with the act of the same id replaced."""
        self.get(act.id)
        return Script(tuple(act if old.id == act.id else old for old in self.acts))

    def inserted(self, *acts: Act, before: str) -> Script:
        """The script with acts put in before another."""
        place = self._place(before)
        return Script((*self.acts[:place], *acts, *self.acts[place:]))

    def moved(self, *act_ids: str, before: str) -> Script:
        """The script with acts, in the order given, moved to stand before another."""
        acts = [self.get(act_id) for act_id in act_ids]
        return self.without(*act_ids).inserted(*acts, before=before)

    def blamed(self, act_id: str, *wrong: str, manner: Iterable[str] = ()) -> Script:
        """The script with one act done wrong: deductions it earns, and how that looks or sounds."""
        act = self.get(act_id)
        return self.put(replace(act, wrong=(*act.wrong, *wrong), manner=act.manner | frozenset(manner)))

    def timed(self) -> tuple[Timed, ...]:
        """The acts on the clock, each after the pause that follows the one before."""
        now_s = LEAD_IN_S
        out = []
        for act in self.acts:
            now_s = round(now_s + act.pause_s, 3)
            out.append(Timed(act, now_s))
            now_s = out[-1].end_s
        return tuple(out)

    def _place(self, act_id: str) -> int:
        self.get(act_id)
        return next(i for i, act in enumerate(self.acts) if act.id == act_id)


def stroke_times(n: int, rate_per_min: float, *, lead_s: float = 0.0, hitch_s: float = 0.0) -> tuple[float, ...]:
    """Times of `n` compressions at a mean rate of exactly 60 (n - 1) / (last - first) when `hitch_s` is 0.

    Strokes wander by up to 7 ms, as people do; the first and the last keep their places so that the rate holds.

    Args:
        lead_s: Time of the first.
        hitch_s: A stop after half of the strokes, on top of the usual interval.

    >>> stroke_times(2, 120)
    (0.0, 0.5)
    """
    interval_s = 60 / rate_per_min
    times = []
    for i in range(n):
        wander_s = 0.007 * math.sin(2.4 * i) if 0 < i < n - 1 else 0.0
        times.append(round(lead_s + i * interval_s + wander_s + (hitch_s if i >= n // 2 else 0.0), 3))
    return tuple(times)
