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

from collections.abc import Sequence
from dataclasses import replace

from siming.rubric.condition import quantities_in, read_condition
from siming.rubric.event import Event
from siming.rubric.examination import Examination, StepResult
from siming.rubric.labels import label_of_points
from siming.rubric.loss import Loss, texts
from siming.rubric.performance import Absent, Performance
from siming.rubric.quantity import Quantity
from siming.rubric.rubric import Deduction, Rubric, Step
from siming.rubric.rule import Firing, RuleBook
from siming.rubric.walk import Walk


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
    return _Tally(Performance(rubric, events, absent)).examination()


class _Tally:
    """Adds up what a performance lost."""

    def __init__(self, performance: Performance) -> None:
        self._performance = performance
        self._rubric = performance.rubric
        self._rules = RuleBook(
            performance.rubric, performance.events, performance.recurrences, performance.measured, performance.board
        )
        self._walk = Walk(performance, self._rules)

    def examination(self) -> Examination:
        firings = self._rules.firings(self._performance.applies)
        steps = {step.id: self._result_of(step, firings) for step in self._rubric.steps}
        return Examination(
            rubric=self._rubric,
            attempt=self._performance.attempt,
            steps=steps,
            quantities=self._performance.measured.all(),
            state_history=self._performance.board.history,
            open_questions=[q for q in self._walk.questions.values() if steps[q.step].status == "judged"],
            ignored=self._performance.ignored,
        )

    def _result_of(self, step: Step, firings: Sequence[Firing]) -> StepResult:
        status = self._performance.status(step)
        if status == "not_done":
            loss = Loss(step.id, "not_done", step.id, step.max_points, step.max_points, None)
            return StepResult(step.id, status, 0.0, self._rubric.ordinal_map.failed_label, losses=(loss,))
        if status != "judged":
            why = self._performance.blocked.get(step.id)
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
            self._rubric.ordinal_map,
            void=bool(voids),
            critical=any(loss.critical for loss in losses),
        )
        evidence = tuple((e.start_s, e.end_s) for e in self._performance.recurrences[step.id])
        return StepResult(step.id, status, points, label, bool(voids), cap, tuple(losses), tuple(notes), evidence)

    def _faults(self, step: Step, firings: Sequence[Firing]) -> list[Loss]:
        """Deductions and broken rules of a step, one loss per group: the dearest, with the others named beside it."""
        groups: dict[str, list[Loss]] = {}
        events = self._performance.recurrences[step.id]
        fired = {name for firing in firings for name in firing.rule.same_as}
        settled = {name for name in self._rules.settled if name.startswith(f"{step.id}.")}
        for deduction in step.deductions:
            truth = self._performance.applied(step, deduction, events)
            name = f"{step.id}.{deduction.id}"
            if truth is None and name not in fired and name not in settled:
                self._walk.ask(step, "deduction", deduction.id, deduction.when, deduction.when_zh, deduction.points)
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
        condition = read_condition(deduction.test, self._performance.names, prose=False)
        if condition.truth(self._performance.known()) is not True:
            return []
        looked_at = [
            q
            for name in sorted(quantities_in(deduction.test, self._performance.names))
            for q in self._performance.measured.find(name) or ()
        ]
        alone = [q for q in looked_at if condition.truth(self._performance.known(only=q)) is True]
        return alone or looked_at

    def _missing_states(self, step: Step) -> tuple[list[Loss], list[Loss]]:
        """Losses and notes for states that were missing: each charged once, at its first absence."""
        losses: dict[str, Loss] = {}
        notes: dict[str, Loss] = {}
        for miss in sorted(self._walk.misses[step.id], key=lambda m: m.at_s):
            rule = miss.requirement.on_missing
            state = miss.requirement.state
            if miss.absence is None:
                en, zh = (texts(lang)["open_requirement"].format(state=state) for lang in ("en", "zh"))
                self._walk.ask(step, "requirement", state, en, zh, rule.points or 0)
                continue
            kept = notes if rule.effect == "note" else losses
            price = {"void": step.max_points, "note": 0.0}.get(rule.effect, rule.points or 0.0)
            loss = Loss(step.id, "state", state, price, price, miss.at_s, effect=rule.effect, absence=miss.absence)
            kept.setdefault(state, loss)
        return list(losses.values()), list(notes.values())


def _dearest(losses: Sequence[Loss]) -> Loss:
    """The loss of a group that counts; a deduction before a rule of the same price."""
    best = max(losses, key=lambda loss: (loss.price, loss.kind == "deduction"))
    others = tuple(loss.ref for loss in losses if loss is not best)
    values = tuple(best.values) or tuple(v for loss in losses for v in loss.values)
    times = [loss.at_s for loss in losses if loss.at_s is not None]
    at_s = best.at_s if best.at_s is not None else min(times, default=None)
    return replace(
        best,
        points=best.price,
        at_s=at_s,
        values=values,
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
        out.append(replace(loss, points=paid))

    for loss in voids:
        pay(loss, step.max_points)
    for loss in faults:
        pay(loss, loss.price)
    for loss in missing:
        if loss.effect == "cap":
            pay(loss, max(0.0, left - loss.price))
    return out
