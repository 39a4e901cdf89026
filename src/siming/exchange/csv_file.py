"""The long table as CSV, the way Excel opens it with Chinese: UTF-8 with a byte-order mark."""

from __future__ import annotations

import csv
import io

from siming.errors import SheetError
from siming.exchange.collect import Collector
from siming.exchange.escape import to_cell
from siming.exchange.long_table import headings, is_long_table, read_rows, rows_of
from siming.exchange.selection import Selection
from siming.rating.spreadsheet.table_text import decode

_LONGEST_CELL = 131_000
"""Characters; readers of CSV, Python's among them, stop at 131,072."""


def write_csv(selection: Selection) -> dict[str, bytes]:
    """One file with every sheet.

    Raises:
        SheetError: a text too long for a cell.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(to_cell(heading) for heading in headings(selection.language).values())
    for row in rows_of(selection):
        longest = max(map(len, row))
        if longest > _LONGEST_CELL:
            raise SheetError(
                f"step {row[5]!r} of attempt {row[0]} holds a text of {longest:,} characters, and a CSV cell takes "
                f"{_LONGEST_CELL:,}; export to 'siming' instead"
            )
        writer.writerow(row)
    return {f"{selection.stem}-sheets.csv": b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8")}


def read_csv(raw: bytes, collector: Collector) -> bool:
    """Take the sheets out of siming's own table; False where the file is another table.

    Raises:
        SheetError: the bytes are no text, or a row cannot be read.
    """
    text, _ = decode(raw, collector.name)
    head = text.split("\n", 1)[0].strip("\r")
    delimiter = max((",", ";", "\t"), key=lambda each: len(_cells(head, each)))
    if not is_long_table(_cells(head, delimiter)):
        return False
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, lines, at = [], [], 1
    try:
        for row in reader:
            rows.append(row)
            lines.append(at)
            at = reader.line_num + 1
    except csv.Error as cause:
        raise SheetError(
            f"{collector.name} line {at}: is not CSV ({cause}); save the table as CSV UTF-8 again"
        ) from cause
    read_rows(rows, lines, collector)
    return True


def _cells(head: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([head], delimiter=delimiter), [])
    except csv.Error:
        return []
