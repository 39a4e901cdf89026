"""Why points were lost, as data and as sentences; and what nobody answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from siming.rubric.quantity import Quantity
from siming.rubric.rubric import Effect, Language, Rubric
from siming.rubric.state import Absence


@dataclass(frozen=True, slots=True)
class Loss:
    """One reason for which a step lost points (or would have, had there been any left)."""

    step: str
    kind: Literal["not_done", "deduction", "rule", "state"]
    ref: str
    """Deduction (``d2``), rule (``r_handsoff``), state (``everyone_clear``) or, for not_done, the step."""
    price: float
    """What the rubric asks for it."""
    points: float
    """What it really cost: 0 when a larger fault of its group, or an empty step, swallowed it."""
    at_s: float | None
    """When it happened."""
    effect: Effect | None = None
    """For `state`: void, cap, deduct or note."""
    absence: Absence | None = None
    """For `state`: why the state was missing."""
    values: tuple[Quantity, ...] = ()
    """The measured values that show it."""
    events: tuple[str, ...] = ()
    """Ids of the events that show it."""
    same_as: tuple[str, ...] = ()
    """Rules and deductions that describe the same fault and were not charged again."""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A condition in words that no event answered: for a judge."""

    step: str
    kind: Literal["deduction", "state", "requirement"]
    ref: str
    """Deduction or state id: the key for `Event.answers`."""
    text: str
    text_zh: str
    points: float
    """What hangs on it: points that would be lost; 0 when only later steps depend on it."""


@cache
def texts(language: Language) -> Mapping[str, Any]:
    """All sentences of this room in one language."""
    source = files("siming.rubric.texts").joinpath(f"{language}.yaml")
    loaded: Mapping[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    return loaded


def reason(loss: Loss, rubric: Rubric, language: Language) -> str:
    """One sentence that names what was lost, the cause and its time."""
    say = texts(language)
    step = rubric.get_step(loss.step)
    parts = {
        "step": step.id,
        "title": step.title_in(language),
        "points": f"{loss.points:g}",
        "price": f"{loss.price:g}",
        "max": f"{step.max_points:g}",
        "ref": loss.ref,
        "at": say["at"].format(t=f"{loss.at_s:.1f}") if loss.at_s is not None else "",
    }
    match loss.kind:
        case "not_done":
            sentence = say["not_done"]
        case "deduction":
            deduction = step.find_deduction(loss.ref)
            assert deduction is not None
            parts["what"] = (deduction.when_zh if language == "zh" else None) or deduction.when
            sentence = say["deduction"]
        case "rule":
            parts["what"] = next(r.title_in(language) for r in rubric.rules if r.id == loss.ref)
            sentence = say["rule"]
        case "state":
            parts["state"] = loss.ref
            parts["why"] = why_absent(loss.absence, rubric, language)
            sentence = say[f"state_{loss.effect}"]
    text = str(sentence.format(**parts))
    if loss.values:
        text += say["measured"].format(values=say["list"].join(_value(v, rubric, language) for v in loss.values[:6]))
    if loss.same_as:
        text += say["same_as"].format(others=say["list"].join(loss.same_as))
    if loss.points == 0 and loss.effect != "note":
        text += say["swallowed"]
    return text


def why_absent(absence: Absence | None, rubric: Rubric, language: Language) -> str:
    """Why a state was not there: what cleared it and when, or which step should have set it."""
    if absence is None:
        return ""
    say = texts(language)
    at = f"{absence.at_s:.1f}" if absence.at_s is not None else ""
    detail = (absence.detail_zh if language == "zh" else None) or absence.detail or ""
    key = f"absent_{absence.how}"
    if absence.how == "failed" and absence.detail in ("void", "not_done"):
        key = f"absent_{absence.detail}"
    if absence.how == "never" and absence.cause is None:
        key = "absent_never_known"
    state, cause = (_named(name, rubric, language) for name in (absence.state, absence.cause))
    return str(say[key].format(state=state, at=at, cause=cause, detail=detail))


def _named(name: str | None, rubric: Rubric, language: Language) -> str:
    """An id, in Chinese with its title behind it (English ids read as words)."""
    if language == "en" or name is None:
        return str(name)
    found = rubric.states_by_id.get(name) or rubric.events_by_id.get(name) or rubric.find_step(name)
    return f"{name}（{found.title_zh}）" if found else f"{name} "


def _value(quantity: Quantity, rubric: Rubric, language: Language) -> str:
    unit = next((m.unit for s in rubric.steps for m in s.measures if m.quantity == quantity.name), "")
    say = texts(language)
    return str(
        say["value"].format(
            name=say["quantities"].get(quantity.name, quantity.name.replace("_", " ")),
            value=f"{quantity.value:.4g} {say['units'].get(unit, unit)}".strip(),
            t=f"{quantity.start_s:.1f}",
        )
    )
