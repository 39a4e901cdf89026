"""Attempts, raters and assignments from files, and assignments into one."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from siming.errors import SheetError, TaskError
from siming.rating.heading_table import HeadingTable, read_heading_table
from siming.rating.plan.assignment import Assignment
from siming.rating.plan.roster import PlanAttempt, PlanRater
from siming.rubric.attempt import Attempt
from siming.rubric.dataset import load_dataset

_ATTEMPT = {
    "attempt": ("id", "video", "考试", "录像", "编号"),
    "minutes": ("分钟", "时长"),
    "rubrics": ("rubric", "评分表"),
    "site": ("考点", "单位"),
    "candidate": ("考生",),
}
_RATER = {
    "rater": ("id", "name", "评分者", "考官"),
    "site": ("考点", "单位"),
    "max_minutes": ("minutes", "最多分钟"),
    "conflicts": ("回避", "利益冲突"),
    "same_site_allowed": ("可评本单位",),
}
_ASSIGNMENT = ("rater", "order", "attempt", "rubric", "slot", "purpose", "not_before_days", "reassigned", "begun")
_YES, _NO = {"yes", "true", "1", "y", "是"}, {"no", "false", "0", "n", "否", ""}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read_attempts(path: Path | str) -> tuple[PlanAttempt, ...]:
    """Attempts of a dataset folder, or of a CSV or XLSX table: attempt, minutes, rubrics, and site and candidate if known.

    Several rubrics stand in one cell with semicolons between them.

    Raises:
        SheetError, DatasetError: the file or folder is not as wanted; with its mend.
        TaskError: a video whose length is not known.
    """
    path = Path(path)
    if path.is_dir():
        return tuple(
            PlanAttempt(
                attempt.id,
                _length(attempt.id, _seconds(attempt)) / 60,
                tuple(ref.id for ref in attempt.rubrics),
                attempt.site,
                attempt.candidate,
            )
            for attempt in load_dataset(path).attempts
        )
    table = read_heading_table(path, _ATTEMPT)
    table.need(("attempt", "minutes", "rubrics"), what="a list of attempts")
    columns = {name: _texts(table, name) for name in _ATTEMPT}
    minutes = table.numbers("minutes")
    return tuple(
        PlanAttempt(
            name,
            _length(name, None if math.isnan(minutes[row]) else minutes[row]),
            _listed(columns["rubrics"][row]),
            columns["site"][row] or None,
            columns["candidate"][row] or None,
        )
        for row, name in enumerate(columns["attempt"])
    )


def read_raters(path: Path | str) -> tuple[PlanRater, ...]:
    """Raters of a CSV or XLSX table: rater, and if wanted site, max_minutes, conflicts, same_site_allowed.

    Conflicts are attempts or candidates, with semicolons between them.

    Raises:
        SheetError: the file is not as wanted; with its mend.
    """
    table = read_heading_table(path, _RATER)
    table.need(("rater",), what="a list of raters")
    columns = {name: _texts(table, name) for name in _RATER}
    limits = table.numbers("max_minutes") if "max_minutes" in table else [math.nan] * table.n
    return tuple(
        PlanRater(
            name,
            columns["site"][row] or None,
            None if math.isnan(limits[row]) else limits[row],
            frozenset(_listed(columns["conflicts"][row])),
            _yes(table, "same_site_allowed", row, columns["same_site_allowed"][row]),
        )
        for row, name in enumerate(columns["rater"])
    )


def write_assignments(
    path: Path | str, assignments: Iterable[Assignment], *, begun: Iterable[tuple[str, str]] = ()
) -> None:
    """Assignments as CSV, one per line, which `read_assignments` reads; the same assignments give the same bytes.

    A cell that a spreadsheet program would take for a formula begins with an apostrophe.
    """
    started = set(begun)
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_ASSIGNMENT)
        for a in assignments:
            row = (a.rater, a.order, a.attempt, a.rubric, a.slot, a.purpose, a.not_before_days)
            flags = ("yes" if flag else "" for flag in (a.reassigned, (a.attempt, a.rater) in started))
            writer.writerow([_unformula(str(cell)) for cell in (*row, *flags)])
    part.replace(target)


def read_assignments(path: Path | str) -> tuple[tuple[Assignment, ...], frozenset[tuple[str, str]]]:
    """Assignments of a CSV or XLSX table as `write_assignments` writes it, and (attempt, rater) of those begun.

    Raises:
        SheetError: the file is not as wanted; with its mend.
    """
    table = read_heading_table(path)
    table.need(_ASSIGNMENT[:7], what="a list of assignments")
    columns = {name: _texts(table, name) for name in _ASSIGNMENT}
    numbers = {name: table.numbers(name) for name in ("order", "slot", "not_before_days")}
    out, begun = [], set()
    for row in range(table.n):
        purpose = columns["purpose"][row]
        whole = {name: values[row] for name, values in numbers.items()}
        for name, value in whole.items():
            if not (value >= 0 and value == int(value)):
                raise SheetError(
                    f"{_place(table, name, row)}: found {columns[name][row]!r}, wanted a whole number; correct the cell"
                )
        if purpose not in ("score", "link", "repeat"):
            raise SheetError(
                f"{_place(table, 'purpose', row)}: found {purpose!r}, wanted score, link or repeat; correct the cell"
            )
        out.append(
            Assignment(
                columns["attempt"][row],
                columns["rubric"][row],
                columns["rater"][row],
                int(whole["slot"]),
                int(whole["order"]),
                purpose,  # type: ignore[arg-type]
                int(whole["not_before_days"]),
                _yes(table, "reassigned", row, columns["reassigned"][row]),
            )
        )
        if _yes(table, "begun", row, columns["begun"][row]):
            begun.add((columns["attempt"][row], columns["rater"][row]))
    return tuple(out), frozenset(begun)


def _seconds(attempt: Attempt) -> float | None:
    """Length of the video; where it is not known, until when the steps last."""
    if attempt.video is not None and attempt.video.duration_s is not None:
        return attempt.video.duration_s
    return max((end_s for stretches in attempt.segments.values() for _, end_s in stretches), default=None)


def _length(attempt: str, length: float | None) -> float:
    if length is None:
        raise TaskError(f"attempt {attempt!r} does not say how long its video is; fill in minutes (or duration_s)")
    return length


def _texts(table: HeadingTable, name: str) -> list[str]:
    found = table.texts(name) if name in table else [""] * table.n
    return [text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text for text in found]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("；", ";").split(";") if part.strip())


def _yes(table: HeadingTable, name: str, row: int, text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise SheetError(f"{_place(table, name, row)}: found {text!r}, wanted yes or no; correct the cell")
    return text.lower() in _YES


def _place(table: HeadingTable, name: str, row: int) -> str:
    return f"{table.table.name} {table.table.place(row + 1, table.columns[name], name)}"


def _unformula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
