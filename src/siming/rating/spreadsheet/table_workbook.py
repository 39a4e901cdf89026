"""XLSX workbooks through openpyxl, every cell as the text a person would have typed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any, NamedTuple

from siming.errors import MissingExtraError, SheetError
from siming.rating.spreadsheet.merged import check_merged
from siming.rating.spreadsheet.note import Note

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

Place = tuple[int, int]
"""Row and column, from 0."""

_MOST_CELLS = 5_000_000
_MOST_BYTES = 500_000_000
_EXACT = 1e15
"""Spreadsheets keep 15 digits of a number."""


class Page(NamedTuple):
    """One worksheet as cells."""

    rows: list[list[str]]
    merged: dict[Place, Place]
    """Each covered cell to the upper left cell of its merged range."""
    sheet: str | None
    """Its name, where the workbook has several."""
    notes: tuple[str, ...]


def read_workbook(raw: bytes, name: str, *, sheet: str | None = None) -> Page:
    """The one worksheet that holds cells, or the one named.

    Raises:
        SheetError: not a workbook, several worksheets and none named, or a sheet beyond all measure.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as cause:
        raise MissingExtraError("reading XLSX workbooks", "xlsx") from cause
    _refuse_other_archives(raw, name)
    try:
        book = load_workbook(io.BytesIO(raw))
        computed = load_workbook(io.BytesIO(raw), data_only=True) if _has_formulas(raw) else book
    except Exception as cause:  # openpyxl lets errors of zip, XML and its own descriptors through
        raise SheetError(
            f"{name}: the workbook cannot be opened ({type(cause).__name__}: {cause}); open it in a spreadsheet "
            "program and save it again as .xlsx, or as CSV UTF-8"
        ) from cause
    filled = [page for page in book.worksheets if _is_filled(page)]
    if sheet is None and len(filled) == 1:
        page = filled[0]
    elif sheet is None:
        have = f"{len(filled)} worksheets hold cells" if filled else "no worksheet holds a cell"
        raise SheetError(f"{name}: {have}{_names(filled)}; give sheet= with the one to read")
    else:
        named = [each for each in book.worksheets if each.title == sheet]
        if not named:
            raise SheetError(f"{name}: there is no worksheet {sheet!r}{_names(book.worksheets)}; correct sheet=")
        page = named[0]
    if page.max_row * page.max_column > _MOST_CELLS:
        raise SheetError(
            f"{name}: worksheet {page.title!r} reaches to {page.cell(page.max_row, page.max_column).coordinate}; "
            "delete the empty rows and columns behind the table (not only their contents) and save it again"
        )
    values = computed[page.title]
    rows = [[_text(cell.value, cell.number_format, values, cell) for cell in row] for row in page.iter_rows()]
    merged = {
        (row - 1, column - 1): (area.min_row - 1, area.min_col - 1)
        for area in page.merged_cells.ranges
        for row, column in area.cells
        if (row, column) != (area.min_row, area.min_col)
    }
    notes = [Note("workbook", sheet=page.title)]
    others = [each.title for each in filled if each.title != page.title]
    if others:
        notes.append(Note("other_sheets", sheets=", ".join(map(repr, others))))
    hidden_rows = [str(number) for number, row in page.row_dimensions.items() if row.hidden]
    hidden_columns = [letter for letter, column in page.column_dimensions.items() if column.hidden]
    for code, which in (("hidden_rows", hidden_rows), ("hidden_columns", hidden_columns)):
        if which:
            notes.append(Note(code, which=", ".join(which[:10])))
    return Page(rows, merged, page.title if len(filled) > 1 else None, tuple(notes))


def _refuse_other_archives(raw: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(part.file_size for part in archive.infolist())
            names = archive.namelist()
    except zipfile.BadZipFile as cause:
        raise SheetError(
            f"{name}: begins like an XLSX workbook and is damaged ({cause}); copy the file again, or save it as CSV UTF-8"
        ) from cause
    if "xl/workbook.xml" not in names:
        raise SheetError(f"{name}: is an archive and not an XLSX workbook; save the sheet as .xlsx or CSV UTF-8")
    if size > _MOST_BYTES:
        raise SheetError(f"{name}: unpacks to {size:,} bytes; delete what is not the table and save it again")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for part in names:
            if part.startswith("xl/worksheets/") and part.endswith(".xml"):
                check_merged(archive.read(part), name)


def _has_formulas(raw: bytes) -> bool:
    """Whether a second reading, for the results of formulas, is worth its time."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        pages = [part for part in archive.namelist() if part.startswith("xl/worksheets/")]
        return any(re.search(rb"<(?:\w+:)?f[ >/]", archive.read(part)) for part in pages)


def _is_filled(page: Worksheet) -> bool:
    return page.max_row > 1 or page.max_column > 1 or page["A1"].value is not None


def _names(pages: Sequence[Any]) -> str:
    return f" ({', '.join(repr(page.title) for page in pages)})" if pages else ""


def _text(value: object, shown_as: str, values: Worksheet, cell: object) -> str:
    """What a person reads in the cell; formulas without a stored result stay formulas, and are refused later."""
    if value is None:
        return ""
    if getattr(cell, "data_type", None) == "f":
        result = values.cell(cell.row, cell.column).value  # type: ignore[attr-defined]
        if result is None:
            return value if isinstance(value, str) else "=formula"
        value = result
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value, shown_as)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _number(value: float, shown_as: str) -> str:
    """Percent and leading zeros are in the format and not in the value."""
    if "%" in shown_as:
        return f"{round(100 * value, 9):.12g}%"
    if re.fullmatch("0{2,}", shown_as) and value == int(value) >= 0:
        return f"{int(value):0{len(shown_as)}d}"
    if abs(value) >= _EXACT:
        return f"{value:.14E}"  # digits are lost already, and an id of them would be another's
    return str(int(value)) if value == int(value) else f"{value:.15g}"
