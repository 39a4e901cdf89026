"""What is judged: a rubric with its steps, states, events and rules.

The format is `siming.rubric/1`; `docs/reference/files.md` describes every key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from siming.errors import RubricError
from siming.rubric.record import Part, Record

Severity = Literal["minor", "major", "critical"]
Scope = Literal["once", "per_bout", "per_cycle", "per_breath"]
Effect = Literal["void", "cap", "deduct", "note"]
Language = Literal["en", "zh"]
Value = bool | int | float | str


class Criterion(Part):
    """One thing full marks need."""

    id: str
    text: str
    text_zh: str | None = None
    evidence: Literal["visible", "audible", "declared", "measured"]


class Deduction(Part):
    """One fault of a step and what it costs."""

    id: str
    points: float = Field(gt=0)
    severity: Severity
    when: str
    """The fault in words, for people and judges."""
    when_zh: str | None = None
    group: str | None = None
    """Of deductions with one group only the largest that applies counts."""
    test: str | None = None
    """The fault as an expression on measured quantities (see `condition.py`); None leaves it to a judge."""


class Measure(Part):
    """A quantity that is measured for a step."""

    quantity: str
    unit: str
    target: Mapping[str, float | str] = Field(default_factory=dict)
    """``min`` and ``max``; a text names a param."""
    tolerance: float = Field(default=0, ge=0)
    """Error of measurement: a value outside the target by no more than this counts as on its border."""
    per: str | None = None
    source: tuple[str, ...] = ()
    made_from: str | tuple[str, str] | None = Field(default=None, alias="from")
    """How to derive it from events: a name, or two moments whose distance it is (see `quantity.py`)."""
    applies_when: str | None = None


class OnMissing(Part):
    """What a missing state does to the step."""

    effect: Effect
    points: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _points_where_needed(self) -> OnMissing:
        if self.effect in ("cap", "deduct") and self.points is None:
            raise ValueError(f"effect {self.effect!r} needs points")
        return self


class Requirement(Part):
    """A state that a step needs."""

    state: str
    on_missing: OnMissing
    at_least: int | str | None = None
    """For counters: the count needed; a text names a param."""
    hold: Literal["during_step"] | None = None
    at: str | None = None
    """In place of the step's start: ``event:ID`` looks just before that event inside the step, ``end`` at its end."""
    applies_when: str | None = None


class StateChange(Part):
    """A state that a step sets up or destroys when it ends."""

    state: str
    when: str = "always"
    when_zh: str | None = None
    increment: int | None = None


class Step(Part):
    """One line of a rubric."""

    id: str
    """Short and stable, such as ``cpr07``; files, URLs and reports carry it."""
    order: int
    title: str
    title_zh: str
    max_points: float = Field(gt=0)
    """Points a faultless performance earns."""
    scope: Scope = "once"
    applies_when: str | None = None
    dimensions: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    judged_by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    requires: tuple[Requirement, ...] = ()
    establishes: tuple[StateChange, ...] = ()
    invalidates: tuple[StateChange, ...] = ()
    assessable_from_video: str = "yes"

    def find_deduction(self, deduction_id: str) -> Deduction | None:
        """The deduction of that id, or None."""
        return next((d for d in self.deductions if d.id == deduction_id), None)

    def title_in(self, language: Language) -> str:
        """The title in the reader's language."""
        return self.title_zh if language == "zh" else self.title


class State(Part):
    """A procedural state: false until something establishes it, unless `initial`."""

    id: str
    kind: str
    title_zh: str
    text: str
    initial: bool = False
    hold: Literal["while_true"] | None = None
    hold_for_s: float | str | None = None
    """Seconds after which it ends by itself; a text names a param."""
    counter: bool = False
    derived_from: tuple[str, ...] = ()


class EventKind(Part):
    """An interaction that changes states whatever step it falls in."""

    id: str
    title: str
    title_zh: str
    sets: tuple[str, ...] = ()
    clears: tuple[str, ...] = ()
    made_by: str | None = None
    """What makes this event by itself unless somebody noted it: ``first_bout``, ``next_bout`` (each bout but the
    first), ``bout_end``, ``first:STEP``, ``next:STEP``, ``start:STEP`` or ``end:STEP``; alternatives behind ``|``."""


class Charge(Part):
    """Who pays for a broken rule, and how much."""

    step: str
    points: float | None = Field(default=None, ge=0)
    severity: Severity = "minor"


class Band(Part):
    """Beyond `over_s` (seconds, or the name of a param) the rule costs `points`."""

    over_s: float | str
    points: float = Field(ge=0)
    severity: Severity = "minor"


class Rule(Part):
    """A rule across steps."""

    id: str
    kind: Literal["order", "delay", "interval", "hold", "exclusive", "rate", "report"]
    title: str
    title_zh: str
    charge: Charge | None = None
    first: str | None = None
    then: str | None = None
    start: str | None = Field(default=None, alias="from")
    to: str | None = None
    full_max_s: float | str | None = None
    bands: tuple[Band, ...] = ()
    what: str | None = None
    max_s: float | str | None = None
    max_per_min: float | str | None = None
    state: str | None = None
    during: str | None = None
    broken_by: tuple[str, ...] = ()
    """For `hold`: fires only when the state was lost through one of these events."""
    while_: str | None = Field(default=None, alias="while")
    forbids: str | None = None
    same_as: tuple[str, ...] = ()
    """Deductions (``aed02.d2``) that describe the same fault: it is charged once, at the largest price."""
    applies_when: str | None = None

    @field_validator("same_as", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def title_in(self, language: Language) -> str:
        """The title in the reader's language."""
        return self.title_zh if language == "zh" else self.title


class MinorBand(Part):
    """Deductions that still count as minor."""

    label: int = 2
    max_ratio: str
    floor_points: float = 0


class DeficientBand(Part):
    """Deductions that leave partial credit."""

    label: int = 1
    below_ratio: str


class OrdinalMap(Part):
    """From points lost to an ordinal label 0 to 3, as data (thresholds are exact fractions)."""

    name: str = "rubric"
    method: Literal["deduction_ratio"] = "deduction_ratio"
    full_label: int = 3
    minor: MinorBand
    deficient: DeficientBand
    failed_label: int = 0
    status: str = "assumption"

    @model_validator(mode="after")
    def _ratios_are_fractions(self) -> OrdinalMap:
        for text in (self.minor.max_ratio, self.deficient.below_ratio):
            try:
                ratio = Fraction(text)
            except (ValueError, ZeroDivisionError) as error:
                raise ValueError(f"{text!r} is not an exact fraction such as '1/3'") from error
            if not 0 <= ratio <= 1:
                raise ValueError(f"ratio {text} lies outside 0 to 1")
        return self


class BinaryMap(Part):
    """The label from which a step counts as done correctly. Positive is always *wrong*."""

    correct_when_label_at_least: int = 2
    status: str = "assumption"


class Rubric(Record):
    """A whole rubric. Build it with `load_rubric` or `builtin_rubric`."""

    SCHEMA: ClassVar[str] = "siming.rubric/1"

    id: str
    version: str
    status: Literal["draft", "reviewed", "official"] = "draft"
    title: str
    title_zh: str
    skill: str
    language: tuple[Language, ...] = ("en", "zh")
    context: Mapping[str, Any] = Field(default_factory=dict)
    params: Mapping[str, Value] = Field(default_factory=dict)
    ordinal_map: OrdinalMap
    binary_map: BinaryMap = BinaryMap()
    states: tuple[State, ...] = ()
    events: tuple[EventKind, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    rules: tuple[Rule, ...] = ()

    @field_validator("context", mode="before")
    @classmethod
    def _no_context_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @property
    def total_points(self) -> float:
        """Points of a faultless performance."""
        return sum(step.max_points for step in self.steps)

    @cached_property
    def _steps_by_id(self) -> Mapping[str, Step]:
        return {step.id: step for step in self.steps}

    @cached_property
    def states_by_id(self) -> Mapping[str, State]:
        """States by their id."""
        return {state.id: state for state in self.states}

    @cached_property
    def events_by_id(self) -> Mapping[str, EventKind]:
        """Kinds of event by their id."""
        return {event.id: event for event in self.events}

    def find_step(self, step_id: str) -> Step | None:
        """The step of that id, or None."""
        return self._steps_by_id.get(step_id)

    def get_step(self, step_id: str) -> Step:
        """The step of that id.

        Raises:
            RubricError: the rubric has no such step.
        """
        step = self.find_step(step_id)
        if step is None:
            raise RubricError(
                f"rubric {self.id} {self.version} has no step {step_id!r}; it has {', '.join(self._steps_by_id)}"
            )
        return step

    def title_in(self, language: Language) -> str:
        """The title in the reader's language."""
        return self.title_zh if language == "zh" else self.title

    def with_params(self, **overrides: Value) -> Rubric:
        """The same rubric with some params changed for one exam.

        Raises:
            RubricError: a param the rubric does not have.
        """
        unknown = sorted(set(overrides) - set(self.params))
        if unknown:
            raise RubricError(
                f"rubric {self.id} has no param {unknown[0]!r}; it has {', '.join(self.params) or 'none'}"
            )
        for name, value in overrides.items():
            wanted = _unlike(self.params[name], value)
            if wanted is not None:
                raise RubricError(
                    f"param {name!r} of rubric {self.id} is {self.params[name]!r}, it cannot become {value!r}; give {wanted}"
                )
        return self.model_copy(update={"params": {**self.params, **overrides}})


def _unlike(declared: Value, value: Value) -> str | None:
    """What to give in place of a value that is of another kind than the declared one; None where it fits."""
    if isinstance(declared, bool) or isinstance(value, bool):
        return None if isinstance(declared, bool) and isinstance(value, bool) else "true or false where it is one now"
    if isinstance(declared, str) or isinstance(value, str):
        return (
            None if isinstance(declared, str) and isinstance(value, str) else "a word for a word, a number for a number"
        )
    return None if 0 <= value < float("inf") else "a finite number of 0 or more"


def repeated(ids: Iterable[str]) -> list[str]:
    """Ids that occur more than once, in order of first appearance."""
    return [name for name, times in Counter(ids).items() if times > 1]
