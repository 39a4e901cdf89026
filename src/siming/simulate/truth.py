"""From a timed script to what really happened: events and step segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from siming.rubric import Event, Rubric
from siming.simulate.script import Timed

Segments = Mapping[str, tuple[tuple[float, float], ...]]


def events_of(timed: Sequence[Timed], rubrics: Iterable[Rubric], *, attempt: str) -> list[Event]:
    """What happened, in time order, as an all-seeing author writes it down.

    A fault that the rubric measures (its deduction has a `test`) shows in the times only; it is never also
    listed as seen. Everything else that was wrong is listed, so the lists are complete.
    """
    measured = {
        f"{step.id}.{deduction.id}"
        for rubric in rubrics
        for step in rubric.steps
        for deduction in step.deductions
        if deduction.test is not None
    }
    found: list[dict[str, Any]] = []
    for one in timed:
        found += _performed(one, measured) + _instants(one)
    found += _whole_cycles(timed, measured)
    found.sort(key=lambda plain: (plain["start_s"], plain["end_s"]))
    return [
        Event(attempt=attempt, id=f"{attempt}.{number:03d}", source="simulator", **plain)
        for number, plain in enumerate(found, start=1)
    ]


def segments_of(events: Iterable[Event], steps: Iterable[str]) -> Segments:
    """Where each step lies, a stretch per recurrence; the squeezes of the bag are one stretch.

    A step that was left out has no segment.
    """
    names = set(steps)
    stretches: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        if event.action in names:
            stretches.setdefault(event.action, []).append((event.start_s, event.end_s))
    # The pace of ventilation lies between the squeezes: single squeezes would not show it.
    if "bmv04" in stretches:
        squeezes = stretches["bmv04"]
        stretches["bmv04"] = [(squeezes[0][0], squeezes[-1][1])]
    return {step: tuple(spans) for step, spans in sorted(stretches.items())}


def _performed(one: Timed, measured: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "action": step,
            "start_s": one.start_s,
            "end_s": one.end_s,
            "faults": _seen(step, one.act.wrong, measured),
            "answers": _answers(step, one),
        }
        for step in one.act.steps
    ]


def _seen(step: str, wrong: Iterable[str], measured: set[str]) -> tuple[str, ...]:
    return tuple(d.partition(".")[2] for d in wrong if d.startswith(f"{step}.") and d not in measured)


def _answers(step: str, one: Timed) -> dict[str, bool]:
    """Answers to the conditions that the rubrics leave in words."""
    match step:
        case "bmv04":
            return {"breath_delivered": one.act.breaths[0].rises}
        case "aed04":
            return {"rhythm_analysed": False}  # no pad is moved after the analysis
        case "aed06":
            return {"rhythm_analysed": True}  # the device finishes its analysis
        case "bmv05":
            return {"mask_sealed": True, "airway_open": True}  # mask taken off, head released
    return {}


def _instants(one: Timed) -> list[dict[str, Any]]:
    spans = [(mark.action, mark.at_s, mark.at_s) for mark in one.act.marks]
    spans += [("compression", stroke_s, stroke_s) for stroke_s in one.act.strokes_s]
    if one.act.kind == "breaths":
        spans += [("breath", breath.start_s, breath.start_s + breath.lasts_s) for breath in one.act.breaths]
    return [{"action": action, "start_s": one.at(start), "end_s": one.at(end)} for action, start, end in spans]


def _whole_cycles(timed: Sequence[Timed], measured: set[str]) -> list[dict[str, Any]]:
    """cpr17 once per cycle: from the first stroke of a bout to the end of its breaths."""
    by_id = {one.act.id: one for one in timed}
    cycles = []
    for bout in (one for one in timed if one.act.kind == "bout"):
        breaths = by_id.get(bout.act.id.replace("bout", "breaths"), bout)
        wrong = (*bout.act.wrong, *breaths.act.wrong) if breaths is not bout else bout.act.wrong
        cycles.append(
            {
                "action": "cpr17",
                "start_s": bout.start_s,
                "end_s": breaths.end_s,
                "faults": _seen("cpr17", wrong, measured),
            }
        )
    return cycles
