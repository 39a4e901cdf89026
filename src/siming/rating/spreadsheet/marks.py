"""Marks: what several raters gave, one row per attempt, rater and step, with a reason wherever nothing was given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siming.errors import LabelError, SheetError
from siming.rating.cells import CANNOT_JUDGE, NOT_APPLICABLE
from siming.rating.spreadsheet.headings import StepNames
from siming.rating.spreadsheet.mark_cell import ABSENT, EMPTY
from siming.rubric import Author, Entry, Rubric, Sheet
from siming.rubric.sheet import AuthorKind, check_sheet

Kind = Literal["points", "labels"]
Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

TOTAL = "total"
"""The step of a table that holds only one number per attempt and rater."""

_MOST = 20
"""Complaints shown at once."""
_REASONS = {
    EMPTY: "the cell is empty in the spreadsheet",
    CANNOT_JUDGE: "the rater could not judge the step",
}


@dataclass(frozen=True)
class Beside:
    """Two raters' values side by side; hand the arrays to any statistic, `attempt` as its cluster."""

    first: Floats
    """NaN where the rater gave none."""
    second: Floats
    attempt: Texts
    step: Texts


@dataclass(frozen=True)
class Details:
    """What a table tells beside the marks, in the words of siming's records."""

    candidate: Mapping[str, str] = field(default_factory=dict)
    """By attempt."""
    site: Mapping[str, str] = field(default_factory=dict)
    """By attempt."""
    submitted_at: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """ISO 8601, by attempt and rater; of several rows of one sheet the latest."""
    global_rating: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By attempt and rater."""


@dataclass(frozen=True)
class Marks:
    """The marks of a spreadsheet, tidy: the arrays are of one length, one place in each per mark asked for."""

    kind: Kind
    attempt: Texts
    rater: Texts
    step: Texts
    """Ids of the rubric's steps where a rubric was given, headings else; all `TOTAL` in a table of totals."""
    value: Floats
    """Points, or labels; NaN where missing."""
    missing: Texts
    """Why there is no value (``empty``, ``absent``, ``cannot judge``, ``not applicable``); empty where there is one."""
    max_points: Mapping[str, float] = field(default_factory=dict)
    """Maximum of each step, where rubric or spreadsheet name it."""
    levels: tuple[int, ...] | None = None
    """The legal labels, for labels."""
    absent: tuple[str, ...] = ()
    """Attempts that did not take place."""
    skills: Mapping[str, str] = field(default_factory=dict)
    """Skill of each step, where a column or a merged heading names it."""
    details: Details = field(default_factory=Details)
    """What the table tells beside the marks: candidates, sites, times of rating, global ratings."""
    notes: tuple[str, ...] = ()
    """How the file was read: encoding, delimiter, shape, and every row and column left out with the reason."""

    @property
    def n(self) -> int:
        """Marks asked for, missing ones included."""
        return len(self.value)

    @cached_property
    def attempts(self) -> tuple[str, ...]:
        """Attempts in order of appearance."""
        return _in_order(self.attempt)

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """Raters in order of appearance."""
        return _in_order(self.rater)

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """Steps in order of appearance."""
        return _in_order(self.step)

    @property
    def are_totals(self) -> bool:
        """Whether there is one number per attempt and rater, and no steps."""
        return self.steps == (TOTAL,)

    @property
    def n_missing(self) -> dict[str, int]:
        """Missing marks by reason."""
        return dict(sorted(Counter(self.missing[self.missing != ""].tolist()).items()))

    def between(self, first: str, second: str) -> Beside:
        """Two raters' values on the attempts that both of them were asked about.

        A step that only one of them has stands there with NaN for the other, so that it is counted as missing.
        Attempts that did not take place are left out.

        Raises:
            LabelError: one name twice, a rater without marks, or two without an attempt in common.
        """
        if first == second:
            raise LabelError(f"rater {first!r} stands beside himself; name two raters")
        for name in (first, second):
            if name not in self.raters:
                raise LabelError(f"rater {name!r} gave no marks; there are {', '.join(map(repr, self.raters))}")
        there = self.missing != ABSENT
        cells: dict[tuple[str, str], list[float]] = {}
        asked: dict[str, set[int]] = {}
        for side, name in enumerate((first, second)):
            own = np.flatnonzero((self.rater == name) & there)
            for attempt, step, value in zip(
                self.attempt[own].tolist(), self.step[own].tolist(), self.value[own].tolist(), strict=True
            ):
                cells.setdefault((attempt, step), [np.nan, np.nan])[side] = value
                asked.setdefault(attempt, set()).add(side)
        common = {key: values for key, values in cells.items() if len(asked[key[0]]) == 2}
        if not common:
            raise LabelError(f"raters {first!r} and {second!r} have no attempt in common; nothing can be compared")
        values = np.array(list(common.values()))
        return Beside(
            first=values[:, 0],
            second=values[:, 1],
            attempt=np.array([attempt for attempt, _ in common]),
            step=np.array([step for _, step in common]),
        )

    def to_sheets(self, rubrics: Sequence[Rubric], *, authors: Mapping[str, AuthorKind] | None = None) -> list[Sheet]:
        """One sheet per attempt, rater and rubric, for everything else that siming does with sheets.

        An attempt that was absent, and a rubric of which a rater filled no cell, have no sheet. Any other
        missing step becomes one that could not be judged, or is not applicable; it is never zero.

        Args:
            rubrics: The rubrics whose steps the spreadsheet holds.
            authors: What kind of author a rater is, where not a physician: ``{"共识": "consensus"}``.

        Raises:
            LabelError: the marks are labels; a sheet holds points.
            SheetError: totals only, a step that no rubric has, or points that do not fit.
        """
        if self.kind != "points":
            raise LabelError("sheets hold points and these marks are labels; read the points with kind='points'")
        if self.are_totals:
            raise SheetError("sheets need points per step and this table holds totals only; export the steps too")
        names = StepNames(rubrics)
        ids = self._ids(names)
        complaints: list[str] = []
        sheets = []
        for attempt, rater, given in self._by_rater(ids):
            for rubric in rubrics:
                steps = {step.id: given.get(step.id) for step in rubric.steps}
                if all(entry is None or entry.reason == _REASONS[EMPTY] for entry in steps.values()):
                    continue
                sheet = Sheet(
                    attempt=attempt,
                    rubric=rubric.id,
                    rubric_version=rubric.version,
                    author=Author(kind=(authors or {}).get(rater, "physician"), name=rater),
                    steps={step_id: entry or _not_there() for step_id, entry in steps.items()},
                    submitted_at=self.details.submitted_at.get((attempt, rater)),
                    global_rating=self.details.global_rating.get((attempt, rater)),
                )
                try:
                    check_sheet(sheet, rubric)
                except SheetError as error:
                    complaints.append(str(error))
                sheets.append(sheet)
        if complaints:
            raise SheetError(listed("", complaints))
        return sheets

    def _ids(self, names: StepNames) -> dict[str, str]:
        ids: dict[str, str] = {}
        complaints = []
        for step in self.steps:
            found = step if step in names.steps else names.find(step)
            if found is None:
                complaints.append(
                    f"step {step!r} is in none of the rubrics {', '.join(r.id for r in names.rubrics)}"
                    f"{names.nearest(step)}; give the rubric it belongs to, or read the file again with ignore=[{step!r}]"
                )
            elif found in ids.values():
                complaints.append(f"step {step!r} is {found}, which another column is already; ignore one of them")
            else:
                ids[step] = found
        if complaints:
            raise SheetError(listed("", complaints))
        return ids

    def _by_rater(self, ids: Mapping[str, str]) -> Iterator[tuple[str, str, dict[str, Entry]]]:
        """Entries by attempt and rater, in order of appearance, without absent attempts."""
        found: dict[tuple[str, str], dict[str, Entry]] = {}
        arrays = (self.attempt, self.rater, self.step, self.value, self.missing)
        for attempt, rater, step, value, why in zip(*(array.tolist() for array in arrays), strict=True):
            if why != ABSENT:
                found.setdefault((attempt, rater), {})[ids[step]] = _entry(value, why)
        for (attempt, rater), entries in found.items():
            yield attempt, rater, entries


def listed(head: str, complaints: Sequence[str]) -> str:
    """Complaints one a line, the first twenty of them."""
    lines = [head] if head else []
    lines += [f"{'  ' if head else ''}{complaint}" for complaint in complaints[:_MOST]]
    if len(complaints) > _MOST:
        lines.append(f"{'  ' if head else ''}and {len(complaints) - _MOST} more")
    return "\n".join(lines)


@lru_cache(maxsize=4096)  # entries are frozen, and a spreadsheet holds few different ones
def _entry(value: float, why: str) -> Entry:
    if not why:
        return Entry(points=value)
    if why == NOT_APPLICABLE:
        return Entry(status="not_applicable")
    return Entry(status="cannot_judge", reason=_REASONS[why])


@cache
def _not_there() -> Entry:
    return Entry(status="cannot_judge", reason="the spreadsheet does not have the step")


def _in_order(texts: Texts) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts.tolist()))
