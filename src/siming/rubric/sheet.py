"""Sheets: one author's points for one attempt and rubric, every step named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from siming.errors import SheetError
from siming.rubric.record import Part, Record
from siming.rubric.rubric import Rubric

AuthorKind = Literal["physician", "model", "examiner", "consensus", "baseline"]
EntryStatus = Literal["judged", "cannot_judge", "not_applicable"]
Origin = Literal["agreed", "adjudicated", "single"]


class Author(Part):
    """Who filled a sheet."""

    kind: AuthorKind
    name: str


class Entry(Part):
    """What the author says about one step."""

    status: EntryStatus = "judged"
    points: float | None = Field(default=None, ge=0)
    """None exactly when the status is not ``judged``."""
    deductions: tuple[str, ...] = ()
    """Ids of the deductions taken."""
    void: bool = False
    """The step earns nothing because a state it needs was missing."""
    evidence: tuple[tuple[float, float], ...] = ()
    """Intervals [start_s, end_s] that show it."""
    note: str | None = None
    reason: str | None = None
    """Why the step cannot be judged."""
    reasons: Mapping[Literal["en", "zh"], tuple[str, ...]] | None = None
    """Sentences for the points lost, in both languages; the examiner writes them."""
    wrong: bool | None = None
    """The author's own verdict where points were not asked for (error detection)."""
    provenance: Origin | None = None
    """Of a consensus: whether the raters agreed, an adjudicator decided, or one rater stands alone."""
    rationale: str | None = None
    """The adjudicator's reason for an adjudicated step: a template's id, his own words, or ``id: words``."""

    @model_validator(mode="after")
    def _points_exactly_when_judged(self) -> Entry:
        if self.status == "judged" and self.points is None and self.wrong is None:
            raise ValueError("a judged step needs points (or a verdict `wrong`); or say cannot_judge with a reason")
        if self.status != "judged" and (self.points is not None or self.wrong is not None):
            raise ValueError(f"status {self.status!r} and points exclude each other; take one out")
        return self


class Sheet(Record):
    """One author's sheet. Totals and labels are derived from it, never stored."""

    SCHEMA: ClassVar[str] = "siming.sheet/1"

    attempt: str
    rubric: str
    rubric_version: str
    author: Author
    steps: Mapping[str, Entry]
    submitted_at: str | None = None
    """ISO 8601. Where every sheet has one, drift over a rater's own order can be measured."""
    global_rating: int | None = None
    """The rater's impression of the whole performance, given without adding up points: a whole number on the scale that
    ``global_rating_scale`` in `dataset.yaml` lists, else 1 (fail) to 5 (excellent)."""

    @property
    def is_repeat(self) -> bool:
        """Whether it says of itself (``"purpose": "repeat"``) that its author had judged the attempt before: it measures
        him against himself and is nobody's opinion besides."""
        return (self.model_extra or {}).get("purpose") == "repeat"

    @property
    def points(self) -> float | None:
        """Points over all judged steps; None when no step has points."""
        given = [entry.points for entry in self.steps.values() if entry.points is not None]
        return sum(given) if given else None

    def max_points(self, rubric: Rubric) -> float:
        """Points that could be reached on the steps that were judged."""
        return sum(
            rubric.get_step(step_id).max_points for step_id, entry in self.steps.items() if entry.points is not None
        )

    def total(self, rubric: Rubric) -> float | None:
        """Share of the reachable points in per cent, 0 to 100; steps that could not be judged are left out
        of numerator and denominator. None when no step has points."""
        points = self.points
        return None if points is None else 100 * points / self.max_points(rubric)


def check_sheet(sheet: Sheet, rubric: Rubric, *, where: str = "") -> None:
    """Hold a sheet against its rubric.

    Raises:
        SheetError: naming every step that is unknown, missing, over its maximum, or lists unknown deductions.
    """
    place = f"{where}: " if where else ""
    who = f"sheet of {sheet.author.kind} {sheet.author.name!r} for attempt {sheet.attempt}"
    if (sheet.rubric, sheet.rubric_version) != (rubric.id, rubric.version):
        raise SheetError(
            f"{place}{who} was filled for rubric {sheet.rubric} {sheet.rubric_version}, "
            f"not {rubric.id} {rubric.version}; give the rubric file of that version"
        )
    complaints = []
    for step_id, entry in sheet.steps.items():
        step = rubric.find_step(step_id)
        if step is None:
            complaints.append(
                f"step {step_id!r} is not in rubric {rubric.id} (it has {', '.join(s.id for s in rubric.steps)}); "
                "correct the id or take the step out"
            )
            continue
        if entry.points is not None and entry.points > step.max_points:
            complaints.append(
                f"step {step_id!r} has {entry.points:g} points, the rubric allows 0–{step.max_points:g}; "
                "correct the sheet or raise max_points"
            )
        complaints += [
            f"step {step_id!r} lists deduction {deduction_id!r}, the rubric has "
            f"{', '.join(d.id for d in step.deductions)}; correct the id"
            for deduction_id in entry.deductions
            if step.find_deduction(deduction_id) is None
        ]
    lacking = [step.id for step in rubric.steps if step.id not in sheet.steps]
    if lacking:
        complaints.append(f"steps {', '.join(lacking)} are not named; give each points, or cannot_judge with a reason")
    if complaints:
        raise SheetError(f"{place}{who}: " + "; ".join(complaints))
