"""What the outcome of one step means for the others, while a rater is still rating: advice, never a filled-in point.

The examiner's own machinery does the work (`reading.py` turns entries into a performance, `walk.py` and `rule.py` walk
through it), so that the page and the examiner cannot come to think differently. Three walks:

1. The entries in the rubric's order, everything unknown taken in the candidate's favour. A state that is missing even
   then is surely missing: `certain`.
2. The same, with everything that the entries leave open against the candidate: a step with 0 points and no reason for
   it was not done; points lost without a tick may be any deduction that they would pay for. What is missing only then
   is *possible*.
3. The evidence at its times: a check that was seen only after the act it should precede, a state that had expired or
   that an event had ended. Evidence need not be complete, so this too is only *possible*. Steps that recur (per bout,
   cycle or breath) take part in orders alone, because nobody marks every recurrence.

A step not rated yet limits nothing. A step whose own required state is surely missing is void for the steps behind it,
rated or not, exactly as for the examiner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from siming.errors import SheetError
from siming.rubric.event import Event
from siming.rubric.labels import exact
from siming.rubric.limit import Contradiction, Limit, Span, Why
from siming.rubric.points import check_deductions, deduction_points
from siming.rubric.reading import Outcome, Reading, by_evidence, in_order, makers, missing_anyway, outcome_of
from siming.rubric.rubric import Rubric, Rule, Step
from siming.rubric.rule import Firing
from siming.rubric.sheet import Entry
from siming.rubric.state import Absence
from siming.rubric.walk import Miss

__all__ = ["Contradiction", "Limit", "contradictions", "limits"]


def limits(rubric: Rubric, entries: Mapping[str, Entry], *, events: Iterable[Event] = ()) -> tuple[Limit, ...]:
    """What limits which step, by what was entered so far; in the rubric's order, certain ones first in each step.

    Args:
        entries: The steps rated so far, by step id. A step that is lacking says nothing, nor does one that cannot
            be judged or does not apply.
        events: Events of the rubric that somebody or something noted on the recording.

    Raises:
        SheetError: a step or deduction that the rubric does not have, or more points than a step has.
    """
    _check(rubric, entries)
    judged = {step: entry for step, entry in entries.items() if entry.points is not None}
    outcomes = {step: outcome_of(entry, rubric.get_step(step), rubric) for step, entry in entries.items()}
    kindest = in_order(rubric, outcomes)
    found = list(_missing(rubric, kindest, judged))
    surely = {(limit.step, limit.because_state) for limit in found}
    open_points = _unexplained(rubric, judged, found)
    if open_points or any(entry.void for entry in judged.values()):
        harshest, harsher = _harshest(rubric, judged, outcomes, open_points)
        found += [
            limit
            for limit in _missing(rubric, harshest, harsher, open_points, certain=False)
            if (limit.step, limit.because_state) not in surely
        ]
    seen = {step: entry for step, entry in judged.items() if entry.evidence and entry.points and not entry.void}
    noted = tuple(events)
    if len(seen) + len(noted) > 1:
        reading = by_evidence(rubric, seen, outcomes, noted)
        known = {(limit.step, limit.because_state) for limit in found}
        found += [limit for limit in _in_time(rubric, reading, seen) if (limit.step, limit.because_state) not in known]
        found += _rules(rubric, reading, judged, seen)
    order = {step.id: number for number, step in enumerate(rubric.steps)}
    return tuple(sorted(found, key=lambda limit: (order[limit.step], not limit.certain)))


def contradictions(
    rubric: Rubric, entries: Mapping[str, Entry], found: Sequence[Limit] | None = None
) -> tuple[Contradiction, ...]:
    """Steps with more points than certain limits allow: something for the rater to look at again.

    Args:
        found: The `limits` of the same entries, where they are at hand.
    """
    certain = [limit for limit in (limits(rubric, entries) if found is None else found) if limit.certain]
    out = []
    for step in rubric.steps:
        entry = entries.get(step.id)
        own = [limit for limit in certain if limit.step == step.id and limit.kind != "note"]
        if entry is None or entry.points is None or not own:
            continue
        allowed = _allowed(step, entry, own)
        if exact(entry.points) > exact(allowed):
            out.append(Contradiction(step.id, entry.points, allowed, tuple(own)))
    return tuple(out)


def _allowed(step: Step, entry: Entry, own: Sequence[Limit]) -> float:
    """What ticked deductions and limits leave of a step."""
    return float(
        deduction_points(
            step,
            entry.deductions,
            void=entry.void or any(limit.kind == "void" for limit in own),
            cap=min((limit.points for limit in own if limit.kind == "cap" and limit.points is not None), default=None),
            deducted=[limit.points for limit in own if limit.kind == "deduct" and limit.points is not None],
        ).points
    )


def _check(rubric: Rubric, entries: Mapping[str, Entry]) -> None:
    for step_id, entry in entries.items():
        step = rubric.find_step(step_id)
        if step is None:
            raise SheetError(
                f"step {step_id!r} is not in rubric {rubric.id} (it has {', '.join(s.id for s in rubric.steps)}); "
                "correct the id or take the step out"
            )
        check_deductions(step, entry.deductions)
        if entry.points is not None and entry.points > step.max_points:
            raise SheetError(
                f"step {step_id!r} has {entry.points:g} points, the rubric allows 0–{step.max_points:g}; correct them"
            )


# ---------------------------------------------------------------- outcomes


def _unexplained(rubric: Rubric, judged: Mapping[str, Entry], found: Sequence[Limit]) -> dict[str, float]:
    """Points that a step lost and neither its ticked deductions nor its limits account for."""
    out = {}
    for step_id, entry in judged.items():
        step = rubric.get_step(step_id)
        if entry.points == step.max_points:
            continue
        own = [limit for limit in found if limit.step == step_id]
        lacking = exact(_allowed(step, entry, own)) - exact(entry.points or 0.0)
        if lacking > 0:
            out[step_id] = float(lacking)
    return out


def _harshest(
    rubric: Rubric,
    judged: Mapping[str, Entry],
    outcomes: Mapping[str, Outcome],
    open_points: Mapping[str, float],
) -> tuple[Reading, dict[str, Entry]]:
    """The reading that holds everything open against the candidate, and the entries with the ticks it assumes."""
    not_done = frozenset(step for step, e in judged.items() if e.void or (not e.points and step in open_points))
    assumed = dict(judged)
    harsh = dict(outcomes)
    for step_id, points in open_points.items():
        step, entry = rubric.get_step(step_id), judged[step_id]
        if step_id not in not_done:
            more = _affordable(step, entry, points)
            assumed[step_id] = entry.model_copy(update={"deductions": more})
            outcome = outcomes[step_id]
            harsh[step_id] = Outcome(outcome.faults | set(more), outcome.label, outcome.nothing_holds)
    return in_order(rubric, harsh, not_done=not_done), assumed


def _affordable(step: Step, entry: Entry, points: float) -> tuple[str, ...]:
    """Unticked deductions that so many lost points would pay for; in a group, beyond what its ticked one cost."""
    dearest: dict[str, float] = {}
    for d in step.deductions:
        if d.id in entry.deductions:
            group = d.group or d.id
            dearest[group] = max(dearest.get(group, 0.0), d.points)
    return tuple(
        d.id
        for d in step.deductions
        if d.id not in entry.deductions and 0 < d.points - dearest.get(d.group or d.id, 0.0) <= points
    )


def _missing(
    rubric: Rubric,
    reading: Reading,
    entries: Mapping[str, Entry],
    open_points: Mapping[str, float] = MappingProxyType({}),
    *,
    certain: bool = True,
) -> Iterator[Limit]:
    """Required states that a reading in order lacks, by the entries and not for lack of anything to see."""
    anyway = missing_anyway(rubric)
    for step_id, miss, absence in _first_misses(reading):
        if (step_id, absence.state) in anyway or (step_id, miss.requirement.state) in anyway:
            continue
        cause, event = _cause(rubric, absence, entries)
        if cause == step_id:
            continue
        why, deductions, unexplained = _why(rubric, absence, cause, entries, open_points)
        rated = entries.get(cause or "")
        if why == "void" and not certain and not (rated is not None and rated.void):
            why = "void_perhaps"
        yield _limit(
            miss,
            step_id,
            absence,
            cause,
            why,
            certain=certain,
            deductions=deductions,
            event=event,
            unexplained=unexplained,
        )


def _first_misses(reading: Reading) -> Iterator[tuple[str, Miss, Absence]]:
    """Each missing state of each step once, at its first absence, as the examiner charges it."""
    for step_id, misses in reading.walk.misses.items():
        told = set()
        for miss in sorted(misses, key=lambda m: m.at_s):
            if miss.absence is not None and miss.requirement.state not in told:
                told.add(miss.requirement.state)
                yield step_id, miss, miss.absence


def _cause(rubric: Rubric, absence: Absence, entries: Mapping[str, Entry]) -> tuple[str | None, str | None]:
    """The step behind an absence; and the event, where one did it that is more than a step's own."""
    if absence.cause is None or rubric.find_step(absence.cause):
        return absence.cause, None
    kind = rubric.events_by_id.get(absence.cause)
    behind = [step for step in makers(kind) if step in entries] if kind else []
    return (behind[0], None) if behind else (None, absence.cause)


def _why(
    rubric: Rubric,
    absence: Absence,
    cause: str | None,
    entries: Mapping[str, Entry],
    open_points: Mapping[str, float],
) -> tuple[Why, tuple[str, ...], float | None]:
    if absence.how == "cleared":
        return "cleared", (), None
    entry = entries.get(cause or "")
    if absence.detail == "void" or (entry is not None and entry.void):
        return "void", (), None
    if cause is None or entry is None:
        return "not_set", (), None
    if absence.detail == "not_done" or absence.how == "never":
        return "not_done", (), None
    named = tuple(name for name in entry.deductions if re.search(rf"\b{re.escape(name)}\b", absence.detail or ""))
    if named and cause in open_points:
        return "unexplained", named, open_points[cause]
    if named:
        return "deductions", named, None
    return "points", (), entry.points


def _limit(
    miss: Miss,
    step: str,
    absence: Absence,
    cause: str | None,
    why: Why,
    *,
    certain: bool,
    deductions: tuple[str, ...] = (),
    event: str | None = None,
    unexplained: float | None = None,
    spans: tuple[Span, Span] | None = None,
) -> Limit:
    effect = miss.requirement.on_missing
    points = {"void": 0.0, "note": None}.get(effect.effect, effect.points)
    return Limit(
        step=step,
        kind=effect.effect,
        points=points,
        because_state=absence.state,
        because_step=cause,
        certain=certain,
        why=why,
        deductions=deductions,
        event=event,
        unexplained=unexplained,
        spans=spans,
    )


# ---------------------------------------------------------------- evidence


def _in_time(rubric: Rubric, reading: Reading, seen: Mapping[str, Entry]) -> Iterator[Limit]:
    """Required states that the times of evidence and noted events leave out."""
    for step_id, miss, absence in _first_misses(reading):
        if rubric.get_step(step_id).scope != "once" or step_id not in seen or _recurs(rubric, absence.cause):
            continue
        own, cause = _first_evidence(seen[step_id]), absence.cause or ""
        other = _first_evidence(seen[cause]) if cause in seen else None
        if absence.how == "never" and other is not None and other[0] >= own[1]:
            yield _limit(miss, step_id, absence, cause, "after", certain=False, spans=(other, own))
        elif absence.how == "expired" and other is not None:
            yield _limit(miss, step_id, absence, cause, "expired", certain=False, spans=(other, own))
        elif absence.how == "cleared" and cause != step_id:
            event = None if rubric.find_step(cause) else cause
            yield _limit(
                miss,
                step_id,
                absence,
                None if event else cause,
                "cleared_at",
                certain=False,
                event=event,
                spans=(other or (0.0, 0.0), own),
            )


def _rules(rubric: Rubric, reading: Reading, judged: Mapping[str, Entry], seen: Mapping[str, Entry]) -> Iterator[Limit]:
    """Rules across steps that the times break and that the rater has not charged already."""
    for firing in reading.rules.firings(reading.applies):
        rule = firing.rule
        if firing.price and _can_tell(rubric, rule, seen) and not _charged(rubric, firing, judged.get(firing.step)):
            steps = [name for name in _references(rule) if rubric.find_step(name)]
            yield Limit(
                step=firing.step,
                kind="order" if rule.kind == "order" else "deduct",
                points=firing.price,
                because_state=rule.state,
                because_step=next((name for name in steps if name != firing.step), None),
                certain=False,
                why="rule",
                rule=rule.id,
            )


def _can_tell(rubric: Rubric, rule: Rule, seen: Mapping[str, Entry]) -> bool:
    """Whether evidence, which need not be complete, can show that a rule is broken."""
    if rule.kind == "order":
        first, then = (_evidence_of(rubric, side, seen) for side in (rule.first, rule.then))
        return first is not None and then is not None and first[0] >= then[1]
    if rule.kind in ("delay", "hold", "exclusive"):
        return not any(_recurs(rubric, name) for name in _references(rule))
    return False


def _evidence_of(rubric: Rubric, reference: str | None, seen: Mapping[str, Entry]) -> Span | None:
    """First evidence of a step, or of the step that makes an event."""
    name = (reference or "").rpartition(":")[2]
    kind = rubric.events_by_id.get(name)
    names = [name] if kind is None else makers(kind)
    return next((_first_evidence(seen[step]) for step in names if step in seen), None)


def _charged(rubric: Rubric, firing: Firing, entry: Entry | None) -> bool:
    """Whether the rater ticked a deduction that describes the same fault (or a dearer one of its group)."""
    same = {name.partition(".")[2] for name in firing.rule.same_as}
    step = rubric.get_step(firing.step)
    groups = {d.group or d.id for d in step.deductions if d.id in same}
    ticked = entry.deductions if entry is not None else ()
    return any(d.id in ticked and (d.group or d.id) in groups for d in step.deductions)


def _references(rule: Rule) -> list[str]:
    """Names of the steps, states and events that a rule speaks of."""
    texts_of = (rule.first, rule.then, rule.start, rule.to, rule.state, rule.during, rule.while_, rule.forbids)
    parts = [part for text in texts_of if text for part in text.split("|")]
    return [part.strip().rpartition(":")[2].partition(">=")[0].strip() for part in parts]


def _recurs(rubric: Rubric, name: str | None) -> bool:
    """Whether a step recurs, an event comes from one that does, or a state is kept by either."""
    step = rubric.find_step(name or "")
    if step is not None:
        return step.scope != "once"
    kind = rubric.events_by_id.get(name or "")
    if kind is not None:
        return any(_recurs(rubric, maker) for maker in makers(kind))
    setters = [s.id for s in rubric.steps if any(change.state == name for change in s.establishes)]
    events = [e.id for e in rubric.events if name in (*e.sets, *e.clears)]
    return any(_recurs(rubric, each) for each in (*setters, *events))


def _first_evidence(entry: Entry) -> Span:
    start, end = min(entry.evidence)
    return min(start, end), max(start, end)
