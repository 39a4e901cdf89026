"""Which events concern a rubric, and whether they say anything the rubric cannot understand."""

from __future__ import annotations

from collections.abc import Sequence

from siming.errors import EventError
from siming.rubric.check import vocabulary
from siming.rubric.event import Event
from siming.rubric.quantity import SIGNALS
from siming.rubric.rubric import Rubric, repeated


def sort_out(rubric: Rubric, events: Sequence[Event]) -> tuple[list[Event], dict[str, int]]:
    """The events that concern a rubric (signals included), and how many of each other action there are."""
    attempts = {event.attempt for event in events}
    if len(attempts) > 1:
        raise EventError(
            f"events of {len(attempts)} attempts ({', '.join(sorted(attempts)[:3])} ...); examine one at a time"
        )
    for name in repeated(event.id for event in events):
        raise EventError(
            f"event id {name!r} stands twice in attempt {events[0].attempt}; "
            "delete the copy, or give each event an id of its own"
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
