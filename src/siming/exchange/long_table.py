"""The long table: one row for each step that an author judged, as cells of text. CSV and XLSX are made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from siming.errors import SheetError
from siming.exchange.collect import Collector, Draft, SheetDraft
from siming.exchange.escape import from_cell, to_cell
from siming.exchange.plain_json import number_of, read_json
from siming.exchange.selection import Selection
from siming.exchange.texts import texts
from siming.rubric import Author, Entry, Language, Rubric, Sheet, labels_of_sheet
from siming.rubric.sheet import AuthorKind, Origin

COLUMNS = (
    "attempt", "rubric", "rubric_version", "author_kind", "author", "step", "title", "points", "max_points", "label",
    "status", "deductions", "void", "verdict", "evidence", "note", "reason", "provenance", "rationale", "global_rating",
    "submitted_at", "more",
)  # fmt: skip
"""Columns by name; their headings are in the texts. `title`, `max_points` and `label` are for people and not read back."""
NUMBERS = ("points", "max_points", "label", "global_rating")
"""Columns whose cells are numbers."""
_OWN = {"attempt", "rubric", "author", "step", "points", "status"}
"""Columns by which siming's own table is known."""

_VERDICT = {True: "wrong", False: "right"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def headings(language: Language) -> dict[str, str]:
    """The heading of each column."""
    words: Mapping[str, str] = texts(language)["columns"]
    return {column: words[column] for column in COLUMNS}


def rows_of(selection: Selection) -> Iterator[list[str]]:
    """The rows below the headings, all cells text and safe in a spreadsheet."""
    for sheet in selection.sheets:
        rubric = selection.dataset.rubrics[sheet.rubric]
        labels = labels_of_sheet(sheet, rubric)
        extra = _extra(sheet)
        for step_id, entry in sheet.steps.items():
            yield [to_cell(cell) for cell in _row(sheet, rubric, step_id, entry, labels, extra, selection.language)]
            extra = {}  # what belongs to the whole sheet stands in its first row


def _row(
    sheet: Sheet,
    rubric: Rubric,
    step_id: str,
    entry: Entry,
    labels: Mapping[str, int | None],
    extra: Mapping[str, Any],
    language: Language,
) -> list[str | None]:
    step = rubric.get_step(step_id)
    more = dict(extra)
    if entry.reasons is not None:
        more["reasons"] = {key: list(texts) for key, texts in entry.reasons.items()}
    if entry.model_extra:
        more["step"] = entry.model_extra
    label = labels.get(step_id)
    return [
        sheet.attempt,
        sheet.rubric,
        sheet.rubric_version,
        sheet.author.kind,
        sheet.author.name,
        step_id,
        step.title_in(language),
        _number(entry.points),
        _number(step.max_points),
        None if label is None else str(label),
        entry.status,
        "; ".join(_listed(each) for each in entry.deductions) or None,
        "yes" if entry.void else None,
        None if entry.wrong is None else _VERDICT[entry.wrong],
        "; ".join(f"{_number(start)} to {_number(end)}" for start, end in entry.evidence) or None,
        entry.note,
        entry.reason,
        entry.provenance,
        entry.rationale,
        None if sheet.global_rating is None else str(sheet.global_rating),
        sheet.submitted_at,
        json.dumps(more, ensure_ascii=False, sort_keys=True) if more else None,
    ]


def _extra(sheet: Sheet) -> dict[str, Any]:
    """Fields of the sheet and its author that siming does not know."""
    found = {"sheet": sheet.model_extra, "author": sheet.author.model_extra}
    return {key: value for key, value in found.items() if value}


def _number(value: float | None) -> str | None:
    """The shortest text that gives the same number again."""
    if value is None:
        return None
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _listed(text: str) -> str:
    """An id in a list behind semicolons."""
    needs_quotes = not text or text != text.strip() or re.search('[;"]', text)
    return json.dumps(text, ensure_ascii=False) if needs_quotes else text


def is_long_table(first_row: Sequence[str]) -> bool:
    """Whether a row holds the headings of siming's own table, in either language."""
    return set(_columns(first_row)) >= _OWN


def _columns(first_row: Sequence[str]) -> dict[str, int]:
    """Where each known column stands."""
    names = {heading.casefold(): column for lang in ("en", "zh") for column, heading in texts(lang)["columns"].items()}
    found: dict[str, int] = {}
    for at, heading in enumerate(first_row):
        column = names.get(heading.strip().casefold())
        if column is not None:
            found.setdefault(column, at)
    return found


def read_rows(rows: Sequence[Sequence[str]], lines: Sequence[int], collector: Collector) -> None:
    """Take the sheets out of a long table, headings first.

    Raises:
        SheetError: naming the line of a cell that cannot be read.
    """
    columns = _columns(rows[0])
    for cells, line in zip(rows[1:], lines[1:], strict=True):
        if any(cells):
            row = {name: from_cell(cells[at]) for name, at in columns.items() if at < len(cells)}
            _read_row(row, collector, f"{collector.name} line {line}")


def _read_row(row: Mapping[str, str | None], collector: Collector, place: str) -> None:
    attempt, rubric, step = (_needed(row, name, place) for name in ("attempt", "rubric", "step"))
    author = collector.author_or_given(_author(row, place), place)
    sheet = collector.sheet(attempt, rubric, row.get("rubric_version"), author, place)
    if sheet is None:
        return
    if sheet.rubric.find_step(step) is None:
        collector.skip("unknown_step", name=step)
        return
    if step in sheet.steps:
        raise SheetError(f"{place}: step {step!r} of {author.name!r} and attempt {attempt} stands here a second time")
    draft = sheet.step(step)
    draft.points = _number_or_none(row, "points", place)
    draft.status = row.get("status") or "judged"
    draft.deductions = _read_list(row.get("deductions"), place)
    draft.void = _choice(row, "void", {"yes": True, "no": False}, place) or False
    draft.verdict = _choice(row, "verdict", {"wrong": True, "right": False}, place)
    draft.evidence = _read_evidence(row.get("evidence"), place)
    draft.note, draft.reason = row.get("note"), row.get("reason")
    draft.provenance = _choice(row, "provenance", {each: each for each in get_args(Origin)}, place)
    draft.rationale = row.get("rationale")
    _read_sheet_fields(row, sheet, place)
    _read_more(row.get("more"), sheet, draft, place)


def _read_sheet_fields(row: Mapping[str, str | None], sheet: SheetDraft, place: str) -> None:
    """What is told on every row of a sheet must be the same on each."""
    rating = _number_or_none(row, "global_rating", place)
    if rating is not None and rating != int(rating):
        raise SheetError(f"{place}: global rating {rating:g} is not a whole number")
    told = (row.get("submitted_at"), None if rating is None else int(rating))
    if len(sheet.steps) == 1:
        sheet.submitted_at, sheet.global_rating = told
    elif told != (sheet.submitted_at, sheet.global_rating):
        raise SheetError(
            f"{place}: submitted at {told[0]}, global rating {told[1]}, and an earlier row of the same sheet says "
            f"{sheet.submitted_at}, {sheet.global_rating}; make them one"
        )


def _read_more(text: str | None, sheet: SheetDraft, draft: Draft, place: str) -> None:
    if text is None:
        return
    more = read_json(text.encode("utf-8"), f"{place} column 'more'")
    for key, node in more.members():
        if key == "reasons":
            draft.more["reasons"] = node.value
        elif key in ("step", "sheet", "author"):
            fields = {name: each.value for name, each in node.members()}
            clash = sorted(set(fields) & {*Entry.model_fields, *Sheet.model_fields, *Author.model_fields})
            if clash:
                node.refuse(f"holds {clash[0]!r}, which has a column of its own; take it out")
            if key == "author":
                sheet.author = Author.model_validate({"kind": sheet.author.kind, "name": sheet.author.name, **fields})
            else:
                (draft if key == "step" else sheet).more.update(fields)


def _author(row: Mapping[str, str | None], place: str) -> Author | None:
    name = row.get("author")
    if name is None:
        return None
    kinds: dict[str, AuthorKind] = {
        "physician": "physician", "model": "model", "examiner": "examiner", "consensus": "consensus",
        "baseline": "baseline",
    }  # fmt: skip
    return Author(kind=_choice(row, "author_kind", kinds, place) or "physician", name=name)


def _needed(row: Mapping[str, str | None], name: str, place: str) -> str:
    value = row.get(name)
    if value is None:
        raise SheetError(f"{place}: the cell of column {name!r} is empty; fill it in")
    return value


def _number_or_none(row: Mapping[str, str | None], name: str, place: str) -> float | None:
    cell = row.get(name)
    return None if cell is None else number_of(cell, f"{place}: column {name!r}")


def _choice(row: Mapping[str, str | None], name: str, words: Mapping[str, Any], place: str) -> Any:
    cell = row.get(name)
    if cell is None:
        return None
    if cell.strip().casefold() not in words:
        raise SheetError(f"{place}: column {name!r} is {cell[:40]!r}, wanted {', '.join(words)} or an empty cell")
    return words[cell.strip().casefold()]


def _read_list(cell: str | None, place: str) -> list[str]:
    """Ids behind semicolons, those that hold one in quotes."""
    out, rest = [], (cell or "").lstrip()
    while rest:
        quoted = _QUOTED.match(rest)
        if quoted is not None:
            out.append(_unquoted(quoted[0], place))
            between, _, rest = rest[quoted.end() :].partition(";")
            if between.strip():
                raise SheetError(f"{place}: cannot read the deductions {cell!r:.60}; write ids with ; between them")
        else:
            plain, _, rest = rest.partition(";")
            out += [plain.strip()] if plain.strip() else []
        rest = rest.lstrip()
    return out


def _unquoted(text: str, place: str) -> str:
    return read_json(text.encode("utf-8"), f"{place} column 'deductions'").text()


def _read_evidence(cell: str | None, place: str) -> list[tuple[float, float]]:
    out = []
    for part in cell.split(";") if cell else ():
        words = part.split()
        if len(words) != 3 or words[1] != "to":
            raise SheetError(f"{place}: evidence {part.strip()[:60]!r} is not seconds such as '12.5 to 14'; correct it")
        out.append((number_of(words[0], f"{place}: evidence"), number_of(words[2], f"{place}: evidence")))
    return out
