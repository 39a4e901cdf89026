"""Text files of an exam office: which encoding, which delimiter, which cells on which line.

Detection is strict. An encoding is taken only where the bytes leave no other reading: GB18030 gives some
character for nearly every file, so "it decodes" is no proof. What stays open is refused with the byte.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from typing import NamedTuple

from siming.errors import SheetError
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.refusal import UnreadError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

_MARKS = (  # UTF-32 begins like UTF-16, so it is looked for first
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_SAVE_AS = "save the file as UTF-8 (Excel: 'CSV UTF-8')"
_COMMON_SHARE = 0.8
"""Of the characters beyond ASCII, how many must be in everyday use before bytes count as GB18030. Rare ones
occur in names; a Western or Big5 file read as GB18030 consists of them."""
_FEW_PAIRS = 3
"""Up to so many different two-byte characters, a file may be UTF-8 and GB18030 by chance alone (each
Chinese character is a valid UTF-8 pair with a probability of about 1 in 7)."""


class Rows(NamedTuple):
    """A text file as cells."""

    rows: list[list[str]]
    """Unequal in length; blank lines are not among them."""
    lines: list[int]
    """The line on which each row begins, from 1."""
    delimiter: str


def decode(raw: bytes, name: str, encoding: str | None = None) -> tuple[str, str]:
    """The text of a file, and a sentence on its encoding.

    Args:
        encoding: Python's name of the encoding, where the caller knows it; nothing is detected then.

    Raises:
        SheetError: the bytes fit no encoding or more than one; it names the first byte in doubt and the mend.
    """
    if encoding is not None:
        return _decode_as(raw, name, encoding), Note("encoding_given", encoding=encoding)
    for mark, codec, title in _MARKS:
        if raw.startswith(mark):
            return _decode_marked(raw, name, mark, codec, title), Note("encoding_mark", title=title)
    if b"\0" in raw:
        return _without_mark_utf16(raw, name)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _as_gb18030(raw, name, error)
    if text.isascii():
        return text, Note("encoding_ascii")
    _refuse_if_also_gb18030(raw, text, name)
    return text, Note("encoding_utf8")


def _decode_as(raw: bytes, name: str, encoding: str) -> str:
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise SheetError(
            f"{name}: encoding {encoding!r} is not known; give 'utf-8', 'gb18030', 'utf-16' or another name "
            "Python knows, or leave encoding out to have it detected"
        ) from None
    except UnicodeDecodeError as error:
        raise SheetError(
            f"{name}: is not {encoding}: {_byte(raw, error.start)}; leave encoding out to have it detected, or {_SAVE_AS}"
        ) from error


def _decode_marked(raw: bytes, name: str, mark: bytes, codec: str, title: str) -> str:
    try:
        return raw[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        raise UnreadError(
            f"{name}: begins as {title} with a byte-order mark and is not: {_byte(raw, len(mark) + error.start)}; the "
            f"file is damaged or was put together from two: open the original and {_SAVE_AS}",
            "damaged_text",
            name=name,
        ) from error


def _without_mark_utf16(raw: bytes, name: str) -> tuple[str, str]:
    """UTF-16 without its mark: every ASCII character has a zero byte, always on the same side."""
    sides = {at % 2 for at in _zero_bytes(raw)}
    if len(sides) == 1 and len(raw) % 2 == 0:
        little = sides == {1}
        try:
            text = raw.decode("utf-16-le" if little else "utf-16-be")
        except UnicodeDecodeError:
            text = ""
        # Without line ends and delimiters on the zero side it is some binary file.
        if "\n" in text or "\r" in text:
            order = "little" if little else "big"
            return text, Note(f"encoding_utf16_{order}")
    at = raw.index(b"\0")
    raise UnreadError(
        f"{name}: is not a text file: {_byte(raw, at)}; give a CSV or XLSX file, or {_SAVE_AS}", "no_text", name=name
    )


def _zero_bytes(raw: bytes) -> list[int]:
    return [match.start() for match in re.finditer(b"\0", raw)]


def _as_gb18030(raw: bytes, name: str, not_utf8: UnicodeDecodeError) -> tuple[str, str]:
    utf8 = f"not UTF-8 ({_byte(raw, not_utf8.start)})"
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError as error:
        raise UnreadError(
            f"{name}: the encoding is not known: {utf8} and not GB18030 ({_byte(raw, error.start)}); {_SAVE_AS}, "
            "or give encoding=, such as encoding='cp1252' for a Western Excel file",
            "encoding",
            name=name,
        ) from error
    beyond = [char for char in text if not char.isascii()]
    rare = [char for char in beyond if not _is_everyday(char)]
    if len(beyond) - len(rare) < _COMMON_SHARE * len(beyond):
        at = len(text[: text.index(rare[0])].encode("gb18030"))
        raise UnreadError(
            f"{name}: the encoding is in doubt: {utf8}, and read as GB18030 {len(rare)} of {len(beyond)} Chinese "
            f"characters are rare ones, the first {rare[0]!r} ({_byte(raw, at)}); {_SAVE_AS}, or give "
            "encoding='gb18030' if those characters are right, 'big5' or 'cp1252' if they are not",
            "encoding",
            name=name,
        )
    return text, Note("encoding_gb18030", byte=_byte(raw, not_utf8.start))


def _is_everyday(char: str) -> bool:
    """Punctuation, full-width signs and the 3,755 first-level characters of GB 2312."""
    try:
        pair = char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return pair[0] in (0xA1, 0xA3) or 0xB0 <= pair[0] <= 0xD7


def _refuse_if_also_gb18030(raw: bytes, text: str, name: str) -> None:
    """Refuse a file whose few two-byte characters are whole Chinese words too ("联通" in GBK is valid UTF-8)."""
    beyond = {char for char in set(text) if not char.isascii()}
    if len(beyond) > _FEW_PAIRS or any(len(char.encode()) > 2 for char in beyond):
        return
    if re.search(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]", text):
        return  # a letter inside a Latin word, such as José
    try:
        other = raw.decode("gb18030")
    except UnicodeDecodeError:
        return
    at = next(i for i, byte in enumerate(raw) if byte > 0x7F)
    here, there = ("".join(char for char in each if not char.isascii())[:8] for each in (text, other))
    raise UnreadError(
        f"{name}: the encoding is in doubt: the bytes from {at} on ({_byte(raw, at)}) are {here!r} in UTF-8 and "
        f"{there!r} in GB18030; give encoding='utf-8' or encoding='gb18030'",
        "encoding",
        name=name,
    )


def _byte(raw: bytes, at: int) -> str:
    if at >= len(raw):
        return f"byte {at}: the file ends inside a character"
    return f"byte {at} is 0x{raw[at]:02X}, line {raw[:at].count(10) + 1}"


def split(text: str, name: str, delimiter: str | None = None) -> tuple[Rows, str]:
    """The cells of a text file, and a sentence on its delimiter.

    The delimiter is the one that cuts the most lines into the same number of cells; the most cells, so that
    decimal commas do not win over semicolons. A first line ``sep=;``, as Excel writes it, settles it.

    Raises:
        SheetError: quotes that do not close, no delimiter, or two that fit equally well.
    """
    told = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if told and delimiter is None:
        rows = _cells(text[told.end() :], name, told[1], first_line=2)
        return rows, Note("delimiter_told", sign=_title(told[1]))
    if delimiter is not None:
        if len(delimiter) != 1:
            raise SheetError(f"{name}: delimiter={delimiter!r} is not one character; give ',' or ';' or '\\t'")
        return _cells(text, name, delimiter), Note("delimiter_given", sign=_title(delimiter))
    found: dict[str, int] = {}
    read: dict[str, Rows] = {}
    broken: SheetError | None = None
    for each in DELIMITERS:
        if each not in text:
            continue
        try:
            read[each] = _cells(text, name, each)
        except SheetError as error:
            broken = broken or error
            continue
        widths = Counter(len(row) for row in read[each].rows if len(row) > 1)
        found[each] = max((width * lines for width, lines in widths.items()), default=0)
    best = max(found.values(), default=0)
    if not best:
        if broken is not None:
            raise broken
        wide = "，" in text or "；" in text
        raise UnreadError(
            f"{name}: has one column only; wanted cells separated by comma, semicolon or tab"
            + (" (full-width ， and ； separate nothing: replace them by , or ;)" if wide else "")
            + "; save the sheet as CSV again, or give delimiter=",
            "full_width" if wide else "one_column",
            name=name,
        )
    fitting = [each for each, cells in found.items() if cells == best]
    if len(fitting) > 1:
        raise UnreadError(
            f"{name}: {' and '.join(_title(each) for each in fitting)} cut the lines equally well; "
            f"give delimiter={fitting[0]!r} or delimiter={fitting[1]!r}",
            "two_delimiters",
            name=name,
        )
    return read[fitting[0]], Note("delimiter_found", sign=_title(fitting[0]))


def _cells(text: str, name: str, delimiter: str, *, first_line: int = 1) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = 0
    try:
        for row in reader:
            if any(map(str.strip, row)):
                rows.append(row)
                lines.append(begin + first_line)
            begin = reader.line_num
    except csv.Error as error:
        raise UnreadError(
            f"{name} line {begin + first_line}: quotes are broken there ({error}); a cell with quotes in it is "
            'written "...""..."": correct the line or save the sheet as CSV again',
            "quotes",
            name=name,
            line=begin + first_line,
        ) from error
    return Rows(rows, lines, delimiter)


def _title(delimiter: str) -> str:
    return Note(DELIMITERS[delimiter]) if delimiter in DELIMITERS else repr(delimiter)
