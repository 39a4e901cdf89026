"""Text in files that cannot hold every character, or that act on some: escaped on the way out, restored on the way in.

Control characters are written as spreadsheets do it, ``_x0007_`` (ECMA-376, type ST_Xstring), because neither XML 1.0 nor
a workbook may hold them. Cells that a spreadsheet would take for a formula get an apostrophe in front.
"""

from __future__ import annotations

import re

_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]|_x(?=[0-9A-Fa-f]{4}_)")
"""What XML 1.0 has no place for, the carriage return that its readers turn into a line feed, and what looks like an
escape already."""
_ESCAPED = re.compile("_x(?![Dd][89A-Fa-f])([0-9A-Fa-f]{4})_")
"""Half a character (a surrogate) is not restored: no text of a sheet can hold one."""
_ACTIVE = re.compile(r"'*(?:\Z|\s*[=+\-@＝＋－＠]|[\t\r\n])")
"""Beginnings that Excel, LibreOffice or WPS take for a formula, and the empty text, which is not the empty cell."""
_ACTIVE_ESCAPED = re.compile(r"'+(?:\Z|\s*[=+\-@＝＋－＠]|[\t\r\n])")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    r"""The text with every character that XML cannot hold written as ``_xHHHH_``; `with_controls` takes it back.

    >>> without_controls("bell\x07 and _x0041_")
    'bell_x0007_ and _x005F_x0041_'
    """
    return _ILLEGAL.sub(lambda found: f"_x{ord(found[0][0]):04X}_" + found[0][1:], text)


def with_controls(text: str) -> str:
    r"""What `without_controls` was given.

    >>> with_controls("bell_x0007_ and _x005F_x0041_")
    'bell\x07 and _x0041_'
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def to_cell(text: str | None) -> str:
    """A text as a cell that no spreadsheet takes for a formula; None is the empty cell.

    >>> to_cell("=1+1"), to_cell("clear"), to_cell(""), to_cell(None)
    ("'=1+1", 'clear', "'", '')
    """
    if text is None:
        return ""
    escaped = without_controls(text)
    return f"'{escaped}" if _ACTIVE.match(escaped) else escaped


def from_cell(cell: str) -> str | None:
    """What `to_cell` was given.

    >>> from_cell("'=1+1"), from_cell("'tis clear"), from_cell("'"), from_cell("")
    ('=1+1', "'tis clear", '', None)
    """
    if not cell:
        return None
    return with_controls(cell[1:] if _ACTIVE_ESCAPED.match(cell) else cell)


def shown(text: str) -> str:
    """A text as one line for the eye: no control characters, nothing that turns the direction of what follows.

    >>> shown("left\u202e then\tright")
    'left then right'
    """
    plain = _BIDI.sub("", text)
    return " ".join("".join(" " if not c.isprintable() and c != "\u3000" else c for c in plain).split())


def file_word(text: str, *, otherwise: str) -> str:
    """A word that is a file name everywhere.

    >>> file_word("Spring exam / 2026", otherwise="dataset"), file_word("急救", otherwise="dataset")
    ('Spring-exam-2026', 'dataset')
    """
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64]
    return word or otherwise
