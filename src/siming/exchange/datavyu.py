"""Datavyu: the cells of a project (.opf) as evidence. In only.

A project is a zip file. Its member ``db`` is text: a line for each column, ``name (TYPE,hidden,comment)-codes``, and below it a
line for each cell, ``onset,offset,(values)``, both times as ``hh:mm:ss:mmm``. A column is a step where it has the step's id;
what the codes of a cell say is not read.
"""

from __future__ import annotations

import re

from siming.errors import SheetError
from siming.exchange.archive import Archive
from siming.exchange.collect import Collector
from siming.exchange.hints import add_hint, attempt_of

_MOST_UNPACKED = 64 << 20
_DB = "db"
_TIME = r"(\d{1,3}):(\d\d):(\d\d):(\d{3})"
_CELL = re.compile(rf"{_TIME},{_TIME},\(")


def read_datavyu(raw: bytes, collector: Collector) -> None:
    """Take the evidence out of a project.

    Raises:
        SheetError: not a project, a hostile archive, or a line that is neither column nor cell.
    """
    archive = Archive(raw, collector.name, error=SheetError, most_bytes=_MOST_UNPACKED)
    if _DB not in archive.names:
        raise SheetError(f"{collector.name}: holds no {_DB!r}; give a project that Datavyu saved (.opf)")
    try:
        text = archive.read(_DB).decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise SheetError(f"{collector.name}: {_DB!r} is not UTF-8 text; save the project again") from cause
    attempt = attempt_of([], collector)
    if not collector.known.has_attempt(attempt):
        collector.skip("unknown_attempt", name=attempt)
        return
    column = None
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{collector.name} {_DB} line {number}"
        cell = _CELL.match(line)
        if cell is not None:
            if column is None:
                raise SheetError(f"{place}: a cell before the first column; save the project again")
            add_hint(collector, attempt, column, _span(cell.groups()), place)
        elif (name := _column(line)) is not None:
            column = name
        # Anything else is the version on the first line, or a further line of a cell's text.


def _column(line: str) -> str | None:
    name, bracket, rest = line.partition(" (")
    kind = rest.partition(",")[0]
    return name if bracket and kind.isalpha() and kind.isupper() and ")-" in rest else None


def _span(digits: tuple[str, ...]) -> tuple[float, float]:
    onset, offset = (_ms(digits[:4]), _ms(digits[4:]))
    # A cell without an end of its own has the offset 0: an instant.
    return onset / 1000, (onset if offset == 0 else offset) / 1000


def _ms(digits: tuple[str, ...]) -> int:
    hours, minutes, seconds, ms = map(int, digits)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
