"""What a rater has entered so far, read as a performance that the examiner's own machinery can walk through.

Two readings of the same entries, because they say different things:

* `in_order`: every step in the rubric's order, one after the other, without any waiting between them. Steps rated so
  far happened as they were rated, steps not rated yet are taken for faultless, so they limit nothing. Only
  *outcomes* can show here: no state expires and nothing comes too late.
* `by_evidence`: only what was given evidence, at the times of that evidence. Whatever has none is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from siming.rubric.condition import Truth
from siming.rubric.event import Event
from siming.rubric.examination import StepStatus
from siming.rubric.facts import Known
from siming.rubric.labels import label_of_entry
from siming.rubric.performance import Performance
from siming.rubric.quantity import Quantity, number_of
from siming.rubric.rubric import Deduction, EventKind, Rubric, Step
from siming.rubric.rule import RuleBook
from siming.rubric.sheet import Entry
from siming.rubric.walk import Walk

_SLOT_S = 0.4
"""Length of a place in the order; below the slack of borders, so what happens side by side is there in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an entry says happened in its step."""

    faults: frozenset[str] = frozenset()
    label: int | None = None
    """None lets the examiner work it out."""
    nothing_holds: bool = False
    """Void: whatever the step would set up is not there."""
    unknown: bool = False
    """Nobody could judge it: what it would set up is neither there nor missing."""


_FAULTLESS = Outcome()


@dataclass(frozen=True, slots=True)
class _Entered(Known):
    """What conditions see: the deductions and the label the rater entered, and no measured quantity."""

    outcome: Outcome = _FAULTLESS

    def state(self, name: str) -> Truth:
        # `super()` finds no class of its own in a dataclass with slots before Python 3.14.
        if self.outcome.unknown:
            return None
        return False if self.outcome.nothing_holds else Known.state(self, name)

    def label(self) -> int | None:
        if self.outcome.unknown:
            return None
        if self.outcome.nothing_holds:
            return 0
        return Known.label(self) if self.outcome.label is None else self.outcome.label

    def applied(self, deduction: str) -> Truth:
        return True if self.outcome.nothing_holds else self.deductions.get(deduction)

    def answer(self, question: str) -> Truth:
        return False if self.outcome.nothing_holds else None


class Reading(Performance):
    """A performance made of entries; `rules` and `walk` have passed through it.

    Quantities are left unmeasured on purpose: evidence shows a fault, it is no stopwatch, and a rater's own tick
    decides whether a deduction applies.
    """

    def __init__(
        self,
        rubric: Rubric,
        events: Sequence[Event],
        outcomes: Mapping[str, Outcome],
        *,
        not_done: frozenset[str] = frozenset(),
    ) -> None:
        self._outcomes = outcomes
        self._not_done = not_done
        super().__init__(rubric, events, "unseen")
        self.rules = RuleBook(rubric, self.events, self.recurrences, self.measured, self.board)
        self.walk = Walk(self, self.rules)

    def status(self, step: Step) -> StepStatus:
        if step.applies_when is not None and self.applies(step.applies_when) is False:
            return "not_applicable"
        if step.id in self._not_done:
            return "not_done"
        return "judged" if self.recurrences[step.id] else "unseen"

    def known(self, within: Event | None = None, *, only: Quantity | None = None) -> Known:
        outcome = self._outcomes.get(within.action, _FAULTLESS) if within is not None else _FAULTLESS
        return _Entered(self.rubric, self.names.quantities, None, self.board, within, outcome=outcome)

    def applied(
        self, step: Step, deduction: Deduction, events: Sequence[Event], *, within: Event | None = None
    ) -> Truth:
        outcome = self._outcomes.get(step.id, _FAULTLESS)
        return None if outcome.unknown else deduction.id in outcome.faults

    def _watched(self) -> dict[str, bool]:
        """A step that was not done was watched all the same, and so were the events that it would have made."""
        watched = super()._watched()
        watched.update(dict.fromkeys(self._not_done, True))
        for kind in self.rubric.events:
            watched[kind.id] = watched[kind.id] or any(name in self._not_done for name in makers(kind))
        return watched


def makers(kind: EventKind) -> list[str]:
    """Steps whose performance makes this event by itself.

    >>> from siming.rubric import builtin_rubric
    >>> makers(builtin_rubric("cpr-adult-single").events_by_id["ev_bout_end"])
    ['cpr09']
    """
    parts = (alternative.strip().partition(":") for alternative in (kind.made_by or "").split("|"))
    return [name for _, _, name in parts if name]


def outcome_of(entry: Entry, step: Step, rubric: Rubric) -> Outcome:
    """An entry as the outcome of its step; without points it says nothing."""
    if entry.points is None:
        return Outcome(unknown=True)
    return Outcome(frozenset(entry.deductions), label_of_entry(entry, step, rubric.ordinal_map), entry.void)


def in_order(
    rubric: Rubric,
    outcomes: Mapping[str, Outcome],
    *,
    not_done: frozenset[str] = frozenset(),
) -> Reading:
    """The entries in the rubric's own order.

    Args:
        outcomes: By step; a step without one is taken for faultless.
        not_done: Steps taken for not performed at all.
    """
    events = [event for event in _ordered(_ByIdentity(rubric)) if event.action not in not_done]
    return Reading(rubric, events, outcomes, not_done=not_done)


def by_evidence(
    rubric: Rubric, entries: Mapping[str, Entry], outcomes: Mapping[str, Outcome], events: Iterable[Event]
) -> Reading:
    """Those entries that have evidence, at its times, and what else was noted in the recording.

    Args:
        entries: Entries that earned something; of the others nobody knows whether they happened at all.
        events: Noted events of the rubric, such as somebody touching the patient; steps among them are passed over.
    """
    made = [
        _event(step_id, f"{step_id}.{number}", max(0.0, min(span)), max(0.0, *span))
        for step_id, entry in entries.items()
        for number, span in enumerate(sorted(entry.evidence), start=1)
    ]
    noted = [
        e.model_copy(update={"attempt": "", "id": f"noted.{e.id}"}) for e in events if not rubric.find_step(e.action)
    ]
    return Reading(rubric, [*made, *noted], outcomes)


def _event(action: str, event_id: str, start_s: float, end_s: float) -> Event:
    return Event(attempt="", id=event_id, action=action, start_s=start_s, end_s=end_s, faults=(), source="physician")


class _ByIdentity:
    """A rubric as a key: rubrics hold mappings and so cannot be hashed, but they never change."""

    __slots__ = ("rubric",)

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric

    def __hash__(self) -> int:
        return id(self.rubric)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.rubric is self.rubric


@lru_cache(maxsize=64)
def _ordered(key: _ByIdentity) -> tuple[Event, ...]:
    """Each step performed at its place in the order."""
    rubric = key.rubric
    steps = sorted(rubric.steps, key=lambda step: step.order)
    # Steps of one bout happen side by side (hands, rate and depth of the same compressions), the others in turn.
    places: list[list[Step]] = []
    for step in steps:
        if step.scope == "per_bout" and places and places[-1][-1].scope == "per_bout":
            places[-1].append(step)
        else:
            places.append([step])
    holds = [number_of(s.hold_for_s, rubric.params) for s in rubric.states if s.hold_for_s is not None]
    length = min([_SLOT_S, *(hold / (len(places) + 1) for hold in holds if hold > 0)])
    return tuple(
        _event(step.id, step.id, number * length, (number + 1) * length)
        for number, together in enumerate(places)
        for step in together
    )


@lru_cache(maxsize=64)
def _missing_anyway(key: _ByIdentity) -> frozenset[tuple[str, str]]:
    reading = in_order(key.rubric, {})
    return frozenset(
        (step, miss.requirement.state)
        for step, misses in reading.walk.misses.items()
        for miss in misses
        if miss.absence is not None
    )


def missing_anyway(rubric: Rubric) -> frozenset[tuple[str, str]]:
    """(step, state) that even a faultless performance in the rubric's order would lack: no entry is to blame for them."""
    return _missing_anyway(_ByIdentity(rubric))
