"""The examiner: from timed events and a rubric to a sheet, with the reason for every point lost.

Order of evaluation (`docs/explanation/examiner.md` walks through it with examples):

1. measured quantities (`quantity.py`);
2. events and steps in time order, keeping the states (`state.py`); what a step requires is looked at when it
   starts (`per_cycle` steps: when each recurrence ends);
3. the step's own deductions; of one group only the largest counts;
4. rules across steps (`rule.py`); a rule that describes the same fault as a deduction joins its group;
5. per step: deducted = min(max_points, sum); a cap lowers the ceiling; void sets the points to 0;
6. labels follow from points (`labels.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from siming.errors import EventError
from siming.rubric.condition import Truth, Vocabulary, quantities_in, read_condition
from siming.rubric.event import Event
from siming.rubric.labels import label_of_points
from siming.rubric.loss import Loss, Question, reason, texts
from siming.rubric.quantity import SIGNALS, Measurements, Quantity, find_bouts
from siming.rubric.rubric import Deduction, Language, Requirement, Rubric, Step
from siming.rubric.rule import Firing, RuleBook
from siming.rubric.sheet import Author, Entry, Sheet
from siming.rubric.state import Absence, Change, StateBoard, states_nobody_watched

Absent = Literal["missed", "unseen"]
StepStatus = Literal["judged", "not_done", "not_applicable", "not_assessable", "unseen"]

BORDER_SLACK_S = 0.5
"""A state that becomes true this soon after a step's start was there in time: step borders are set by hand."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What the examiner says about one step."""

    step: str
    status: StepStatus
    points: float | None
    label: int | None
    void: bool = False
    cap: float | None = None
    losses: tuple[Loss, ...] = ()
    notes: tuple[Loss, ...] = ()
    """Missing states that cost nothing."""
    evidence: tuple[tuple[float, float], ...] = ()
    why: str | None = None
    """For steps without points: why."""


@dataclass(frozen=True)
class Examination:
    """The result of examining one attempt under one rubric."""

    rubric: Rubric
    attempt: str
    steps: Mapping[str, StepResult]
    quantities: Sequence[Quantity]
    state_history: Sequence[Change]
    open_questions: Sequence[Question]
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Events of other rubrics, by action."""

    @property
    def losses(self) -> list[Loss]:
        """Every loss, in the rubric's order."""
        return [loss for result in self.steps.values() for loss in result.losses]

    @property
    def points(self) -> float:
        """Points over all steps that could be judged."""
        return sum(result.points for result in self.steps.values() if result.points is not None)

    @property
    def max_points(self) -> float:
        """Points that could be reached on them."""
        return sum(self.rubric.get_step(r.step).max_points for r in self.steps.values() if r.points is not None)

    def reasons(self, step_id: str, language: Language) -> list[str]:
        """Sentences for every loss and note of a step."""
        result = self.steps[step_id]
        return [reason(loss, self.rubric, language) for loss in (*result.losses, *result.notes)]

    def sheet(self, author: str = "examiner") -> Sheet:
        """The sheet an author of kind `examiner` hands in."""
        return Sheet(
            attempt=self.attempt,
            rubric=self.rubric.id,
            rubric_version=self.rubric.version,
            author=Author(kind="examiner", name=author),
            steps={step_id: self._entry(result) for step_id, result in self.steps.items()},
        )

    def _entry(self, result: StepResult) -> Entry:
        if result.points is None:
            status = "not_applicable" if result.status == "not_applicable" else "cannot_judge"
            return Entry(status=status, reason=result.why)
        return Entry(
            points=result.points,
            deductions=tuple(loss.ref for loss in result.losses if loss.kind == "deduction"),
            void=result.void,
            evidence=result.evidence,
            reasons={
                "en": tuple(self.reasons(result.step, "en")),
                "zh": tuple(self.reasons(result.step, "zh")),
            },
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "attempt": self.attempt,
            "rubric": self.rubric.id,
            "rubric_version": self.rubric.version,
            "points": self.points,
            "max_points": self.max_points,
            "steps": [
                {
                    "step": r.step,
                    "status": r.status,
                    "points": r.points,
                    "max_points": self.rubric.get_step(r.step).max_points,
                    "label": r.label,
                    "void": r.void,
                    "cap": r.cap,
                    "why": r.why,
                    "losses": [asdict(loss) for loss in r.losses],
                    "notes": [asdict(loss) for loss in r.notes],
                    "reasons": {"en": self.reasons(r.step, "en"), "zh": self.reasons(r.step, "zh")},
                }
                for r in self.steps.values()
            ],
            "quantities": [asdict(quantity) for quantity in self.quantities],
            "states": [asdict(change) for change in self.state_history],
            "open_questions": [asdict(question) for question in self.open_questions],
            "ignored_events": dict(self.ignored),
        }


def examine(rubric: Rubric, events: Sequence[Event], *, absent: Absent = "missed") -> Examination:
    """Judge one attempt by its events.

    Args:
        events: All events of one attempt, in any order; events of other rubrics are passed over and counted.
        absent: What it means that a step has no event. ``missed``: somebody watched everything, so the step was
            not done and earns 0. ``unseen``: only what the events show was watched (an instrument); other
            steps are not assessed, and states only they could set are unknown.

    Raises:
        EventError: events of two attempts, a deduction or state the rubric does not have, a measured
            quantity it does not know, or an action that names this rubric and is not in it.
    """
    return _Exam(rubric, events, absent).result()


@dataclass(frozen=True, slots=True)
class _Miss:
    """A required state that was not there; absence None means that nobody knows."""

    requirement: Requirement
    at_s: float
    absence: Absence | None


class _Exam:
    def __init__(self, rubric: Rubric, events: Sequence[Event], absent: Absent) -> None:
        self.rubric = rubric
        self.absent = absent
        own, self.ignored = _sort_out(rubric, events)
        self.attempt = events[0].attempt if events else ""
        self.recurrences: dict[str, list[Event]] = {
            step.id: [e for e in own if e.action == step.id and e.status == "done"] for step in rubric.steps
        }
        self.blocked = {e.action: e.note or "" for e in own if e.status == "not_assessable"}
        bouts = find_bouts(own, self.recurrences)
        if absent == "unseen":
            self._recurrences_from_bouts(bouts)
        own += self._events_by_themselves(own, bouts)
        self.events = sorted(own, key=lambda e: e.start_s)
        self.measured = Measurements(rubric, self.events, self.recurrences, bouts)
        self.names = vocabulary(rubric)
        happened = {e.action for e in self.events}
        watched = {
            name: absent == "missed" or name in happened
            for name in (*(s.id for s in rubric.steps), *(e.id for e in rubric.events))
        }
        watched.update(dict.fromkeys(self.blocked, False))
        self.board = StateBoard(rubric, unknown=states_nobody_watched(rubric, watched))
        self.rules = RuleBook(rubric, self.events, self.recurrences, self.measured, self.board)
        self.misses: dict[str, list[_Miss]] = {step.id: [] for step in rubric.steps}
        self.questions: dict[tuple[str, str, str], Question] = {}

    # ------------------------------------------------------------------ what there is

    def _recurrences_from_bouts(self, bouts: Sequence[Any]) -> None:
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

    def _events_by_themselves(self, own: Sequence[Event], bouts: Sequence[Any]) -> list[Event]:
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

    def _times_of(self, moment: str, own: Sequence[Event], bouts: Sequence[Any]) -> list[float]:
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

    def _status(self, step: Step) -> StepStatus:
        if step.applies_when is not None and self._applies(step.applies_when) is False:
            return "not_applicable"
        if self.recurrences[step.id]:
            return "judged"
        if step.id in self.blocked:
            return "not_assessable"
        if self.absent == "missed":
            return "not_done"
        tested = [q for d in step.deductions if d.test for q in quantities_in(d.test, self.names)]
        own = {m.quantity for m in step.measures}
        return "judged" if any(q in own and self.measured.find(q) is not None for q in tested) else "unseen"

    def _applies(self, text: str) -> Truth:
        return read_condition(text, self.names, prose=True).truth(_Known(self, None, None, {}, None))

    # ------------------------------------------------------------------ the pass through time

    def _pass_through_time(self) -> None:
        """Let every event and step border happen in order.

        At one instant: what ends has ended, then events act, then what starts finds the result.
        """
        moments: list[tuple[float, int, int, Event, str]] = []
        order = {step.id: number for number, step in enumerate(self.rubric.steps)}
        for step in self.rubric.steps:
            if self._status(step) != "judged":
                continue
            for event in self.recurrences[step.id]:
                soon = min(event.start_s + BORDER_SLACK_S, event.end_s)
                moments.append((event.start_s, 2, order[step.id], event, "start"))
                moments.append((soon, 3, order[step.id], event, "soon"))
                last = 0 if event.end_s > event.start_s else 4
                moments.append((event.end_s, last, order[step.id], event, "end"))
        for number, event in enumerate(self.events):
            if event.action in self.rubric.events_by_id:
                moments.append((event.start_s, 1, number, event, "event"))
        waiting: dict[tuple[str, str], list[_Miss]] = {}
        for at_s, _, _, event, what in sorted(moments, key=lambda m: m[:3]):
            match what:
                case "event":
                    self._look_before(event)
                    kind = self.rubric.events_by_id[event.action]
                    for state in kind.sets:
                        self.board.set(state, at_s, kind.id, event=event.id)
                    for state in kind.clears:
                        self.board.clear(state, at_s, kind.id, event=event.id)
                case "start":
                    self.rules.note_start(event)
                    step = self.rubric.get_step(event.action)
                    if step.scope != "per_cycle":
                        waiting[event.action, event.id] = self._look(step, event, at_s)
                case "soon":
                    for miss in waiting.pop((event.action, event.id), []):
                        again = self._value(miss.requirement, at_s)
                        if again is not True:
                            self.misses[event.action].append(miss)
                case "end":
                    self._end_of_step(self.rubric.get_step(event.action), event)

    def _look(self, step: Step, event: Event, at_s: float, *, at_end: bool = False) -> list[_Miss]:
        """Requirements that are not met at a moment (those tied to an event inside the step wait for it)."""
        out = []
        for requirement in step.requires:
            if (requirement.at == "end") != at_end or self._event_inside(requirement.at, event) is not None:
                continue
            if self._required(requirement) and self._value(requirement, at_s) is not True:
                out.append(self._miss(requirement, at_s))
        return out

    def _look_before(self, event: Event) -> None:
        """Requirements and rules tied to an event are looked at just before it acts."""
        self.rules.note_event(event)
        for step in self.rubric.steps:
            for requirement in step.requires:
                if requirement.at != f"event:{event.action}" or not self._required(requirement):
                    continue
                for recurrence in self.recurrences[step.id]:
                    inside = self._event_inside(requirement.at, recurrence) is event
                    if inside and self._value(requirement, event.start_s) is not True:
                        self.misses[step.id].append(self._miss(requirement, event.start_s))

    def _event_inside(self, at: str | None, recurrence: Event) -> Event | None:
        action = (at or "").removeprefix("event:")
        for event in self.events:
            if event.action == action and recurrence.start_s - BORDER_SLACK_S <= event.start_s <= recurrence.end_s:
                return event
        return None

    def _end_of_step(self, step: Step, event: Event) -> None:
        late = self._look(step, event, event.end_s, at_end=True)
        if step.scope == "per_cycle":
            late += self._look(step, event, event.end_s)
        for requirement in step.requires:
            if requirement.hold and self._required(requirement):
                lost = self.board.lost_between(requirement.state, event.start_s, event.end_s)
                if lost is not None:
                    absence = Absence(requirement.state, "cleared", lost.at_s, lost.cause)
                    late.append(_Miss(requirement, lost.at_s, absence))
        self.misses[step.id] += late
        here = [m for m in self.misses[step.id] if event.start_s - BORDER_SLACK_S <= m.at_s <= event.end_s]
        void = any(m.absence and m.requirement.on_missing.effect == "void" for m in here)
        applied = {d.id: self._applied(step, d, [event], within=event) for d in step.deductions}
        facts = _Known(self, step, event, applied, self._label_here(step, applied, here, void=void))
        for change in step.establishes:
            if void:
                self.board.fail(change.state, event.end_s, step.id, "void")
                continue
            condition = read_condition(change.when, self.names, prose=True)
            facts.question_key = change.state
            match condition.truth(facts):
                case True:
                    self.board.set(change.state, event.end_s, step.id, event=event.id, increment=change.increment)
                case False:
                    self.board.fail(change.state, event.end_s, step.id, change.when)
                case None:
                    self.board.doubt(change.state, event.end_s, step.id)
                    self._ask(step, "state", change.state, change.when, change.when_zh, 0)
        for change in step.invalidates:
            condition = read_condition(change.when, self.names, prose=True)
            facts.question_key = change.state
            truth = condition.truth(facts)
            if truth is True:
                self.board.clear(change.state, event.end_s, step.id, event=event.id)
            elif truth is None and event.faults is None:
                self._ask(step, "state", change.state, change.when, change.when_zh, 0)

    def _label_here(self, step: Step, applied: Mapping[str, Truth], here: Sequence[_Miss], *, void: bool) -> int:
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
            self.rubric.ordinal_map,
            void=void,
            critical=any(d.severity == "critical" for d in taken),
        )

    # ------------------------------------------------------------------ single questions

    def _required(self, requirement: Requirement) -> bool:
        return requirement.applies_when is None or self._applies(requirement.applies_when) is not False

    def _value(self, requirement: Requirement, at_s: float) -> Truth:
        return self.board.value(requirement.state, at_s, at_least=self.rules.count_needed(requirement.at_least))

    def _miss(self, requirement: Requirement, at_s: float) -> _Miss:
        if self._value(requirement, at_s) is None:
            return _Miss(requirement, at_s, None)
        absence = self.board.absence(requirement.state, at_s)
        return _Miss(requirement, at_s, absence)

    def _applied(
        self, step: Step, deduction: Deduction, events: Sequence[Event], *, within: Event | None = None
    ) -> Truth:
        """Whether a deduction applies, by what was seen in `events` and measured (inside `within` if given)."""
        seen = any(deduction.id in (e.faults or ()) for e in events)
        answers = [e.answers[deduction.id] for e in events if deduction.id in e.answers]
        tested: Truth = None
        if deduction.test is not None:
            condition = read_condition(deduction.test, self.names, prose=False)
            tested = condition.truth(_Known(self, step, within, {}, None))
        if seen or True in answers or tested is True:
            return True
        looked = bool(events) and all(e.faults is not None for e in events)
        if tested is False or False in answers or looked:
            return False
        return None

    def _ask(self, step: Step, kind: str, ref: str, text: str, text_zh: str | None, points: float) -> None:
        question = Question(step.id, kind, ref, text, text_zh or text, points)  # type: ignore[arg-type]
        self.questions.setdefault((step.id, kind, ref), question)

    # ------------------------------------------------------------------ adding up

    def result(self) -> Examination:
        for step in self.rubric.steps:
            if self._status(step) == "not_done":
                for change in step.establishes:
                    self.board.fail(change.state, 0.0, step.id, "not_done")
        self._pass_through_time()
        firings = self.rules.firings(self._applies)
        steps = {step.id: self._result_of(step, firings) for step in self.rubric.steps}
        return Examination(
            rubric=self.rubric,
            attempt=self.attempt,
            steps=steps,
            quantities=self.measured.all(),
            state_history=self.board.history,
            open_questions=[q for q in self.questions.values() if steps[q.step].status == "judged"],
            ignored=self.ignored,
        )

    def _result_of(self, step: Step, firings: Sequence[Firing]) -> StepResult:
        status = self._status(step)
        if status == "not_done":
            loss = Loss(step.id, "not_done", step.id, step.max_points, step.max_points, None)
            return StepResult(step.id, status, 0.0, self.rubric.ordinal_map.failed_label, losses=(loss,))
        if status != "judged":
            why = self.blocked.get(step.id) or texts("en")["not_applicable" if status == "not_applicable" else "unseen"]
            return StepResult(step.id, status, None, None, why=why)
        faults = self._faults(step, [f for f in firings if f.step == step.id])
        missing, notes = self._missing_states(step)
        voids = [loss for loss in missing if loss.effect == "void"]
        cap = min((loss.price for loss in missing if loss.effect == "cap"), default=None)
        losses = _charge(step, voids, [*faults, *(m for m in missing if m.effect == "deduct")], missing, cap)
        points = step.max_points - sum(loss.points for loss in losses)
        label = label_of_points(
            points,
            step.max_points,
            self.rubric.ordinal_map,
            void=bool(voids),
            critical=any(loss.critical for loss in losses),
        )
        evidence = tuple((e.start_s, e.end_s) for e in self.recurrences[step.id])
        return StepResult(step.id, status, points, label, bool(voids), cap, tuple(losses), tuple(notes), evidence)

    def _faults(self, step: Step, firings: Sequence[Firing]) -> list[Loss]:
        """Deductions and broken rules of a step, one loss per group: the dearest, with the others named beside it."""
        groups: dict[str, list[Loss]] = {}
        events = self.recurrences[step.id]
        fired = {name for firing in firings for name in firing.rule.same_as}
        settled = {name for name in self.rules.settled if name.startswith(f"{step.id}.")}
        for deduction in step.deductions:
            truth = self._applied(step, deduction, events)
            name = f"{step.id}.{deduction.id}"
            if truth is None and name not in fired and name not in settled:
                self._ask(step, "deduction", deduction.id, deduction.when, deduction.when_zh, deduction.points)
            if truth:
                groups.setdefault(deduction.group or deduction.id, []).append(self._loss_of(step, deduction, events))
        for firing in firings:
            same = [name.partition(".")[2] for name in firing.rule.same_as]
            first = step.find_deduction(same[0]) if same else None
            key = (first.group or first.id) if first else firing.rule.id
            groups.setdefault(key, []).append(firing.loss())
        return [_dearest(losses) for losses in groups.values() if any(loss.price for loss in losses)]

    def _loss_of(self, step: Step, deduction: Deduction, events: Sequence[Event]) -> Loss:
        shown = [e for e in events if deduction.id in (e.faults or ()) or e.answers.get(deduction.id)]
        values = self._offending(step, deduction)
        times = [e.start_s for e in shown] + [v.start_s for v in values]
        return Loss(
            step=step.id,
            kind="deduction",
            ref=deduction.id,
            price=deduction.points,
            points=deduction.points,
            at_s=min(times, default=None),
            values=tuple(values),
            events=tuple(e.id for e in shown),
            critical=deduction.severity == "critical",
        )

    def _offending(self, step: Step, deduction: Deduction) -> list[Quantity]:
        """The measured values that make a deduction apply: those that would alone, else all it looks at."""
        if deduction.test is None:
            return []
        condition = read_condition(deduction.test, self.names, prose=False)
        if condition.truth(_Known(self, step, None, {}, None)) is not True:
            return []
        looked_at = [
            q for name in sorted(quantities_in(deduction.test, self.names)) for q in self.measured.find(name) or ()
        ]
        alone = [q for q in looked_at if condition.truth(_Known(self, step, None, {}, None, only=q)) is True]
        return alone or looked_at

    def _missing_states(self, step: Step) -> tuple[list[Loss], list[Loss]]:
        """Losses and notes for states that were missing: each charged once, at its first absence."""
        losses: dict[str, Loss] = {}
        notes: dict[str, Loss] = {}
        for miss in sorted(self.misses[step.id], key=lambda m: m.at_s):
            rule = miss.requirement.on_missing
            state = miss.requirement.state
            if miss.absence is None:
                en, zh = (texts(lang)["open_requirement"].format(state=state) for lang in ("en", "zh"))
                self._ask(step, "requirement", state, en, zh, rule.points or 0)
                continue
            kept = notes if rule.effect == "note" else losses
            price = {"void": step.max_points, "note": 0.0}.get(rule.effect, rule.points or 0.0)
            loss = Loss(step.id, "state", state, price, price, miss.at_s, effect=rule.effect, absence=miss.absence)
            kept.setdefault(state, loss)
        return list(losses.values()), list(notes.values())


class _Known:
    """What a condition may look at: the states of the moment, and one step's own measures and deductions."""

    def __init__(
        self,
        exam: _Exam,
        step: Step | None,
        within: Event | None,
        applied: Mapping[str, Truth],
        label: int | None,
        *,
        only: Quantity | None = None,
    ) -> None:
        self._exam = exam
        self._step = step
        self._within = within
        self._applied = applied
        self._label = label
        self._only = only
        self.question_key: str | None = None

    def state(self, name: str) -> Truth:
        at_s = self._within.end_s if self._within else float("inf")
        return self._exam.board.value(name, at_s)

    def label(self) -> int | None:
        return self._label

    def applied(self, deduction: str) -> Truth:
        return self._applied.get(deduction)

    def is_quantity(self, name: str) -> bool:
        return name in self._exam.names.quantities

    def values(self, quantity: str) -> Sequence[float] | None:
        if self._only is not None and self._only.name == quantity:
            return [self._only.used]
        found = self._exam.measured.find(quantity)
        if found is None:
            return None
        if self._within is not None:
            low, high = self._within.start_s - BORDER_SLACK_S, self._within.end_s + BORDER_SLACK_S
            found = [q for q in found if q.start_s < high and q.end_s > low]
        return [q.used for q in found]

    def param(self, name: str) -> object:
        return self._exam.rubric.params[name]

    def context(self, name: str) -> object:
        return self._exam.rubric.context.get(name)

    def answer(self, question: str) -> Truth:
        if self._within is None or self.question_key is None:
            return None
        return self._within.answers.get(self.question_key)


def vocabulary(rubric: Rubric) -> Vocabulary:
    """The names conditions of a rubric may use."""
    return Vocabulary(
        states=frozenset(rubric.states_by_id),
        quantities=frozenset(m.quantity for step in rubric.steps for m in step.measures),
        deductions=frozenset(d.id for step in rubric.steps for d in step.deductions),
        params=frozenset(rubric.params),
        context=frozenset(rubric.context),
    )


def _sort_out(rubric: Rubric, events: Sequence[Event]) -> tuple[list[Event], dict[str, int]]:
    """The events that concern a rubric (signals included), and how many of each other action there are."""
    attempts = {event.attempt for event in events}
    if len(attempts) > 1:
        raise EventError(
            f"events of {len(attempts)} attempts ({', '.join(sorted(attempts)[:3])} ...); examine one at a time"
        )
    own: list[Event] = []
    ignored: dict[str, int] = {}
    quantities = vocabulary(rubric).quantities
    for event in sorted(events, key=lambda e: (e.start_s, e.end_s)):
        step = rubric.find_step(event.action)
        known = step is not None or event.action in rubric.events_by_id or event.action in SIGNALS
        if event.rubric not in (None, rubric.id) or not known:
            if event.rubric == rubric.id:
                raise EventError(
                    f"event {event.id}: rubric {rubric.id} has no step or event {event.action!r}; "
                    f"steps are {', '.join(s.id for s in rubric.steps)}, events {', '.join(rubric.events_by_id)}"
                )
            if event.rubric is None or event.rubric != rubric.id:
                ignored[event.action] = ignored.get(event.action, 0) + 1
                # Rules may reach into another rubric (AED used at once): keep it, nothing here acts on it.
                own.append(event)
                continue
        if step is not None:
            for fault in event.faults or ():
                if step.find_deduction(fault) is None:
                    raise EventError(
                        f"event {event.id}: step {step.id} has no deduction {fault!r}; "
                        f"it has {', '.join(d.id for d in step.deductions)}"
                    )
            answerable = {d.id for d in step.deductions} | {c.state for c in (*step.establishes, *step.invalidates)}
            for key in event.answers:
                if key not in answerable:
                    raise EventError(
                        f"event {event.id}: step {step.id} has no question {key!r}; it has {', '.join(sorted(answerable))}"
                    )
            for name in event.measured:
                if name not in quantities:
                    raise EventError(
                        f"event {event.id}: rubric {rubric.id} measures no {name!r}; "
                        f"it measures {', '.join(sorted(quantities))}"
                    )
        own.append(event)
    return own, ignored


def _largest_per_group(deductions: Sequence[Deduction]) -> float:
    largest: dict[str, float] = {}
    for d in deductions:
        key = d.group or d.id
        largest[key] = max(largest.get(key, 0.0), d.points)
    return sum(largest.values())


def _dearest(losses: Sequence[Loss]) -> Loss:
    """The loss of a group that counts; a deduction before a rule of the same price."""
    best = max(losses, key=lambda loss: (loss.price, loss.kind == "deduction"))
    others = tuple(loss.ref for loss in losses if loss is not best)
    values = tuple(best.values) or tuple(v for loss in losses for v in loss.values)
    times = [loss.at_s for loss in losses if loss.at_s is not None]
    at_s = best.at_s if best.at_s is not None else min(times, default=None)
    return Loss(
        step=best.step,
        kind=best.kind,
        ref=best.ref,
        price=best.price,
        points=best.price,
        at_s=at_s,
        values=values,
        events=best.events,
        same_as=others,
        critical=any(loss.critical for loss in losses),
    )


def _charge(
    step: Step, voids: Sequence[Loss], faults: Sequence[Loss], missing: Sequence[Loss], cap: float | None
) -> list[Loss]:
    """Share out what the step loses: void takes all; else each fault in turn until nothing is left; a cap takes
    what then still lies above it."""
    left = step.max_points
    out: list[Loss] = []

    def pay(loss: Loss, price: float) -> None:
        nonlocal left
        paid = min(left, price)
        left -= paid
        out.append(_with_points(loss, paid))

    for loss in voids:
        pay(loss, step.max_points)
    for loss in faults:
        pay(loss, loss.price)
    for loss in missing:
        if loss.effect == "cap":
            pay(loss, max(0.0, left - loss.price))
    return out


def _with_points(loss: Loss, points: float) -> Loss:
    plain = {name: getattr(loss, name) for name in Loss.__dataclass_fields__}
    return Loss(**{**plain, "points": points})
