"""The reader: what a model's reply says about each step, whatever the reply looks like.

Total by construction: every text gives a `Reading`, in time that grows with its length only. In order:

1. Thinking is put aside: what stands before the last ``</think>`` (and its kin), or after one that never ends.
2. Answers in JSON are taken (`from_json.py` says which objects count); where there is none, tables; then prose.
3. Ordinals ("step 3") become steps where there is one way only to read them.
4. Two answers about one step that differ make it unreadable; so do points outside the step's range, on another
   scale, or no number. Nothing is clipped, rescaled or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import yaml

from siming.bench.clinical.found import Found
from siming.bench.clinical.from_json import agreed, answers_in_json
from siming.bench.clinical.from_text import answers_in_prose, answers_in_tables
from siming.bench.clinical.setting import Asks
from siming.bench.clinical.stepname import StepNames
from siming.bench.clinical.value import Cause, Outcome
from siming.bench.request import Request
from siming.rubric import Author, Entry, Language, Rubric, Sheet

Status = Literal["read", "cannot_judge", "unreadable"]
Form = Literal["json", "table", "prose", "nothing"]


@dataclass(frozen=True, slots=True)
class StepReading:
    """What a reply says about one step."""

    step: str
    status: Status
    points: float | None = None
    wrong: bool | None = None
    cause: Cause | None = None
    """Why there is no value; None exactly when the status is ``read``."""
    found: str = ""
    """What stood in place of a value, shortened."""
    reason: str | None = None
    """The model's own reason."""
    max_points: float = 0.0

    def why(self, language: Language = "en") -> str | None:
        """Why there is no value, in a sentence; None where there is one."""
        if self.cause is None:
            return None
        found = f'"{self.found}"' if language == "en" else self.found
        return _texts(language)[self.cause].format(found=found, limit=f"{self.max_points:g}")


@dataclass(frozen=True, slots=True)
class Reading:
    """A reply as it was read: one `StepReading` per step asked for, in their order."""

    steps: tuple[StepReading, ...]
    asks: Asks
    form: Form
    """Where the answers stood."""
    extra: tuple[str, ...] = ()
    """Steps that the reply answers and nobody asked for; left out."""
    notes: tuple[str, ...] = ()
    """What else a reader of the reading should know, in English."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Steps the reply does not answer."""
        return tuple(reading.step for reading in self.steps if reading.cause == "missing")

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Steps without a value that the model did not say it cannot judge; the missing are among them."""
        return tuple(reading.step for reading in self.steps if reading.status == "unreadable")

    def of(self, step_id: str) -> StepReading | None:
        """The reading of one step; None where it was not asked for."""
        return next((reading for reading in self.steps if reading.step == step_id), None)


def read_reply(
    text: str, *, steps: Sequence[str], rubrics: Sequence[Rubric], asks: Asks, truncated: bool = False
) -> Reading:
    """Read a model's reply. Never raises for any text.

    Args:
        text: The raw reply.
        steps: Ids of the steps asked for, in the order of asking.
        rubrics: The rubrics that have these steps.
        asks: Whether points or errors were asked for.
        truncated: The server said that the reply was cut off: in tables and prose the last line is then left out,
            since "cpr01: 1" may have been going to be 18. JSON shows by itself what is complete.

    >>> from siming.rubric import builtin_rubric
    >>> aed = builtin_rubric("aed-adult")
    >>> reading = read_reply("aed01: 8/8, aed02: 11", steps=["aed01", "aed02"], rubrics=[aed], asks="points")
    >>> [(step.status, step.points) for step in reading.steps]
    [('read', 8.0), ('unreadable', None)]
    >>> reading.steps[1].why()
    'the reply gives "11", the step has 0 to 10 points'
    """
    names = StepNames(steps, rubrics)
    notes: list[str] = []
    answer = without_thinking(_writable(text), notes)
    in_json = answers_in_json(answer, names, asks)
    lines = answer.rpartition("\n")[0] if truncated else answer
    if in_json.found and in_json.replaced:
        notes.append(f"answers of earlier drafts that later ones replaced: {in_json.replaced}")
    if in_json.found and in_json.cut_off:
        notes.append("a bracket of the JSON is never closed; its complete answers were kept")
    form, (by_step, extra, unplaced) = _first_form(lines, in_json.found, names, asks)
    if unplaced:
        notes.append("steps are numbered in a way that can be read in more than one way; these answers were left out")
    readings = tuple(_reading(step_id, by_step.get(step_id, ()), names, unplaced=unplaced) for step_id in names.asked)
    return Reading(readings, asks, form, extra, tuple(notes))


def to_sheets(reading: Reading, request: Request, rubrics: Sequence[Rubric], model_name: str) -> list[Sheet]:
    """The reading as the model's sheets, one per rubric that the request asks about.

    Steps without a value, and steps that were not asked for, are entries that say why.
    """
    by_step = {step.step: step for step in reading.steps}
    sheets = []
    for rubric in rubrics:
        if not any(step.id in by_step for step in rubric.steps):
            continue
        sheets.append(
            Sheet(
                attempt=request.attempt,
                rubric=rubric.id,
                rubric_version=rubric.version,
                author=Author(kind="model", name=model_name),
                steps={step.id: _entry(by_step.get(step.id)) for step in rubric.steps},
            )
        )
    return sheets


def _entry(reading: StepReading | None) -> Entry:
    if reading is None:
        return Entry(status="cannot_judge", reason="not asked")
    if reading.status == "read":
        return Entry(points=reading.points, wrong=reading.wrong, note=reading.reason)
    why = reading.why() or ""
    if reading.status == "unreadable":
        return Entry(status="cannot_judge", reason=f"unreadable: {why}", note=reading.reason)
    return Entry(status="cannot_judge", reason=reading.reason or why)


_Placed: TypeAlias = tuple[dict[str, list[Outcome]], tuple[str, ...], bool]
"""Outcomes by step, the names of steps nobody asked for, and whether ordinals could not be placed."""


def _first_form(lines: str, in_json: list[Found], names: StepNames, asks: Asks) -> tuple[Form, _Placed]:
    """The first form in which a step that was asked for is answered."""
    nothing: _Placed = ({}, (), False)
    forms: tuple[tuple[Form, Callable[[], list[Found]]], ...] = (
        ("json", lambda: in_json),
        ("table", lambda: answers_in_tables(lines, names, asks)),
        ("prose", lambda: answers_in_prose(lines, names, asks)),
    )
    for form, find in forms:
        placed = _placed(find(), names)
        if placed[0]:
            return form, placed
        if any(placed) and not any(nothing):
            nothing = placed
    return "nothing", nothing


def _placed(found: Sequence[Found], names: StepNames) -> _Placed:
    step_of = names.by_ordinal([item.ref for item in found if isinstance(item.ref, int)])
    by_step: dict[str, list[Outcome]] = {}
    extra: dict[str, None] = {}
    unplaced = False
    for item in found:
        ref = step_of.get(item.ref) if isinstance(item.ref, int) else item.ref
        if ref is None:
            unplaced = True
        elif ref in names.asked:
            by_step.setdefault(ref, []).append(item.read(names.known[ref]))
        else:
            extra[ref] = None
    return by_step, tuple(extra), unplaced


def _reading(step_id: str, outcomes: Sequence[Outcome], names: StepNames, *, unplaced: bool) -> StepReading:
    limit = names.known[step_id].max_points
    if not outcomes:
        cause: Cause = "ambiguous_number" if unplaced else "missing"
        return StepReading(step_id, "unreadable", cause=cause, max_points=limit)
    outcome = agreed(outcomes)
    status: Status = "read"
    if outcome.cause is not None:
        status = "cannot_judge" if outcome.cause == "cannot_judge" else "unreadable"
    reason = outcome.reason or None
    return StepReading(
        step_id, status, outcome.points, outcome.wrong, outcome.cause, outcome.found, reason, max_points=limit
    )


_THOUGHT_ENDS = re.compile(r"</think(?:ing)?>|◁/think▷|\[/THINK\]|<\|channel\|>final<\|message\|>", re.IGNORECASE)
_THOUGHT_BEGINS = re.compile(r"<think(?:ing)?>|◁think▷|\[THINK\]", re.IGNORECASE)


def without_thinking(text: str, notes: list[str]) -> str:
    """The reply after its thinking. Some servers cut the opening tag off, so only the last closing one counts."""
    end = 0
    for closing in _THOUGHT_ENDS.finditer(text):
        end = closing.end()
    begins = _THOUGHT_BEGINS.search(text, end)
    answer = text[end : begins.start() if begins else len(text)]
    if not answer.strip() and text.strip():
        notes.append("the reply holds nothing but thinking")
    return answer


def _writable(text: str) -> str:
    """Text without halves of surrogate pairs, which no file could hold."""
    return text.encode("utf-8", "replace").decode()


@cache
def _texts(language: Language) -> Mapping[str, str]:
    path = files("siming.bench.clinical") / "texts" / f"{language}.yaml"
    texts: Mapping[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts
