"""The exam room's own long table: who of its authors is a physician on his own, and who is not.

The table holds the sheets of everybody side by side: physicians, the consensus made from them, models. Agreement stands on
physicians who rated independently, so the rows of all others are taken out before the table is read, and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from siming.errors import SheetError
from siming.rating.spreadsheet.headings import tight
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.table_file import Table

_PHYSICIAN = "physician"
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "attempt": ("attempt", "考试编号"),
    "rubric": ("rubric", "评分标准"),
    "author_kind": ("author kind", "评分者类别"),
    "author": ("rater", "评分者"),
    "step": ("step", "步骤"),
    "status": ("status", "状态"),
    "more": ("more", "其他"),
}
"""Headings by which the room's table is known, in its two languages."""


def physicians_first_rows(table: Table) -> Table:
    """The room's own table with the first, independent sheets of physicians only; any other table as it is.

    Its notes say what was left out: by author where he is no physician, by purpose where a sheet names another one (a
    repeat, an AI-assisted rating).

    Raises:
        SheetError: nothing is left.
    """
    columns = _columns(table.rows[0])
    if columns is None:
        return table
    kept = [0]
    others: Counter[tuple[str, str]] = Counter()
    marked: Counter[tuple[str, str]] = Counter()
    purpose, seen = "", set[str]()
    sheet: tuple[str, ...] = ()
    for at, cells in enumerate(table.rows[1:], start=1):
        row = {name: cells[column] for name, column in columns.items()}
        this = tuple(row[name] for name in ("attempt", "rubric", "author_kind", "author"))
        if this != sheet or row["step"] in seen:  # what a sheet says of itself stands in its first row
            sheet, seen, purpose = this, set(), _purpose(row["more"])
        seen.add(row["step"])
        if row["author_kind"] and row["author_kind"].casefold() != _PHYSICIAN:
            others[row["author_kind"], row["author"]] += 1
        elif purpose:
            marked[purpose, row["author"]] += 1
        else:
            kept.append(at)
    if len(kept) == len(table.rows):
        return table
    if len(kept) == 1:
        raise SheetError(
            f"{table.name}: holds sheets of {', '.join(sorted({kind for kind, _ in (others | marked)}))} only, and agreement "
            "stands on physicians who rated on their own; export their first sheets too"
        )
    told = [Note("own_other_kind", kind=kind, name=name, n=n) for (kind, name), n in sorted(others.items())]
    told += [Note("own_purpose", purpose=why, name=name, n=n) for (why, name), n in sorted(marked.items())]
    place_of = {old: new for new, old in enumerate(kept)}
    return replace(
        table,
        rows=tuple(table.rows[at] for at in kept),
        numbers=tuple(table.numbers[at] for at in kept),
        lengths=tuple(table.lengths[at] for at in kept) if table.lengths else (),
        merged=_moved(table, place_of),
        notes=(*table.notes, Note("own_table"), *told),
    )


def _columns(headings: Sequence[str]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for name, called in HEADINGS.items():
        known = {tight(each) for each in called}
        at = next((at for at, heading in enumerate(headings) if tight(heading) in known), None)
        if at is None:
            return None
        found[name] = at
    return found


def _purpose(cell: str) -> str:
    """Why a sheet was filled, where it was not the first independent one; empty where it was."""
    try:
        more = json.loads(cell) if cell else {}
        said: Any = more.get("sheet", {}).get("purpose")
    except (ValueError, AttributeError, RecursionError):
        return ""  # a cell that somebody changed by hand says nothing
    return said if isinstance(said, str) and said != "independent" else ""


def _moved(table: Table, place_of: Mapping[int, int]) -> dict[tuple[int, int], tuple[int, int]] | None:
    if table.merged is None:
        return None
    return {
        (place_of[row], column): (place_of[top], left)
        for (row, column), (top, left) in table.merged.items()
        if row in place_of and top in place_of
    }
