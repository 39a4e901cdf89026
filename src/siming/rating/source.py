"""The one door for ratings: a dataset folder or a spreadsheet, either way a `Dataset`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from siming.errors import DatasetError, SheetError
from siming.rating.spreadsheet import Marks, read_marks
from siming.rating.spreadsheet.marks import listed
from siming.rating.spreadsheet.note import Note
from siming.rubric import (
    N_LABELS,
    Attempt,
    Dataset,
    DatasetInfo,
    Rubric,
    RubricRef,
    Sheet,
    Step,
    load_dataset,
)
from siming.rubric.rubric import DeficientBand, MinorBand, OrdinalMap

SPREADSHEETS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")

POINTS_MAP = OrdinalMap(
    name="spreadsheet-points", minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="3/4")
)
"""Labels of points where no rubric says how: to a third of the points lost is minor, from three quarters on failed."""

LABELS_MAP = OrdinalMap(
    name="spreadsheet-labels", minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="1")
)
"""Labels 0 to 3 written as points of 3: each point lost is one label."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What the id of an attempt may be; people's names often are not."""

_NO_SKILL = "spreadsheet"
"""Rubric and skill of headings that name no skill."""


@dataclass(frozen=True)
class Source:
    """Ratings, and how they were read."""

    path: Path
    dataset: Dataset
    notes: tuple[str, ...] = ()
    """What the reader of a spreadsheet decided; empty for a dataset folder."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        return self.path.name or str(self.path)


def load_ratings(path: Path | str, *, rubrics: Sequence[Rubric] = (), **spreadsheet: Any) -> Source:
    """Ratings of a dataset folder, or of a CSV or XLSX file as exam offices keep them.

    A spreadsheet becomes a dataset in memory: an attempt for each one it names, with its site and candidate, and a
    sheet for each rater. Without a rubric its headings are the steps, and each needs a maximum.

    Args:
        rubrics: What the spreadsheet's steps are held against; a dataset folder brings its own.
        spreadsheet: Options of `read_marks`, such as ``kind``, ``max_points`` or ``encoding``.

    Raises:
        DatasetError: the folder cannot be used, or the options do not belong to it.
        SheetError, LabelError: the spreadsheet cannot be used as it is, with the cell and the mend.
    """
    path = Path(path)
    if path.is_dir():
        given = [name for name, value in {"rubrics": rubrics, **spreadsheet}.items() if value]
        if given:
            raise DatasetError(f"{path}: is a dataset folder, and {given[0]} is for spreadsheets; leave it out")
        return Source(path, load_dataset(path))
    if not path.exists() and path.suffix.casefold() not in SPREADSHEETS:
        raise DatasetError(f"{path}: there is no such folder or file; give a dataset folder, or a CSV or XLSX file")
    marks = read_marks(path, rubric=list(rubrics) or None, **spreadsheet)
    return dataset_of_marks(marks, path, rubrics=rubrics)


def dataset_of_marks(marks: Marks, path: Path, *, rubrics: Sequence[Rubric] = ()) -> Source:
    """The marks of a spreadsheet as a dataset in memory.

    Raises:
        SheetError: totals only, steps without a maximum, or labels of another scale than siming's.
    """
    if marks.are_totals:
        raise SheetError(
            f"{path.name}: holds totals only, and agreement is looked at step by step; export the steps too, or compare "
            f"the totals alone with `siming stats one icc_agreement --table {path}`"
        )
    notes = list(marks.notes)
    if marks.kind == "labels":
        marks, rubrics = _labels_as_points(marks, path, rubrics)
        notes.append(Note("labels_as_points"))
    elif not rubrics:
        rubrics = _rubrics_of_headings(marks, path)
        notes.append(Note("no_rubric"))
    ids = _attempt_ids(marks.attempts)
    renamed = [name for name, attempt_id in ids.items() if name != attempt_id]
    if renamed:
        notes.append(Note("numbered_attempts", name=renamed[0], id=ids[renamed[0]], n=len(renamed)))
    sheets = [
        sheet if ids[sheet.attempt] == sheet.attempt else sheet.model_copy(update={"attempt": ids[sheet.attempt]})
        for sheet in marks.to_sheets(rubrics)
    ]
    info = DatasetInfo(
        name=path.stem,
        version="1",
        licence="not stated",
        rubrics=tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics),
        provenance=f"read from {path.name}",
    )
    attempts = _attempts(marks, ids, sheets, rubrics)
    return Source(path, Dataset(path, info, {rubric.id: rubric for rubric in rubrics}, attempts, sheets), tuple(notes))


def _attempts(
    marks: Marks, ids: Mapping[str, str], sheets: Sequence[Sheet], rubrics: Sequence[Rubric]
) -> list[Attempt]:
    """The attempts that have a sheet, each with the rubrics that somebody filled for it."""
    filled: dict[str, set[str]] = {}
    for sheet in sheets:
        filled.setdefault(sheet.attempt, set()).add(sheet.rubric)
    refs = {rubric.id: RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics}
    return [
        Attempt(
            id=ids[name],
            rubrics=tuple(ref for rubric_id, ref in refs.items() if rubric_id in filled[ids[name]]),
            candidate=marks.details.candidate.get(name, name if ids[name] != name else None),
            site=marks.details.site.get(name),
        )
        for name in marks.attempts
        if ids[name] in filled
    ]


def _attempt_ids(names: Sequence[str]) -> dict[str, str]:
    """An id for each name: the name itself where it can be one."""
    taken = {name for name in names if _ID.fullmatch(name)}
    out: dict[str, str] = {}
    number = 0
    for name in names:
        if name in taken:
            out[name] = name
            continue
        number += 1
        while f"attempt-{number:03d}" in taken:
            number += 1
        out[name] = f"attempt-{number:03d}"
    return out


def _rubrics_of_headings(marks: Marks, path: Path) -> list[Rubric]:
    """A plain rubric for each skill that the headings name, in order of appearance."""
    unknown = [step for step in marks.steps if step not in marks.max_points]
    if unknown:
        complaints = [f"step {step!r}" for step in unknown]
        head = (
            f"{path.name}: no maximum is known for {len(unknown)} of {len(marks.steps)} steps, and points without one "
            f"say nothing; write it into the heading, such as '{unknown[0]} (max 10)', into a row or column of maxima, "
            f"give max_points (--max '{unknown[0]}=10', or --max 10 for all), or the rubric"
        )
        raise SheetError(listed(head, complaints))
    return _plain_rubrics(marks, marks.max_points, POINTS_MAP)


def _plain_rubrics(marks: Marks, maxima: Mapping[str, float], mapping: OrdinalMap) -> list[Rubric]:
    by_skill: dict[str, list[str]] = {}
    for step in marks.steps:
        by_skill.setdefault(marks.skills.get(step, _NO_SKILL), []).append(step)
    return [
        Rubric(
            id=skill,
            version="1",
            title=skill,
            title_zh=skill,
            skill=skill,
            ordinal_map=mapping,
            steps=tuple(
                Step(id=step, order=order, title=step, title_zh=step, max_points=maxima[step])
                for order, step in enumerate(steps, start=1)
            ),
        )
        for skill, steps in by_skill.items()
    ]


def _labels_as_points(marks: Marks, path: Path, rubrics: Sequence[Rubric]) -> tuple[Marks, list[Rubric]]:
    """Labels as points of a rubric in which each point is a label."""
    highest = float(N_LABELS - 1)
    if marks.levels is None or sorted(marks.levels) != list(range(N_LABELS)):
        raise SheetError(
            f"{path.name}: the labels are {', '.join(map(str, marks.levels or ()))}, and a report of agreement has 0, 1, 2 "
            "and 3 (failed, deficient, minor, correct); recode them, or compare two columns of any labels with "
            "`siming stats one qwk --levels ...`"
        )
    maxima = dict.fromkeys(marks.steps, highest)
    if rubrics:
        found = [
            rubric.model_copy(
                update={
                    "ordinal_map": LABELS_MAP,
                    "steps": tuple(
                        step.model_copy(update={"max_points": highest, "deductions": ()}) for step in rubric.steps
                    ),
                }
            )
            for rubric in rubrics
        ]
    else:
        found = _plain_rubrics(marks, maxima, LABELS_MAP)
    return replace(marks, kind="points", levels=None, max_points=maxima), found
