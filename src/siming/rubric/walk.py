"""The pass through time: every event and step border in order, keeping the states and what steps missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from siming.rubric.condition import Truth, read_condition
from siming.rubric.event import Event
from siming.rubric.facts import BORDER_SLACK_S, Known
from siming.rubric.labels import label_of_points
from siming.rubric.loss import Question, texts
from siming.rubric.performance import Performance
from siming.rubric.rubric import Deduction, Requirement, StateChange, Step
from siming.rubric.rule import RuleBook
from siming.rubric.state import Absence


@dataclass(frozen=True, slots=True)
class Miss:
    """A required state that was not there; absence None means that nobody knows."""

    requirement: Requirement
    at_s: float
    absence: Absence | None


class Walk:
    """Walks through a performance once, when it is made."""

    def __init__(self, performance: Performance, rules: RuleBook) -> None:
        self._performance = performance
        self._rubric = performance.rubric
        self._board = performance.board
        self._rules = rules
        self.misses: dict[str, list[Miss]] = {step.id: [] for step in self._rubric.steps}
        """Required states that were not there, by step."""
        self.questions: dict[tuple[str, str, str], Question] = {}
        """Conditions in words that nobody answered."""
        self._looked_at = {r.at for step in self._rubric.steps for r in step.requires}
        self._looked_at |= {rule.during for rule in self._rubric.rules}
        self._waiting: dict[tuple[str, str], list[Miss]] = {}
        for step in self._rubric.steps:
            if performance.status(step) == "not_done":
                for change in step.establishes:
                    self._board.fail(change.state, 0.0, step.id, "not_done")
        self._walk()

    def _walk(self) -> None:
        """Let every event and step border happen in order.

        At one instant: what ends has ended, then events act, then what starts finds the result.
        """
        moments: list[tuple[float, int, int, Event, str]] = []
        order = {step.id: number for number, step in enumerate(self._rubric.steps)}
        for step in self._rubric.steps:
            if self._performance.status(step) != "judged":
                continue
            for event in self._performance.recurrences[step.id]:
                soon = min(event.start_s + BORDER_SLACK_S, event.end_s)
                moments.append((event.start_s, 2, order[step.id], event, "start"))
                moments.append((soon, 3, order[step.id], event, "soon"))
                # A step that is looked at an event (the shock) has not ended before the event has acted.
                anchors = [a.start_s for r in step.requires for a in self._events_inside(r.at, event)]
                end_s = max([event.end_s, *anchors])
                last = 0 if event.end_s > event.start_s and not (anchors and end_s == max(anchors)) else 4
                moments.append((end_s, last, order[step.id], event, "end"))
        # What a hidden step would have set is unknown from its end on, whatever cleared it before.
        moments += [
            (event.end_s, 0, order[event.action], event, "hidden")
            for event in self._performance.events
            if event.status == "not_assessable" and event.action in order
        ]
        for number, event in enumerate(sorted(self._performance.events, key=self._place_at_one_instant)):
            if event.action in self._rubric.events_by_id:
                moments.append((event.start_s, 1, number, event, "event"))
        for at_s, _, _, event, what in sorted(moments, key=lambda m: m[:3]):
            match what:
                case "event":
                    self._look_before(event)
                    kind = self._rubric.events_by_id[event.action]
                    for state in kind.sets:
                        self._board.set(state, at_s, kind.id, event=event.id)
                    for state in kind.clears:
                        self._board.clear(state, at_s, kind.id, event=event.id)
                case "hidden":
                    for change in self._rubric.get_step(event.action).establishes:
                        self._board.doubt(change.state, at_s, event.action)
                case "start":
                    self._rules.note_start(event)
                    step = self._rubric.get_step(event.action)
                    if step.scope != "per_cycle":
                        self._waiting[event.action, event.id] = self._look(step, event, at_s)
                case "soon":
                    self._look_again(event, at_s)
                case "end":
                    self._look_again(event, at_s)
                    self._end_of_step(self._rubric.get_step(event.action), event)

    def _look_again(self, event: Event, at_s: float) -> None:
        """Settle what a step lacked at its start: a state that has come meanwhile was there in time."""
        for miss in self._waiting.pop((event.action, event.id), []):
            if self._value(miss.requirement, at_s) is not True:
                self.misses[event.action].append(miss)

    def _look(self, step: Step, event: Event, at_s: float, *, at_end: bool = False) -> list[Miss]:
        """Requirements that are not met at a moment (those tied to an event inside the step wait for it)."""
        out = []
        for requirement in step.requires:
            if (requirement.at == "end") != at_end or self._events_inside(requirement.at, event):
                continue
            if requirement.at not in (None, "end"):
                en, zh = (texts(lang)["open_moment"].format(event=requirement.at) for lang in ("en", "zh"))
                self.ask(step, "requirement", requirement.state, en, zh, requirement.on_missing.points or 0)
            if self._required(requirement) and self._value(requirement, at_s) is not True:
                out.append(self._miss(requirement, at_s))
        return out

    def _look_before(self, event: Event) -> None:
        """Requirements and rules tied to an event are looked at just before it acts."""
        self._rules.note_event(event)
        for step in self._rubric.steps:
            for requirement in step.requires:
                if requirement.at != f"event:{event.action}" or not self._required(requirement):
                    continue
                for recurrence in self._performance.recurrences[step.id]:
                    inside = any(found is event for found in self._events_inside(requirement.at, recurrence))
                    if inside and self._value(requirement, event.start_s) is not True:
                        self.misses[step.id].append(self._miss(requirement, event.start_s))

    def _place_at_one_instant(self, event: Event) -> tuple[bool, bool, str, str]:
        """Events of one instant in an order of their own, whatever the file's: what sets states, what clears them,
        and last the event that others are looked at (a touch at the instant of the shock is a touch)."""
        kind = self._rubric.events_by_id.get(event.action)
        anchor = f"event:{event.action}" in self._looked_at
        return anchor, bool(kind and kind.clears), event.action, event.id

    def _events_inside(self, at: str | None, recurrence: Event) -> list[Event]:
        """The events a requirement is looked at, within a recurrence (its borders are set by hand)."""
        action = (at or "").removeprefix("event:")
        low, high = recurrence.start_s - BORDER_SLACK_S, recurrence.end_s + BORDER_SLACK_S
        return [e for e in self._performance.events if e.action == action and low <= e.start_s <= high]

    def _end_of_step(self, step: Step, event: Event) -> None:
        late = self._look(step, event, event.end_s, at_end=True)
        if step.scope == "per_cycle":
            late += self._look(step, event, event.end_s)
        for requirement in step.requires:
            if requirement.hold and self._required(requirement):
                lost = self._board.lost_between(requirement.state, event.start_s, event.end_s)
                if lost is not None:
                    late.append(Miss(requirement, lost.at_s or event.start_s, lost))
        self.misses[step.id] += late
        if not step.establishes and not step.invalidates:
            return
        here = [m for m in self.misses[step.id] if event.start_s - BORDER_SLACK_S <= m.at_s <= event.end_s]
        void = any(m.absence and m.requirement.on_missing.effect == "void" for m in here)
        applied = {d.id: self._performance.applied(step, d, [event], within=event) for d in step.deductions}
        known = replace(
            self._performance.known(event),
            deductions=applied,
            label_now=lambda: self._label_here(step, applied, here, void=void),
        )
        for change in step.establishes:
            if void:
                self._board.fail(change.state, event.end_s, step.id, "void")
                continue
            match self._truth(change, known):
                case True:
                    self._board.set(change.state, event.end_s, step.id, event=event.id, increment=change.increment)
                case False:
                    self._board.fail(change.state, event.end_s, step.id, change.when, change.when_zh)
                case None:
                    self._board.doubt(change.state, event.end_s, step.id)
                    self.ask(step, "state", change.state, change.when, change.when_zh, 0)
        for change in step.invalidates:
            truth = self._truth(change, known)
            if truth is True:
                self._board.clear(change.state, event.end_s, step.id, event=event.id)
            elif truth is None and event.faults is None:
                self.ask(step, "state", change.state, change.when, change.when_zh, 0)

    def _truth(self, change: StateChange, known: Known) -> Truth:
        """Whether a step changes a state, by what is known at its end."""
        condition = read_condition(change.when, self._performance.names, prose=True)
        return condition.truth(replace(known, question=change.state) if condition.questions else known)

    def _label_here(self, step: Step, applied: Mapping[str, Truth], here: Sequence[Miss], *, void: bool) -> int:
        """The label as far as this recurrence alone decides it; conditions such as ``label >= 1`` look at it."""
        taken = [d for d in step.deductions if applied[d.id]]
        lost = _largest_per_group(taken) + sum(
            m.requirement.on_missing.points or 0
            for m in here
            if m.absence and m.requirement.on_missing.effect == "deduct"
        )
        return label_of_points(
            max(0.0, step.max_points - lost),
            step.max_points,
            self._rubric.ordinal_map,
            void=void,
            critical=any(d.severity == "critical" for d in taken),
        )

    def _required(self, requirement: Requirement) -> bool:
        return requirement.applies_when is None or self._performance.applies(requirement.applies_when) is not False

    def _value(self, requirement: Requirement, at_s: float) -> Truth:
        return self._board.value(requirement.state, at_s, at_least=self._rules.count_needed(requirement.at_least))

    def _miss(self, requirement: Requirement, at_s: float) -> Miss:
        if self._value(requirement, at_s) is None:
            return Miss(requirement, at_s, None)
        needed = self._rules.count_needed(requirement.at_least)
        absence = self._board.absence(requirement.state, at_s, at_least=needed)
        return Miss(requirement, at_s, absence)

    def ask(self, step: Step, kind: str, ref: str, text: str, text_zh: str | None, points: float) -> None:
        """Put a condition in words to a judge, once."""
        question = Question(step.id, kind, ref, text, text_zh or text, points)  # type: ignore[arg-type]
        self.questions.setdefault((step.id, kind, ref), question)


def _largest_per_group(deductions: Sequence[Deduction]) -> float:
    largest: dict[str, float] = {}
    for d in deductions:
        key = d.group or d.id
        largest[key] = max(largest.get(key, 0.0), d.points)
    return sum(largest.values())
