"""From a file to cells that know where they stand: CSV in any usual encoding, or an XLSX workbook.

Nothing here knows what a mark is; `layout.py` and `mark_rows.py` give the cells their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from siming.errors import SheetError
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.refusal import UnreadError
from siming.rating.spreadsheet.table_text import decode, split
from siming.rating.spreadsheet.table_workbook import Place, read_workbook

_WIDE = {0xFF01 + i: 0x21 + i for i in range(94)} | dict.fromkeys((0x3000, 0xA0, 0x202F, 0x2009), 0x20)
_UNSEEN = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))

_NOT_A_TABLE = (
    (
        b"\xd0\xcf\x11\xe0",
        "is an old Excel workbook (.xls) or a workbook with a password",
        ".xlsx without a password",
    ),
    (b"%PDF", "is a PDF", ".xlsx"),
    (b"{\\rtf", "is a rich text document", ".xlsx"),
)


@lru_cache(maxsize=65536)  # a long table says the same few words in every row
def plain(text: str) -> str:
    """Full-width letters, digits and signs as their ASCII selves, without blanks at the ends.

    Only widths are changed: a full Unicode normalisation would make 21⁄2 of 2½ and 22 of 2².

    >>> plain("　３／４分 "), plain("2½")
    ('3/4分', '2½')
    """
    return text.translate(_WIDE).translate(_UNSEEN).strip()


@dataclass(frozen=True)
class Table:
    """A rectangle of cells, all of them text, and where each stands in the file."""

    name: str
    """The file's name, for messages."""
    rows: tuple[tuple[str, ...], ...]
    """Plain text, empty where the cell is; blank rows are not among them."""
    numbers: tuple[int, ...]
    """Line of the text file or row of the worksheet, from 1, of each row."""
    notes: tuple[str, ...] = ()
    sheet: str | None = None
    is_workbook: bool = False
    merged: Mapping[Place, Place] | None = None
    """Worksheets: each covered cell to the upper left cell of its range, as indices of `rows`."""
    lengths: tuple[int, ...] = ()
    """Text files: how many cells each line holds before it was filled up to a rectangle."""

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.rows[0]) if self.rows else 0

    def anchor(self, row: int, column: int) -> Place:
        """The cell itself, or the upper left one of the merged range that covers it."""
        return (self.merged or {}).get((row, column), (row, column))

    def filled(self, row: int, column: int) -> str:
        """The cell's text; that of its merged range where it is covered by one."""
        if not self.merged:
            return self.rows[row][column]
        at_row, at_column = self.anchor(row, column)
        return self.rows[at_row][at_column]

    def place(self, row: int, column: int, heading: str | None = None) -> str:
        """A cell in the sheet's own coordinates: ``B7``, or ``line 7 column 得分``."""
        if self.is_workbook:
            cell = f"{column_letters(column)}{self.numbers[row]}"
            return f"{self.sheet}!{cell}" if self.sheet else cell
        return Note("place", line=self.numbers[row], column=heading or str(column + 1))

    def line(self, row: int) -> str:
        """A row in the sheet's own coordinates."""
        return Note("row" if self.is_workbook else "line", number=self.numbers[row])

    def column(self, column: int) -> str:
        """A column in the sheet's own coordinates."""
        return column_letters(column) if self.is_workbook else str(column + 1)


def column_letters(column: int) -> str:
    """A spreadsheet's name for a column, from 0.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(701), column_letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def read_table(
    path: Path | str, *, encoding: str | None = None, delimiter: str | None = None, sheet: str | None = None
) -> Table:
    """The cells of a CSV file or of one worksheet; what kind of file it is, its first bytes decide.

    Raises:
        SheetError: no such file, another kind of file, an encoding or delimiter in doubt; each with its mend.
        MissingExtraError: a workbook, and openpyxl is not installed.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SheetError(f"{path}: there is no such file; check the name") from None
    except OSError as cause:
        raise SheetError(f"{path}: cannot be read ({cause.strerror}); give a CSV or XLSX file") from cause
    name = path.name
    if not raw.strip():
        raise UnreadError(f"{name}: is empty; check that the export finished", "empty", name=name)
    for first_bytes, what, wanted in _NOT_A_TABLE:
        if raw.startswith(first_bytes):
            raise UnreadError(
                f"{name}: {what}; open it and save the sheet as {wanted} or CSV UTF-8", "no_table", name=name
            )
    if raw.startswith(b"PK\x03\x04"):
        table = _from_workbook(raw, name, sheet)
    else:
        table = _from_text(raw, name, encoding, delimiter)
    if not table.rows:
        raise UnreadError(f"{name}: holds no cells; check that the export finished", "empty", name=name)
    return table


def _from_text(raw: bytes, name: str, encoding: str | None, delimiter: str | None) -> Table:
    text, encoding_note = decode(raw, name, encoding)
    if re.match(r"\s*(?:<!doctype html|<html|<\?xml|<table)", text[:500], re.IGNORECASE):
        raise UnreadError(
            f"{name}: is a web page or XML under another name; open it in a spreadsheet program and save it "
            "as .xlsx or CSV UTF-8",
            "no_table",
            name=name,
        )
    found, delimiter_note = split(text, name, delimiter)
    rows = [[plain(cell) for cell in row] for row in found.rows]
    lengths = tuple(_length(row) for row in rows)
    return Table(
        name,
        _rectangle(rows, max(lengths, default=0)),
        tuple(found.lines),
        (encoding_note, delimiter_note),
        lengths=lengths,
    )


def _length(row: list[str]) -> int:
    """Cells up to the last one that is filled."""
    if row and row[-1]:
        return len(row)
    return max((at + 1 for at, cell in enumerate(row) if cell), default=0)


def _from_workbook(raw: bytes, name: str, sheet: str | None) -> Table:
    page = read_workbook(raw, name, sheet=sheet)
    rows = [[plain(cell) for cell in row] for row in page.rows]
    covered = {place: anchor for place, anchor in page.merged.items() if rows[anchor[0]][anchor[1]]}
    # A row may be blank but for a merged range that begins above it.
    reached = {row for row, _ in covered}
    kept = [at for at, row in enumerate(rows) if any(row) or at in reached]
    place_of = {at: new for new, at in enumerate(kept)}
    merged = {(place_of[row], column): (place_of[top], left) for (row, column), (top, left) in covered.items()}
    width = max((at + 1 for row in rows for at, cell in enumerate(row) if cell), default=0)
    width = max([width, *(column + 1 for _, column in merged)])
    return Table(
        name,
        _rectangle([rows[at] for at in kept], width),
        tuple(at + 1 for at in kept),
        page.notes,
        sheet=page.sheet,
        is_workbook=True,
        merged=merged,
    )


def _rectangle(rows: list[list[str]], width: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple((row + [""] * width)[:width]) for row in rows)
