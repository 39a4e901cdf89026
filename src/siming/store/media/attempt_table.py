"""Attempts from a table: CSV as spreadsheet programs write it, one line per attempt."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

from siming.errors import InputError
from siming.store.media.attempts import NewAttempt, Value, check_code

MOST_BYTES: Final = 5 << 20
MOST_LINES: Final = 20_000
MOST_PROBLEMS: Final = 10

COLUMNS: Final = ("code", "site", "occasion", "candidate_code", "rubrics", "params", "gold")
"""`rubrics` and `params` hold several values with ";" between them, params as ``name=value``. Only `code` must be
there. There is no column for a name: who a candidate is goes into the vault."""

TRUE: Final = frozenset({"1", "true", "yes", "是"})
FALSE: Final = frozenset({"", "0", "false", "no", "否"})


def read_attempt_table(raw: bytes) -> list[NewAttempt]:
    """The attempts of a CSV file, by comma, semicolon or tab, in UTF-8 or GB 18030.

    Raises:
        InputError: What is wrong, with the number of each line at fault; nothing is half read.
    """
    if len(raw) > MOST_BYTES:
        said = f"the file has {len(raw)} bytes, at most {MOST_BYTES} are read; split it"
        raise _wrong([_fault(said, "bytes", n=len(raw), at_most=MOST_BYTES)])
    text = _decoded(raw)
    first = text.splitlines()[0] if text else ""
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[NewAttempt] = []
    problems: list[InputError] = []
    seen: dict[str, int] = {}
    try:
        heading = [cell.strip().lower() for cell in next(reader, [])]
        strange = sorted(set(heading) - set(COLUMNS))
        if "code" not in heading or strange or len(set(heading)) != len(heading):
            named = ", ".join(heading)[:200]
            said = f"line 1: columns {named or 'none'}; give `code` and, as needed, {', '.join(COLUMNS[1:])}, each once"
            if strange:
                said += f"; {strange[0][:40]!r} is not among them, and names of people belong in the vault only"
            raise _wrong([_fault(said, "columns", columns=named or "–", known=list(COLUMNS[1:]))])
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(found) >= MOST_LINES:
                said = f"line {line}: more than {MOST_LINES} attempts; split the file"
                raise _wrong([_fault(said, "lines", at_most=MOST_LINES)])
            try:
                made = _attempt(heading, cells)
            except InputError as error:
                problems.append(_in_line(line, error))
                continue
            if made.code in seen:
                first_line = seen[made.code]
                twice = _fault(
                    f"code {made.code} stands in line {first_line} already", "twice", name=made.code, first=first_line
                )
                problems.append(_in_line(line, twice))
            seen.setdefault(made.code, line)
            found.append(made)
    except csv.Error as error:
        raise _wrong([_in_line(reader.line_num, _fault(str(error), "csv"))]) from error
    if problems:
        raise _wrong(problems)
    if not found:
        raise _wrong([_fault("it holds no attempt; write one line for each below the line of column names", "empty")])
    return found


def _attempt(heading: list[str], cells: list[str]) -> NewAttempt:
    if len(cells) != len(heading):
        said = f"{len(cells)} cells, the first line names {len(heading)} columns"
        raise _fault(said, "cells", n=len(cells), wanted=len(heading))
    row = {name: cell.strip() for name, cell in zip(heading, cells, strict=True)}
    gold = row.get("gold", "").lower()
    if gold not in TRUE | FALSE:
        raise _fault(f"gold is {gold[:20]!r}; write yes or no", "gold", text=gold[:20])
    rubrics = tuple(part.strip() for part in row.get("rubrics", "").split(";") if part.strip())
    return NewAttempt(
        code=check_code(row["code"]),
        site=row.get("site") or None,
        occasion=row.get("occasion") or None,
        candidate_code=row.get("candidate_code") or None,
        rubrics=rubrics or None,
        params=_params(row.get("params", "")),
        gold=gold in TRUE if gold else None,
    )


def _params(text: str) -> Mapping[str, Value]:
    params: dict[str, Value] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = (side.strip() for side in part.partition("="))
        if not (name and equals and value) or name in params:
            said = f"params {part.strip()[:60]!r}; write name=value, each name once"
            raise _fault(said, "params", text=part.strip()[:60])
        params[name] = _value(value)
    return params


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if abs(number) < 1e15:  # also turns away infinities and what is no number
            return number
    return text


def _decoded(raw: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _wrong([_fault("the file is neither UTF-8 nor GB 18030 text; save it as CSV UTF-8", "encoding")])


def _fault(message: str, kind: str, **facts: object) -> InputError:
    return InputError(message, field="table", code=f"table_{kind}", params=facts)


def _in_line(line: int, fault: InputError) -> InputError:
    return _fault(f"line {line}: {fault}", "line", line=line, why=fault)


def _wrong(problems: list[InputError]) -> InputError:
    """One refusal of the first problems; pages say each in the reader's language."""
    told, more = problems[:MOST_PROBLEMS], len(problems) - MOST_PROBLEMS
    if more > 0:
        told.append(_fault(f"and {more} more", "more", n=more))
    return InputError(
        f"the table of attempts: {'; '.join(str(each) for each in told)}",
        field="table",
        code="attempt_table_wrong",
        params={"why": told},
    )
