"""One attempt as its events tell it: what was done when, what was measured, what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from siming.rubric.check import vocabulary
from siming.rubric.condition import Truth, quantities_in, read_condition
from siming.rubric.event import Event
from siming.rubric.examination import StepStatus
from siming.rubric.facts import Known
from siming.rubric.intake import sort_out
from siming.rubric.quantity import Bout, Measurements, Quantity, find_bouts
from siming.rubric.rubric import Deduction, Rubric, Step
from siming.rubric.state import StateBoard, states_nobody_watched

Absent = Literal["missed", "unseen"]


class Performance:
    """What happened in one attempt, under one rubric. See `examiner.examine` for the arguments."""

    def __init__(self, rubric: Rubric, events: Sequence[Event], absent: Absent) -> None:
        self.rubric = rubric
        self.names = vocabulary(rubric)
        self.attempt = events[0].attempt if events else ""
        own, self.ignored = sort_out(rubric, events)
        self._absent = absent
        self.recurrences: dict[str, list[Event]] = {
            step.id: [e for e in own if e.action == step.id and e.status == "done"] for step in rubric.steps
        }
        self.blocked = {e.action: e.note or "" for e in own if e.status == "not_assessable"}
        bouts = find_bouts(own, self.recurrences)
        if absent == "unseen":
            self._recurrences_from_bouts(bouts)
        self.events = sorted([*own, *self._events_by_themselves(own, bouts)], key=lambda e: e.start_s)
        self.measured = Measurements(rubric, self.events, self.recurrences, bouts, self._holds_for_the_exam)
        self.board = StateBoard(rubric, unknown=states_nobody_watched(rubric, self._watched()))

    def status(self, step: Step) -> StepStatus:
        """Whether a step was performed, and if not what that means."""
        if step.applies_when is not None and self.applies(step.applies_when) is False:
            return "not_applicable"
        if self.recurrences[step.id]:
            return "judged"
        if step.id in self.blocked:
            return "not_assessable"
        if self._absent == "missed":
            return "not_done"
        tested = [q for d in step.deductions if d.test for q in quantities_in(d.test, self.names)]
        own = {m.quantity for m in step.measures}
        return "judged" if any(q in own and self.measured.find(q) is not None for q in tested) else "unseen"

    def applies(self, text: str) -> Truth:
        """Truth of an ``applies_when``."""
        return read_condition(text, self.names, prose=True).truth(self.known())

    def known(self, within: Event | None = None, *, only: Quantity | None = None) -> Known:
        """What conditions may look at."""
        return Known(self.rubric, self.names.quantities, self.measured, self.board, within, only=only)

    def applied(
        self, step: Step, deduction: Deduction, events: Sequence[Event], *, within: Event | None = None
    ) -> Truth:
        """Whether a deduction applies, by what was seen in `events` and measured (inside `within` if given)."""
        seen = any(deduction.id in (e.faults or ()) for e in events)
        answers = [e.answers.get(deduction.id) for e in events]
        tested: Truth = None
        if deduction.test is not None:
            condition = read_condition(deduction.test, self.names, prose=False)
            tested = condition.truth(self.known(within))
        if seen or True in answers or tested is True:
            return True
        looked = [e.faults is not None or answer is False for e, answer in zip(events, answers, strict=True)]
        if tested is False or (looked and all(looked)):
            return False
        return None

    def _holds_for_the_exam(self, text: str) -> Truth:
        """A condition on params and context alone, before anything is measured."""
        return read_condition(text, self.names, prose=True).truth(Known(self.rubric, self.names.quantities))

    def _watched(self) -> dict[str, bool]:
        """For each step and event whether its absence means that it did not happen."""
        happened = {event.action for event in self.events}
        names = (*(s.id for s in self.rubric.steps), *(e.id for e in self.rubric.events))
        return {name: name not in self.blocked and (self._absent == "missed" or name in happened) for name in names}

    def _recurrences_from_bouts(self, bouts: Sequence[Bout]) -> None:
        """An instrument's strokes are recurrences of the steps that recur per bout and are judged by measurement."""
        for step in self.rubric.steps:
            measured = any(m.made_from and str(m.made_from).startswith("bout.") for m in step.measures)
            if step.scope == "per_bout" and measured and not self.recurrences[step.id] and step.id not in self.blocked:
                self.recurrences[step.id] = [
                    Event(
                        attempt=self.attempt,
                        id=f"bout{number}",
                        action=step.id,
                        start_s=bout.start_s,
                        end_s=bout.end_s,
                        source="instrument",
                    )
                    for number, bout in enumerate(bouts, start=1)
                ]

    def _events_by_themselves(self, own: Sequence[Event], bouts: Sequence[Bout]) -> list[Event]:
        """Events the rubric says signals make, such as the first compression, unless somebody noted them."""
        made = []
        noted = {e.action for e in own}
        for kind in self.rubric.events:
            if kind.made_by is None or kind.id in noted:
                continue
            for alternative in kind.made_by.split("|"):
                times = self._times_of(alternative.strip(), own, bouts)
                if times:
                    made += [
                        Event(
                            attempt=self.attempt,
                            id=f"{kind.id}@{t:g}",
                            action=kind.id,
                            start_s=t,
                            end_s=t,
                            source="instrument",
                        )
                        for t in times
                    ]
                    break
        return made

    def _times_of(self, moment: str, own: Sequence[Event], bouts: Sequence[Bout]) -> list[float]:
        kind, _, name = moment.partition(":")
        steps = self.recurrences.get(name, [])
        match kind:
            case "first_bout":
                return [bout.start_s for bout in bouts[:1]]
            case "next_bout":
                return [bout.start_s for bout in bouts[1:]]
            case "bout_end":
                return [bout.end_s for bout in bouts]
            case "first":
                return [event.start_s for event in steps[:1]]
            case "next":
                return [event.start_s for event in steps[1:]]
            case "start":
                return [event.start_s for event in steps]
            case "end":
                return [event.end_s for event in steps]
        raise AssertionError(f"unchecked moment {moment}")
