"""What the examiner says about an attempt: per step, and how it becomes a sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from siming.rubric.loss import Loss, Question, reason, texts
from siming.rubric.quantity import Quantity
from siming.rubric.rubric import Language, Rubric
from siming.rubric.sheet import Author, Entry, Sheet
from siming.rubric.state import Change

StepStatus = Literal["judged", "not_done", "not_applicable", "not_assessable", "unseen"]


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
    """For ``not_assessable``: what the event's note says."""


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

    def why_no_points(self, step_id: str, language: Language) -> str | None:
        """Why a step has no points; None where it has."""
        result = self.steps[step_id]
        if result.points is not None:
            return None
        return result.why or str(texts(language)[result.status])

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
            return Entry(status=status, reason=self.why_no_points(result.step, "en"))
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
                    "why": self.why_no_points(r.step, "en"),
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
