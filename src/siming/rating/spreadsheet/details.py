"""What a table tells beside the marks: candidate and site of an attempt, time and global rating of a rater's sheet."""

from __future__ import annotations

import re
from datetime import datetime

from siming.rating.spreadsheet.mark_cell import why_missing
from siming.rating.spreadsheet.marks import Details
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.shape import DetailColumn, Layout
from siming.rating.spreadsheet.table_file import Table

_TIME = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[\sT]*(\d{1,2})\s*[:时]\s*(\d{1,2})\s*(?:[:分]\s*(\d{1,2})?(?:\.\d+)?\s*秒?)?)?(Z|[+-]\d\d:?\d\d)?"
)
_WHOLE = re.compile(r"(-?\d{1,3})(?:\.0+)?\s*分?")


class DetailReader:
    """Gathers the details of a table row by row."""

    def __init__(self, table: Table, layout: Layout) -> None:
        self.table, self.layout = table, layout
        self.told: dict[str, dict[tuple[str, str], str]] = {each.kind: {} for each in layout.details}
        self.unread: dict[DetailColumn, int] = {}
        """Columns with a cell that cannot be read, and its row."""

    def read(self, row: int, attempt: str, rater: str | None) -> tuple[int, str] | None:
        """Take what the row tells; the column and the complaint where it contradicts an earlier one."""
        for each in self.layout.details:
            text = self.table.filled(row, each.column)
            if not text or why_missing(text) is not None:
                continue
            said: str | None = text
            if each.kind == "time":
                said = read_time(text)
            elif each.kind == "global":
                whole = _WHOLE.fullmatch(text)
                said = whole[1] if whole else None
            if said is None:
                self.unread.setdefault(each, row)
                continue
            of_sheet = each.kind in ("time", "global")
            key = (attempt, (each.rater or rater or "") if of_sheet else "")
            first = self.told[each.kind].setdefault(key, said)
            if first == said:
                continue
            if each.kind == "time":
                self.told["time"][key] = max(first, said)
                continue
            whom = f" by {key[1]!r}" if key[1] else ""
            return each.column, (
                f"found {text!r}, and {first!r} in an earlier row of attempt {attempt!r}{whom}; correct one of the two"
            )
        return None

    def finish(self) -> tuple[Details, list[Note]]:
        """Everything told, and a note for each column that was left out."""
        notes = []
        for each, row in self.unread.items():
            label = self.layout.header.label(each.column)
            notes.append(
                Note(
                    "unread_time" if each.kind == "time" else "unread_rating",
                    column=Note("column", number=self.table.column(each.column), label=label),
                    place=self.table.place(row, each.column, label),
                    text=self.table.filled(row, each.column)[:40],
                )
            )
        kept = {kind: told for kind, told in self.told.items() if not any(each.kind == kind for each in self.unread)}
        by_attempt = {
            kind: {attempt: said for (attempt, _), said in kept.get(kind, {}).items()} for kind in ("candidate", "site")
        }
        details = Details(
            candidate=by_attempt["candidate"],
            site=by_attempt["site"],
            submitted_at=kept.get("time", {}),
            global_rating={key: int(said) for key, said in kept.get("global", {}).items()},
        )
        return details, notes


def read_time(text: str) -> str | None:
    """A date with or without a time as ISO 8601; None where the text is something else.

    >>> read_time("2024/3/5 9:05"), read_time("2024年3月5日"), read_time("2024-03-05T09:05:10Z"), read_time("9:05")
    ('2024-03-05T09:05:00', '2024-03-05T00:00:00', '2024-03-05T09:05:10Z', None)
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        when = datetime(*(int(part or 0) for part in found.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return None
    return when.isoformat() + (found[7] or "")
