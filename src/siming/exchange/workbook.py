"""The long table as an XLSX workbook: the one file of this room that knows openpyxl."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime

from siming.errors import MissingExtraError, SheetError
from siming.exchange.archive import Archive, packed
from siming.exchange.collect import Collector
from siming.exchange.escape import from_cell
from siming.exchange.long_table import COLUMNS, NUMBERS, headings, is_long_table, read_rows, rows_of
from siming.exchange.selection import Selection
from siming.rating.spreadsheet.merged import check_merged
from siming.rating.spreadsheet.table_workbook import read_workbook

_LONGEST_CELL = 32_767
"""UTF-16 units; Excel cuts what is longer without a word."""
_MOST_ROWS = 1_048_576
_MOST_UNPACKED = 96 << 20
"""Bytes of XML; read as a workbook they become some fifty times as many in memory."""
_EPOCH = datetime(2000, 1, 1)
_WIDTHS = {"title": 36, "note": 48, "reason": 30, "rationale": 48, "evidence": 28, "deductions": 24, "submitted_at": 22}


def write_workbook(selection: Selection) -> dict[str, bytes]:
    """One workbook with every sheet; the same bytes each time.

    Raises:
        SheetError: a text too long for a cell.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter
    except ImportError as cause:
        raise MissingExtraError("writing XLSX workbooks", "exchange") from cause
    rows = list(rows_of(selection))
    _check_sizes(rows)
    book = Workbook(write_only=True)
    book.properties.creator = "siming"
    book.properties.created = book.properties.modified = _EPOCH
    page = book.create_sheet("sheets")
    page.freeze_panes = "A2"
    for at, column in enumerate(COLUMNS, start=1):
        page.column_dimensions[get_column_letter(at)].width = _WIDTHS.get(column, 14)

    def cell(value: str, column: str, *, bold: bool = False) -> object:
        number = _as_number(value) if column in NUMBERS and not bold else None
        if number is not None or not value:
            return number
        made = WriteOnlyCell(page, value=value)
        made.data_type = "s"  # openpyxl would take some texts for formulas, errors or dates
        if bold:
            made.font = Font(bold=True)
        return made

    page.append([cell(heading, column, bold=True) for column, heading in headings(selection.language).items()])
    for row in rows:
        page.append([cell(text, column) for column, text in zip(COLUMNS, row, strict=True)])
    stream = io.BytesIO()
    book.save(stream)
    return {f"{selection.stem}-sheets.xlsx": _repeatable(stream.getvalue())}


def _check_sizes(rows: Sequence[Sequence[str]]) -> None:
    if len(rows) >= _MOST_ROWS:
        raise SheetError(f"{len(rows):,} rows do not fit a worksheet, which has {_MOST_ROWS:,}; export to CSV")
    for row in rows:
        longest = max(len(text.encode("utf-16-le")) // 2 for text in row)
        if longest > _LONGEST_CELL:
            raise SheetError(
                f"step {row[5]!r} of attempt {row[0]} holds a text of {longest:,} characters, and a cell takes "
                f"{_LONGEST_CELL:,}; export to 'siming' instead"
            )


def _as_number(text: str) -> float | None:
    """The number of a cell where a workbook's 15 digits hold it whole."""
    bare = from_cell(text)
    if bare is None:
        return None
    number = float(bare)
    return number if float(f"{number:.15g}") == number and abs(number) < 1e15 else None


def _repeatable(raw: bytes) -> bytes:
    """The workbook without the clock: openpyxl stamps the time of saving into it, and into each part."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    stamp = _EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    core = "docProps/core.xml"
    parts[core] = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp, parts[core])
    return packed(parts)


def read_table_workbook(raw: bytes, collector: Collector) -> bool:
    """Take the sheets out of siming's own table; False where the workbook holds another table.

    Raises:
        SheetError: not a workbook, one that is an attack, or a row that cannot be read.
        MissingExtraError: openpyxl is not installed.
    """
    check_workbook(raw, collector.name)
    try:
        page = read_workbook(raw, collector.name)
    except MissingExtraError as cause:
        raise MissingExtraError("reading XLSX workbooks", "exchange") from cause
    rows = [row for row in page.rows if any(row)]
    lines = [at for at, row in enumerate(page.rows, start=1) if any(row)]
    if not rows or not is_long_table(rows[0]):
        return False
    read_rows(rows, lines, collector)
    return True


def check_workbook(raw: bytes, name: str) -> None:
    """Refuse what would cost a reader of workbooks its memory or its time.

    Raises:
        SheetError: a bomb, a document type, or merged ranges without end.
    """
    archive = Archive(raw, name, error=SheetError, most_bytes=_MOST_UNPACKED, most_ratio=400)
    for part in archive.names:
        if not part.endswith((".xml", ".rels")):
            continue
        content = archive.read(part)
        if b"<!" in content.replace(b"<!--", b"").replace(b"<![CDATA[", b"") or content[:2] in (
            b"\xff\xfe",
            b"\xfe\xff",
        ):
            raise SheetError(
                f"{name}: part {part} declares a document type; save the workbook again in a spreadsheet program"
            )
        check_merged(content, name)
