"""Marks from the spreadsheets that exam offices have: read right, or refused with the cell and the mend.

Nothing is guessed silently. What was decided on the way (encoding, delimiter, shape, what was left out) stands
in the `notes` of the result; what could be read in two ways is refused and says which option settles it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from siming.errors import LabelError, SheetError, TaskError
from siming.rating.spreadsheet.found import Found
from siming.rating.spreadsheet.headings import StepNames
from siming.rating.spreadsheet.layout import layout_of
from siming.rating.spreadsheet.mark_rows import read_rows
from siming.rating.spreadsheet.mark_values import check_sums, settle_values
from siming.rating.spreadsheet.marks import TOTAL, Kind, Marks, listed
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.own_rows import physicians_first_rows
from siming.rating.spreadsheet.shape import Layout, Wishes
from siming.rating.spreadsheet.table_file import Table, read_table
from siming.rubric import N_LABELS, Rubric


def read_marks(
    path: Path | str,
    *,
    rubric: Rubric | Sequence[Rubric] | None = None,
    levels: Sequence[int] | None = None,
    kind: Kind = "points",
    rater: str | None = None,
    raters: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    max_points: float | Mapping[str, float] | None = None,
    fill_down: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
) -> Marks:
    """The marks in a CSV file or an XLSX worksheet, whatever its encoding, delimiter and shape.

    Shapes: long (attempt, rater, step, points), wide (a row per attempt and rater, a column per step, one or two
    rows of headings), blocks (``Wei_cpr01`` ... ``Okafor_cpr01``), steps down with raters across, and totals. Of the
    exam room's own table the first sheets of physicians are read, and nobody else's.

    Args:
        rubric: One rubric or several. Headings are then held against their steps, points against their maxima.
        levels: The legal labels, for ``kind="labels"``; 0 to 3 where a rubric is given, required otherwise,
            because labels nobody used still count.
        kind: What the cells hold.
        rater: Who filled the table, where no column and no heading says it.
        raters: The raters' names, where they stand in headings that could be read in two ways.
        columns: Headings siming does not know: ``{"attempt": "座位", "rater": ..., "step": ..., "points": ...,
            "site": ...}``.
        ignore: Headings of columns to leave out.
        max_points: Maxima that neither a rubric nor the table names: one for all steps, or by heading of the step.
        fill_down: An empty cell in the column of attempts means the attempt above, as merged cells look in CSV.
        encoding, delimiter: Taken as given instead of detected.
        sheet: The worksheet of a workbook that has several.

    Raises:
        SheetError: the file, its headings or its rows cannot be used as they are.
        LabelError: its marks cannot: text, points over the maximum, labels off the scale, sums that do not add up.
            Both list up to 20 problems at once, each with its cell, what was found, what was wanted and the mend.
        MissingExtraError: a workbook, and openpyxl is not installed.
    """
    if kind not in ("points", "labels"):
        raise TaskError(f"kind is {kind!r}; a spreadsheet holds 'points' or 'labels'")
    rubrics = [rubric] if isinstance(rubric, Rubric) else list(rubric or ())
    names = StepNames(rubrics) if rubrics else None
    legal = _levels(kind, levels, has_rubric=bool(rubrics))
    wishes = Wishes(names, kind, rater, tuple(raters), dict(columns or {}), tuple(ignore))
    table = physicians_first_rows(read_table(path, encoding=encoding, delimiter=delimiter, sheet=sheet))
    layout = layout_of(table, wishes)
    if kind == "labels" and any(mark.step == TOTAL for mark in layout.marks):
        raise SheetError(f"{table.name}: holds totals, and totals are no labels; read it with kind='points'")
    found = read_rows(table, layout, names=names, rater=rater, fill_down=fill_down)
    values, maxima = settle_values(table, layout, found, rubrics=rubrics, levels=legal, given=max_points)
    check_sums(table, layout, found, values, maxima)
    _stop_if_wrong(table, found)
    return _marks(kind, legal, table, layout, found, values, maxima, rubrics)


def _levels(kind: Kind, levels: Sequence[int] | None, *, has_rubric: bool) -> tuple[int, ...] | None:
    if kind == "points":
        if levels is not None:
            raise LabelError("levels belong to labels and the marks are read as points; give kind='labels' too")
        return None
    if levels is None and not has_rubric:
        raise LabelError(
            "labels need their scale, because a level nobody used still counts; give levels=[0, 1, 2, 3] or a rubric"
        )
    legal = tuple(range(N_LABELS)) if levels is None else tuple(levels)
    if len(set(legal)) != len(legal) or len(legal) < 2:
        raise LabelError(f"levels are {list(legal)}; give two or more different whole numbers")
    return legal


def _stop_if_wrong(table: Table, found: Found) -> None:
    if found.problems:
        ordered = sorted(found.problems, key=lambda each: (each.row, each.column))
        kind = LabelError if all(problem.about_mark for problem in ordered) else SheetError
        what = "problem" if len(ordered) == 1 else "problems"
        raise kind(listed(f"{table.name}: {len(ordered)} {what}", [problem.text for problem in ordered]))
    if not found.attempts:
        raise SheetError(
            f"{table.name}: no row below the headings holds a mark; {_first_note(found)}check the export, or the options"
        )


def _first_note(found: Found) -> str:
    return f"{found.notes[0]}; " if found.notes else ""


def _marks(
    kind: Kind,
    levels: tuple[int, ...] | None,
    table: Table,
    layout: Layout,
    found: Found,
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    maxima: Mapping[str, float],
    rubrics: Sequence[Rubric],
) -> Marks:
    notes = [*table.notes, *layout.notes, *found.notes]
    steps = dict.fromkeys(found.steps)
    if layout.shape.startswith(("blocks", "totals", "steps down")):
        notes.append(Note("raters", raters=", ".join(dict.fromkeys(found.raters))))
    for rubric in rubrics:
        lacking = [step.id for step in rubric.steps if step.id not in steps]
        if 0 < len(lacking) < len(rubric.steps):
            notes.append(Note("lacking", steps=", ".join(lacking), rubric=rubric.id))
    unknown = [step for step in steps if step not in maxima]
    if kind == "points" and unknown:
        notes.append(Note("no_maximum", n=len(unknown), all=len(steps), steps=", ".join(unknown[:5])))
    return Marks(
        kind=kind,
        attempt=np.array(found.attempts),
        rater=np.array(found.raters),
        step=np.array(found.steps),
        value=values,
        missing=np.array(found.why),
        max_points=dict(maxima) if kind == "points" else {},
        levels=levels,
        absent=tuple(found.absent),
        skills={
            **found.skills,
            **{mark.step: mark.group for mark in layout.marks if mark.step and mark.group and not mark.rater},
        },
        details=found.details,
        notes=tuple(notes),
    )
