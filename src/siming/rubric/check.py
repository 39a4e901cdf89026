"""Is a rubric whole? Every name it uses exists, every expression reads, every number can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel

from siming.errors import RubricError
from siming.rubric.condition import Vocabulary, read_condition
from siming.rubric.quantity import DERIVATIONS, MOMENTS, SIGNALS
from siming.rubric.rubric import Rubric, Rule, Step, repeated

_MADE_BY = ("first_bout", "next_bout", "bout_end")
_MADE_BY_STEP = ("first", "next", "start", "end")


def check_rubric(rubric: Rubric, *, where: str) -> None:
    """Hold a rubric against itself.

    Raises:
        RubricError: one error that lists everything wrong, each with its place and the mend.
    """
    complaints = [
        *_cut_texts(rubric, rubric.id),
        *_ids(rubric),
        *_totals(rubric),
        *(c for step in rubric.steps for c in _step(rubric, step)),
        *_states_and_events(rubric),
        *(c for rule in rubric.rules for c in _rule(rubric, rule)),
    ]
    if complaints:
        raise RubricError(f"{where}: " + "; ".join(complaints))


def vocabulary(rubric: Rubric) -> Vocabulary:
    """The names conditions of a rubric may use."""
    return Vocabulary(
        states=frozenset(rubric.states_by_id),
        quantities=frozenset(m.quantity for step in rubric.steps for m in step.measures),
        deductions=frozenset(d.id for step in rubric.steps for d in step.deductions),
        params=frozenset(rubric.params),
        text_params=frozenset(name for name, value in rubric.params.items() if isinstance(value, str)),
        context=frozenset(rubric.context),
    )


def _ids(rubric: Rubric) -> Iterator[str]:
    kinds = {
        "step": [step.id for step in rubric.steps],
        "state": [state.id for state in rubric.states],
        "event": [event.id for event in rubric.events],
        "rule": [rule.id for rule in rubric.rules],
    }
    for kind, ids in kinds.items():
        for name in repeated(ids):
            yield f"{kind} id {name!r} stands twice; rename one"
    for step in rubric.steps:
        for name in repeated(d.id for d in step.deductions):
            yield f"step {step.id}: deduction id {name!r} stands twice; rename one"
    for name in sorted({*kinds["step"]} & {*kinds["event"], *SIGNALS}):
        yield f"step id {name!r} is also an event or signal; rename the step"


def _cut_texts(part: BaseModel, place: str) -> Iterator[str]:
    """Texts that YAML cut at a comma inside {...}: what is left of them stands there as a key of its own."""
    for name, value in part:
        if name in (part.model_extra or {}) and " " in name.strip():
            yield f"{place}: the key {name!r} looks like the rest of a text; put quotes around the whole text"
        for number, inner in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(inner, BaseModel):
                yield from _cut_texts(inner, f"{place}: {name} {getattr(inner, 'id', number)}")


def _totals(rubric: Rubric) -> Iterator[str]:
    """Totals a file states for its readers must be the sums."""
    extra = rubric.model_extra or {}
    for key, found in (("total_points", rubric.total_points), ("step_count", len(rubric.steps))):
        if key in extra and extra[key] != found:
            yield f"{key} says {extra[key]}, the steps give {found:g}; correct one"


def _step(rubric: Rubric, step: Step) -> Iterator[str]:
    place = f"step {step.id}"
    for deduction in step.deductions:
        if deduction.points > step.max_points:
            yield (
                f"{place}: deduction {deduction.id} takes {deduction.points:g} of {step.max_points:g} points; "
                "lower it to the maximum"
            )
        if deduction.test is not None:
            yield from _expression(rubric, deduction.test, f"{place}: test of {deduction.id}")
    for measure in step.measures:
        yield from _derivation(rubric, measure.made_from, f"{place}: measure {measure.quantity}")
        for bound in measure.target.values():
            yield from _number(rubric, bound, f"{place}: target of {measure.quantity}")
    for requirement in step.requires:
        yield from _known(rubric, requirement.state, f"{place}: requires")
        if requirement.at_least is not None:
            yield from _number(rubric, requirement.at_least, f"{place}: at_least of {requirement.state}")
        if requirement.applies_when is not None:
            yield from _expression(rubric, requirement.applies_when, f"{place}: applies_when of {requirement.state}")
        if requirement.at not in (None, "end") and not _is_event(rubric, requirement.at or ""):
            yield f"{place}: requires {requirement.state} at {requirement.at!r}; wanted 'end' or an 'event:ID'"
    for change in (*step.establishes, *step.invalidates):
        yield from _known(rubric, change.state, place)
    if step.applies_when is not None:
        # Whether a step belongs to the exam is settled before it begins: states and measures come too late.
        settled = replace(vocabulary(rubric), states=frozenset(), quantities=frozenset())
        try:
            read_condition(step.applies_when, settled, prose=False)
        except RubricError as error:
            yield f"{place}: applies_when: {error}; it may look at params and context only"


def _states_and_events(rubric: Rubric) -> Iterator[str]:
    for state in rubric.states:
        for part in state.derived_from:
            yield from _known(rubric, part, f"state {state.id}: derived_from")
        if state.id in _made_of(rubric, state.id):
            yield f"state {state.id}: is derived from itself; break the ring in derived_from"
        if state.hold_for_s is not None:
            yield from _number(rubric, state.hold_for_s, f"state {state.id}: hold_for_s")
    for event in rubric.events:
        for name in (*event.sets, *event.clears):
            yield from _known(rubric, name, f"event {event.id}")
        for moment in (event.made_by or "").split("|") if event.made_by else ():
            kind, _, step = moment.strip().partition(":")
            if moment.strip() not in _MADE_BY and (kind not in _MADE_BY_STEP or rubric.find_step(step) is None):
                yield (
                    f"event {event.id}: made_by {moment.strip()!r} is not one of {', '.join(_MADE_BY)} "
                    f"or {'/'.join(_MADE_BY_STEP)}:STEP with a step of this rubric"
                )


def _rule(rubric: Rubric, rule: Rule) -> Iterator[str]:
    place = f"rule {rule.id}"
    if rule.charge is not None and rubric.find_step(rule.charge.step) is None:
        yield f"{place}: charges step {rule.charge.step!r}, which is not in the rubric"
    groups = set()
    for name in rule.same_as:
        step_id, _, deduction_id = name.partition(".")
        step = rubric.find_step(step_id)
        deduction = step.find_deduction(deduction_id) if step else None
        if deduction is None or rule.charge is None or rule.charge.step != step_id:
            yield f"{place}: same_as {name!r} is no deduction of the step it charges; write it as STEP.DEDUCTION"
        else:
            groups.add(deduction.group or deduction.id)
    if len(groups) > 1:
        yield f"{place}: same_as names deductions of several groups ({', '.join(sorted(groups))}); give them one group"
    forbidden = (name.strip() for name in (rule.forbids or "").split("|") if rule.forbids)
    for reference in (rule.first, rule.then, rule.start, rule.to, rule.during, rule.while_, *forbidden):
        if reference is not None and not _is_reference(rubric, reference):
            yield f"{place}: {reference!r} names no step, state:ID, event:ID, measure:ID or rubric:ID.STEP"
    if rule.kind in ("interval", "rate") and rule.what not in vocabulary(rubric).quantities:
        yield f"{place}: what {rule.what!r} is no measured quantity of this rubric"
    if rule.state is not None:
        yield from _known(rubric, rule.state, place)
    for value in (rule.full_max_s, rule.max_s, rule.max_per_min, *(band.over_s for band in rule.bands)):
        if value is not None:
            yield from _number(rubric, value, place)


def _made_of(rubric: Rubric, state: str) -> set[str]:
    """All states a state is derived from, directly or not."""
    found: set[str] = set()
    waiting = [state]
    while waiting:
        one = rubric.states_by_id.get(waiting.pop())
        fresh = [part for part in (one.derived_from if one else ()) if part not in found]
        found.update(fresh)
        waiting += fresh
    return found


def _known(rubric: Rubric, state: str, place: str) -> Iterator[str]:
    if state not in rubric.states_by_id:
        yield f"{place}: state {state!r} is not declared under states; add it or correct the name"


def _number(rubric: Rubric, value: float | str, place: str) -> Iterator[str]:
    if isinstance(value, str) and not isinstance(rubric.params.get(value), int | float):
        yield f"{place}: {value!r} is no number among params; add it there or write the number"


def _expression(rubric: Rubric, text: str, place: str) -> Iterator[str]:
    try:
        # Words are welcome where a judge may answer; a `test` must be computable.
        read_condition(text, vocabulary(rubric), prose=": test of" not in place)
    except RubricError as error:
        yield f"{place}: {error}"


def _derivation(rubric: Rubric, made_from: str | tuple[str, str] | None, place: str) -> Iterator[str]:
    if isinstance(made_from, tuple):
        for moment in (alternative for end in made_from for alternative in end.split("|")):
            kind, _, name = moment.strip().partition(":")
            known = name in rubric.events_by_id or name in SIGNALS or rubric.find_step(name) is not None
            if kind not in MOMENTS or not known:
                yield f"{place}: {moment.strip()!r} is no moment; wanted {'/'.join(MOMENTS)}:ID of this rubric"
    elif made_from is not None:
        name, _, step = made_from.partition(":")
        if name not in DERIVATIONS or (step and rubric.find_step(step) is None):
            yield f"{place}: from {made_from!r} is not one of {', '.join(sorted(DERIVATIONS))} (or with :STEP)"


def _is_event(rubric: Rubric, reference: str) -> bool:
    kind, _, name = reference.partition(":")
    return kind == "event" and name in rubric.events_by_id


def _is_reference(rubric: Rubric, reference: str) -> bool:
    kind, _, name = reference.rpartition(":")
    match kind:
        case "":
            return rubric.find_step(name) is not None
        case "event":
            return name in rubric.events_by_id
        case "state":
            return name.partition(">=")[0].strip() in rubric.states_by_id
        case "measure":
            return name in vocabulary(rubric).quantities
        case "rubric":
            return "." in name
    return False
