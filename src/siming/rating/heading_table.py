"""A spreadsheet with one row of headings, read column by column: station results, judges' opinions, boxes of steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from siming.errors import SheetError
from siming.rating.spreadsheet.table_file import Table, read_table

_EMPTY = {"", "-", "—", "na", "n/a", "缺考", "未考", "absent"}


@dataclass(frozen=True)
class HeadingTable:
    """Its cells as text, by heading."""

    table: Table
    columns: Mapping[str, int]
    """Name to column; a heading goes by the name that it is an alias of, else by itself."""

    @property
    def n(self) -> int:
        """Rows below the headings."""
        return len(self.table.rows) - 1

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def need(self, names: Iterable[str], *, what: str) -> None:
        """Stop unless every column is there.

        Raises:
            SheetError: naming what is lacking and what was found.
        """
        lacking = [name for name in names if name not in self.columns]
        if lacking:
            raise SheetError(
                f"{self.table.name}: {what} needs the columns {', '.join(names)} and lacks {', '.join(lacking)} "
                f"(found {', '.join(self.columns)}); add them, or correct the headings in the first row"
            )

    def texts(self, name: str) -> list[str]:
        """The cells of a column."""
        return [row[self.columns[name]] for row in self.table.rows[1:]]

    def numbers(self, name: str) -> list[float]:
        """The cells of a column as numbers, NaN where empty.

        Raises:
            SheetError: text in a cell.
        """
        return [self._number(name, row, share=False) for row in range(1, len(self.table.rows))]

    def shares(self, name: str) -> list[float]:
        """The cells of a column as shares from 0 to 1; 60 % and 0.6 are one share.

        Raises:
            SheetError: text, or a number that is no share.
        """
        return [self._number(name, row, share=True) for row in range(1, len(self.table.rows))]

    def _number(self, name: str, row: int, *, share: bool) -> float:
        column = self.columns[name]
        text = self.table.rows[row][column]
        if text.lower() in _EMPTY:
            return math.nan
        percent = text.endswith("%")
        try:
            value = float(text.rstrip("% ").replace(",", ".")) / (100 if percent else 1)
        except ValueError:
            value = math.nan
        wanted = "a share such as 0.6 or 60%" if share else "a number"
        if not math.isfinite(value) or (share and not 0 <= value <= 1) or (percent and not share):
            raise SheetError(
                f"{self.table.name} {self.table.place(row, column, name)}: found {text!r}, wanted {wanted}; "
                "correct the cell, or leave it empty where nothing was said"
            )
        return value


def read_heading_table(path: Path | str, aliases: Mapping[str, Sequence[str]] | None = None) -> HeadingTable:
    """The table of a CSV or XLSX file whose first row is its headings.

    Args:
        aliases: Name to headings that mean it, whatever their case.

    Raises:
        SheetError: as `read_table`, a heading twice, or no row below the headings.
    """
    table = read_table(path)
    known = {alias.lower(): name for name, others in (aliases or {}).items() for alias in (name, *others)}
    columns: dict[str, int] = {}
    for place, heading in enumerate(table.rows[0]):
        if not heading:
            continue
        name = known.get(heading.lower().replace("_", " "), known.get(heading.lower(), heading))
        if name in columns:
            raise SheetError(f"{table.name}: two columns are {name!r}; rename or delete one of them")
        columns[name] = place
    if len(table.rows) < 2:
        raise SheetError(f"{table.name}: has headings and no row below them; check that the export finished")
    return HeadingTable(table, columns)
