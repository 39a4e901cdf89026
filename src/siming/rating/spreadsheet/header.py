"""Where the headings of a table stand: in one row or in two, below a title or at the top."""

from __future__ import annotations

from dataclasses import dataclass

from siming.rating.spreadsheet.headings import role_of, tight
from siming.rating.spreadsheet.mark_cell import read_cell
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.refusal import UnreadError
from siming.rating.spreadsheet.table_file import Table

_DEEPEST = 30
"""Rows searched for headings."""


@dataclass(frozen=True)
class Header:
    """The headings, one per column, and what stands merged above them."""

    headings: tuple[str, ...]
    groups: tuple[str, ...]
    """The upper heading of two; empty where there is none."""
    rows: tuple[int, ...]
    """Indices of the rows that hold them."""
    notes: tuple[str, ...] = ()

    @property
    def first_row(self) -> int:
        """Index of the first row below the headings."""
        return self.rows[-1] + 1

    def label(self, column: int) -> str:
        """How a message calls the column."""
        group, heading = self.groups[column], self.headings[column]
        return f"{group}/{heading}" if group else heading


def find_header(table: Table, attempt: str | None = None) -> Header:
    """The headings of a table: the first row that names attempts, with the row above or below it where there are two.

    Args:
        attempt: The heading of the column of attempts, where it is none that siming knows.

    Raises:
        SheetError: no row names attempts.
    """
    for row in range(min(_DEEPEST, len(table.rows))):
        column = _attempt_column(table, row, attempt)
        if column is not None:
            return _header_at(table, row, column)
    first = ", ".join(repr(cell) for cell in table.rows[0] if cell)
    raise UnreadError(
        f"{table.name}: no heading names the attempts ({attempt or '考生, 学号, attempt, candidate ...'}); "
        f"{table.line(0)} holds {first[:300]}; give columns={{'attempt': HEADING}}, or put a row of headings on top",
        "no_headings",
        name=table.name,
        found=first[:100],
    )


def _attempt_column(table: Table, row: int, attempt: str | None) -> int | None:
    cells = table.rows[row]
    if sum(1 for cell in cells if cell) < 2:
        return None  # a title
    for column, cell in enumerate(cells):
        if cell and (tight(cell) == tight(attempt) if attempt is not None else role_of(cell) == "attempt"):
            return column
    return None


def _header_at(table: Table, row: int, attempt: int) -> Header:
    if _is_continued(table, row, attempt):
        rows, upper, lower = (row, row + 1), row, row + 1
    elif _has_groups_above(table, row, attempt):
        rows, upper, lower = (row - 1, row), row - 1, row
    else:
        notes = tuple(_left_out(table, above) for above in range(row))
        return Header(table.rows[row], ("",) * table.width, (row,), notes)
    headings, groups = [], []
    spread = _spread(table, upper, lower)
    for column in range(table.width):
        below = table.rows[lower][column]
        if below:
            headings.append(below)
            groups.append(spread[column] if spread[column] != below else "")
        else:  # one heading over both rows
            headings.append(table.filled(upper, column))
            groups.append("")
    notes = (
        *(_left_out(table, above) for above in range(rows[0])),
        Note("two_rows", upper=table.line(upper), lower=table.line(lower)),
    )
    return Header(tuple(headings), tuple(groups), rows, notes)


def _is_continued(table: Table, row: int, attempt: int) -> bool:
    """Whether the row below holds headings too: it names no attempt, or calls it by another word
    (姓名 below 考生), and has words where this row is blank."""
    if row + 1 >= len(table.rows):
        return False
    below = table.rows[row + 1]
    merged_down = table.anchor(row + 1, attempt) == table.anchor(row, attempt)
    if below[attempt] and not merged_down and role_of(below[attempt]) != "attempt":
        return False
    under_blank = [column for column, cell in enumerate(below) if cell and not table.rows[row][column]]
    words = sum(1 for column in under_blank if read_cell(below[column]).problem)
    # Steps may be called 1, 2, 3; a row of marks without its attempt looks the same, but follows full headings.
    return bool(under_blank) and (words > 0 or table.is_workbook)


def _has_groups_above(table: Table, row: int, attempt: int) -> bool:
    """Whether the row above holds merged headings and not a title."""
    if row == 0 or table.filled(row - 1, attempt):
        return False
    above = table.rows[row - 1]
    return any(
        cell and role_of(table.rows[row][column]) is None for column, cell in enumerate(above) if column > attempt
    )


def _spread(table: Table, upper: int, lower: int) -> list[str]:
    """The upper headings over all their columns: as merged, or filled forward where nothing is merged."""
    width = range(table.width)
    is_merged = any(table.anchor(upper, column)[1] != column for column in width)
    if is_merged:
        return [table.filled(upper, column) for column in width]
    out: list[str] = []
    current = ""
    for column in width:
        cell = table.rows[upper][column]
        if cell:
            current = cell if table.rows[lower][column] else ""
        out.append(current)
    return out


def _left_out(table: Table, row: int) -> str:
    text = " ".join(cell for cell in table.rows[row] if cell)
    return Note("left_out_row", row=table.line(row), why=Note("above"), text=text[:60])
