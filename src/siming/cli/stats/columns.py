"""Columns of numbers and tables as people have them: one value per line, or a column of a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from siming.errors import LabelError

if TYPE_CHECKING:
    pass

ID_HEADINGS = {
    *("", "video", "attempt", "candidate", "id", "no", "name", "person", "judge", "rater", "subject", "target"),
    *("录像", "视频", "考生", "编号", "学号", "考号", "姓名", "序号", "评委", "评分者"),
}
"""Headings of a first column that names rows and holds no scores."""


@dataclass(frozen=True)
class Column:
    """Cells as text, and where each stands in its file."""

    file: str
    cells: tuple[str, ...]
    lines: tuple[int, ...]
    heading: str | None = None
    blank_tail: int = 0
    """Empty lines at its end: missing values where another column is longer, else nothing."""

    def place(self, at: int) -> str:
        """A cell in the file's own coordinates."""
        column = f" column {self.heading}" if self.heading else ""
        return f"{self.file} line {self.lines[at]}{column}"


def read_column(
    spec: str, *, is_value: Callable[[str], bool], encoding: str | None = None, signs: str = ",;\t"
) -> Column:
    """A column: ``FILE`` of one column, or ``FILE:COLUMN`` by heading or number.

    A first line that is no value is its heading. Empty lines are missing values; those at the end are set aside.

    Args:
        spec: As typed.
        is_value: Whether a cell can be a value; a heading cannot.
        encoding: Found out unless given.
        signs: What would part several columns; a cell of stretches of time holds semicolons of its own.

    Raises:
        SheetError: the file cannot be read.
        LabelError: several columns and none named, or none of that name.
    """
    path, name = _file_and_column(spec)
    if name is None and path.suffix.lower() not in (".xlsx", ".xlsm"):
        lines = _lines(path, encoding)
        if not any(sign in line for line in lines for sign in signs):
            return _of_lines(path.name, lines, is_value)
    from siming.rating.spreadsheet.table_file import read_table

    table = read_table(path, encoding=encoding)
    heads = table.rows[0]
    if name is None:
        raise LabelError(
            f"{path.name}: has {table.width} columns; name the one that is meant, such as {path}:{heads[0] or 1}; "
            "if its commas are decimal commas, write points"
        )
    at = _find(name, heads, path.name)
    cells = [row[at] for row in table.rows]
    first = 0 if is_value(cells[0]) and cells[0] != name else 1
    return Column(path.name, tuple(cells[first:]), table.numbers[first:], heads[at] if first else None)


def read_numbers(column: Column) -> list[float]:
    """The column as numbers, NaN where missing.

    Raises:
        LabelError: a cell that is neither a number nor a word for missing.
    """
    out = []
    for at, cell in enumerate(column.cells):
        value = number_of(cell)
        if value is None and not is_missing(cell):
            raise LabelError(
                f"{column.place(at)}: found {cell!r}, wanted a number; correct it, or empty the cell where it is missing"
            )
        out.append(float("nan") if value is None else value)
    return out


def read_labels(column: Column, levels: Sequence[str]) -> list[int]:
    """The column as places on the scale, -1 where missing.

    Raises:
        LabelError: a value off the levels.
    """
    out = []
    for at, cell in enumerate(column.cells):
        place = level_of(cell, levels)
        if place is None and not is_missing(cell):
            raise LabelError(
                f"{column.place(at)}: found {cell!r}, wanted one of {', '.join(levels)}; correct it, empty the cell where "
                "it is missing, or name every legal level in --levels"
            )
        out.append(-1 if place is None else place)
    return out


def read_matrix(
    path: Path, *, encoding: str | None = None, levels: Sequence[str] | None = None
) -> tuple[list[list[float]], list[str], str | None]:
    """A table of numbers, its headings (empty where it has none), and the heading of a first column left out as ids.

    Raises:
        SheetError: the file cannot be read.
        LabelError: a cell that is no number (or, with levels, not one of them).
    """
    from siming.rating.spreadsheet.table_file import read_table

    table = read_table(path, encoding=encoding)
    lines = table.numbers

    def value(cell: str) -> float | None:
        if levels is None:
            return number_of(cell)
        place = level_of(cell, levels)
        return None if place is None else float(place)

    first = table.rows[0]
    has_heads = any(cell and value(cell) is None and not is_missing(cell) for cell in first)
    rows = table.rows[1:] if has_heads else table.rows
    ids = has_heads and (
        first[0].strip().lower() in ID_HEADINGS or all(value(row[0]) is None and row[0] for row in rows)
    )
    out = []
    for line, row in zip(lines[has_heads:], rows, strict=True):
        read = []
        for at, cell in enumerate(row[ids:], start=int(ids)):
            found = value(cell)
            if found is None and not is_missing(cell):
                where = f"{path.name} line {line} column {first[at] if has_heads else at + 1}"
                wanted = "a number" if levels is None else f"one of {', '.join(levels)}"
                raise LabelError(
                    f"{where}: found {cell!r}, wanted {wanted}; correct it, or empty the cell where it is missing"
                )
            read.append(float("nan") if found is None else found)
        out.append(read)
    return out, list(first[ids:]) if has_heads else [], (first[0] or "1") if ids else None


def level_of(cell: str, levels: Sequence[str]) -> int | None:
    """Which level a cell is, as text or as a number: 3 and 3.0 are the same."""
    if cell in levels:
        return list(levels).index(cell)
    value = number_of(cell)
    if value is None:
        return None
    return next((at for at, level in enumerate(levels) if number_of(level) == value), None)


def number_of(cell: str) -> float | None:
    """A number with a decimal point or comma; None for anything else."""
    text = cell.strip().replace("\N{MINUS SIGN}", "-")
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 and "_" not in text else None


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or a word for no mark, such as NA or 缺考."""
    from siming.rating.spreadsheet.mark_cell import why_missing

    return not cell.strip() or why_missing(cell.strip()) is not None


def _file_and_column(spec: str) -> tuple[Path, str | None]:
    if Path(spec).exists() or ":" not in spec:
        return Path(spec), None
    file, _, name = spec.rpartition(":")
    return Path(file), name


def _find(name: str, heads: Sequence[str], file: str) -> int:
    if name in heads:
        return list(heads).index(name)
    if name.isdigit() and 1 <= int(name) <= len(heads):
        return int(name) - 1
    raise LabelError(f"{file}: has no column {name!r}; it has {', '.join(filter(None, heads))}, or give its number")


def _lines(path: Path, encoding: str | None) -> list[str]:
    from siming.errors import SheetError
    from siming.rating.spreadsheet.table_file import plain
    from siming.rating.spreadsheet.table_text import decode

    if not path.is_file():
        raise SheetError(
            f"{path}: there is no such file; check the name, or give FILE:COLUMN for one column of a table"
        )
    text, _ = decode(path.read_bytes(), path.name, encoding)
    return [plain(line) for line in text.splitlines()]


def _of_lines(file: str, lines: list[str], is_value: Callable[[str], bool]) -> Column:
    whole = len(lines)
    while lines and not lines[-1]:
        lines = lines[:-1]
    if not lines:
        raise LabelError(f"{file}: holds no values; give one per line")
    heading = lines[0] if lines[0] and not is_value(lines[0]) and not is_missing(lines[0]) else None
    first = 0 if heading is None else 1
    numbers = tuple(range(first + 1, len(lines) + 1))
    return Column(file, tuple(lines[first:]), numbers, heading, whole - len(lines))
