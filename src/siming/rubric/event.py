"""Events: timed interactions seen by a simulator, a physician, an instrument or a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from siming.rubric.record import Record

EventSource = Literal["simulator", "physician", "instrument", "model"]


class Event(Record):
    """One timed interaction. Times are seconds from the first shown frame.

    `action` is one of

    * the id of a step: the step was performed in [start_s, end_s] (one event per recurrence);
    * the id of a rubric's event, such as ``ev_touch_patient``: an instant;
    * a signal that any rubric may use: ``compression`` (one stroke) or ``breath`` (one breath, with its length).

    An event of a step may also answer what no clock can measure:

    * `faults`: the deductions seen in this recurrence. A list is complete: deductions in words that it does
      not name were looked for and not seen. None (the default) says nobody looked; they stay open.
    * `answers`: yes or no to single conditions in words, keyed by deduction id or by the state that the
      condition sets up or destroys (``{"breath_delivered": true}``).
    """

    SCHEMA: ClassVar[str] = "siming.event/1"

    attempt: str
    id: str
    action: str
    start_s: float = Field(ge=0)
    end_s: float
    rubric: str | None = None
    """Needed only where two rubrics of an attempt share an action id."""
    faults: tuple[str, ...] | None = None
    answers: Mapping[str, bool] = Field(default_factory=dict)
    measured: Mapping[str, float] = Field(default_factory=dict)
    """Quantities by name, in the unit the rubric gives them."""
    status: Literal["done", "not_assessable"] = "done"
    """``not_assessable``: the step cannot be judged here (camera blocked, no sound); `note` says why."""
    source: EventSource
    by: str | None = None
    """Who exactly: a rater's name, an instrument, a model."""
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _an_instant_needs_no_end(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("end_s") is None and "start_s" in value:
            return {**value, "end_s": value["start_s"]}
        return value

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Event:
        if self.end_s < self.start_s:
            raise ValueError(f"end_s {self.end_s} lies before start_s {self.start_s}; swap or correct them")
        return self

    @property
    def duration_s(self) -> float:
        """Length in seconds; 0 for an instant."""
        return self.end_s - self.start_s
