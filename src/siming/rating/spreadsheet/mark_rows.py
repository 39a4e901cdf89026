"""The rows of a spreadsheet, one after the other: whose marks, by whom, on which step; and rows that hold none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from siming.rating.spreadsheet.details import DetailReader
from siming.rating.spreadsheet.found import Found, Maximum, Problem, Sum
from siming.rating.spreadsheet.headings import FOOTERS, MAXIMA, SUMMARIES, StepNames, bare, role_of
from siming.rating.spreadsheet.mark_cell import ABSENT, EMPTY, Reading, read_cell, why_missing
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.shape import Layout, MarkColumn
from siming.rating.spreadsheet.table_file import Table


def read_rows(table: Table, layout: Layout, *, names: StepNames | None, rater: str | None, fill_down: bool) -> Found:
    """Read every row below the headings; problems are gathered, not raised."""
    reader = _Rows(table, layout, names, rater, fill_down)
    for row in range(layout.header.first_row, len(table.rows)):
        reader.read(row)
    reader.finish()
    return reader.found


@lru_cache(maxsize=65536)
def _kind_of_row(lead: str) -> Literal["maxima", "summary", "footer", "data"]:
    """What the first cell of a row says about it."""
    word = bare(lead)
    if word in MAXIMA:
        return "maxima"
    if word in SUMMARIES:
        return "summary"
    return "footer" if lead.casefold().startswith(FOOTERS) else "data"


class _Rows:
    """The reader of one table."""

    def __init__(
        self, table: Table, layout: Layout, names: StepNames | None, rater: str | None, fill_down: bool
    ) -> None:
        self.table, self.layout, self.names, self.rater, self.fill_down = (
            table,
            layout,
            names,
            rater,
            fill_down,
        )
        self.found = Found()
        self.places: dict[tuple[str, str, str], int] = {}
        """Number of the mark of each attempt, rater and step."""
        self.spelled: dict[tuple[str, str], tuple[str, int]] = {}
        self.steps_named: dict[tuple[str, str], str | None] = {}
        self.may_say_absent = (*layout.remarks, *(each.column for each in layout.sums))
        self.previous: str | None = None
        self.short: list[int] = []
        self.n_columns = max((at + 1 for at, heading in enumerate(layout.header.headings) if heading), default=0)
        self.details = DetailReader(table, layout) if layout.details else None
        self.long_sums: list[tuple[int, str, str, str, Reading]] = []

    # One row.

    def read(self, row: int) -> None:
        cells = self.table.rows[row]
        readings = [read_cell(cells[mark.column]) for mark in self.layout.marks]
        lead = next((cell for cell in cells if cell), "")
        numbers = any(reading.value is not None for reading in readings)
        if self._is_heading(row):
            self._leave_out(row, "headings_again")
            return
        kind = _kind_of_row(lead)
        if kind == "maxima":
            self._read_maxima(row, readings)
            return
        if kind == "summary" or (kind == "footer" and not numbers):
            self._leave_out(row, "computed_row" if kind == "summary" else "remark")
            return
        says_absent = self._says_absent(row, readings)
        who = self._who(row, readings, numbers=numbers, says_absent=says_absent)
        if who is None:
            return
        attempt, rater, step = who
        if self.table.lengths and self.table.lengths[row] > self.n_columns:
            self._wrong(
                row,
                self.n_columns,
                f"{self.table.line(row)} has {self.table.lengths[row]} cells and the headings are {self.n_columns}; "
                "a decimal comma in a comma-separated file needs quotes or another delimiter, a note its own heading",
                about_mark=False,
            )
            return
        if self.details is not None:
            wrong = self.details.read(row, attempt, rater)
            if wrong is not None:
                column, complaint = wrong
                self._wrong(row, column, f"{self._place(row, column)}: {complaint}", about_mark=False)
        numbers_of_marks = self._marks(row, attempt, rater, step, readings, says_absent=says_absent)
        self._column_sums(row, numbers_of_marks)

    def _who(
        self, row: int, readings: list[Reading], *, numbers: bool, says_absent: bool
    ) -> tuple[str, str | None, str | None] | None:
        """Attempt, rater and step that the row names; None where the row was left out or is wrong."""
        layout, table = self.layout, self.table
        attempt = table.filled(row, layout.attempt)
        rater = table.filled(row, layout.rater) if layout.rater is not None else self.rater
        step_text = table.filled(row, layout.step) if layout.step is not None else None
        silent = all(reading.why == EMPTY for reading in readings)
        for text in (rater, step_text):
            says_absent = says_absent or (bool(text) and why_missing(text or "") == ABSENT)
        if not attempt and self.fill_down and (numbers or rater or step_text) and self.previous is not None:
            attempt = self.previous
        if not attempt:
            if numbers or (rater and layout.rater is not None and not silent):
                self._wrong(
                    row,
                    layout.attempt,
                    f"{self._place(row, layout.attempt)}: is empty, wanted the attempt these marks belong to; write it, "
                    "or give fill_down=True if an empty cell means the attempt above",
                    about_mark=False,
                )
            else:
                self._leave_out(row, "no_attempt")
            return None
        if silent and not says_absent and not step_text and (layout.rater is None or not rater):
            self._leave_out(row, "no_marks")
            return None
        if not self._is_id(row, layout.attempt, attempt, "attempt"):
            return None
        self.previous = attempt
        if layout.rater is not None and (not rater or why_missing(rater) is not None):
            if says_absent and not numbers:
                self._absent(row, attempt)
            else:
                self._wrong(
                    row,
                    layout.rater,
                    f"{self._place(row, layout.rater)}: found {rater!r}, wanted the rater of attempt {attempt!r}; "
                    "write the name",
                    about_mark=False,
                )
            return None
        if rater and layout.rater is not None and not self._is_id(row, layout.rater, rater, "rater"):
            return None
        if layout.step is None:
            return attempt, rater, None
        assert step_text is not None
        return self._with_step(row, attempt, rater, step_text, readings, says_absent=says_absent)

    def _with_step(
        self,
        row: int,
        attempt: str,
        rater: str | None,
        text: str,
        readings: list[Reading],
        *,
        says_absent: bool,
    ) -> tuple[str, str | None, str | None] | None:
        layout = self.layout
        assert layout.step is not None
        if not text or why_missing(text) == ABSENT:
            if says_absent or text:
                self._absent(row, attempt)
            else:
                self._wrong(
                    row,
                    layout.step,
                    f"{self._place(row, layout.step)}: is empty, wanted the step that was marked; write it",
                    about_mark=False,
                )
            return None
        skill = self.table.filled(row, layout.skill) if layout.skill is not None else ""
        role = role_of(text)
        step = self._step(text, skill)
        if step is None and role in ("sum", "mean"):
            if role == "sum":
                for mark, reading in zip(layout.marks, readings, strict=True):
                    self.long_sums.append((row, attempt, mark.rater or rater or "", skill, reading))
            else:
                self._leave_out(row, "computed")
            return None
        if step is None:
            assert self.names is not None
            self._wrong(
                row,
                layout.step,
                f"{self._place(row, layout.step)}: found {text!r}, which is no step of "
                f"{', '.join(r.id for r in self.names.rubrics)}{self.names.nearest(text)}; "
                "correct it, or give the rubric it belongs to",
                about_mark=False,
            )
            return None
        if layout.maximum is not None:
            self._read_maximum(row, step)
        return attempt, rater, step

    def _step(self, text: str, skill: str) -> str | None:
        if (text, skill) not in self.steps_named:
            if self.names is not None:
                self.steps_named[text, skill] = self.names.find(text, skill or None)
            elif role_of(text) in ("sum", "mean"):
                self.steps_named[text, skill] = None
            else:
                step = f"{skill} {text}" if skill and not text.startswith(skill) else text
                self.steps_named[text, skill] = step
                if skill:
                    self.found.skills[step] = skill
        return self.steps_named[text, skill]

    # The marks of a row.

    def _marks(
        self,
        row: int,
        attempt: str,
        rater: str | None,
        step: str | None,
        readings: list[Reading],
        *,
        says_absent: bool,
    ) -> dict[int, int]:
        """Take the row's marks; returns the number of the mark in each of the layout's mark columns."""
        layout = self.layout
        given = [n for n, reading in enumerate(readings) if reading.value is not None]
        if says_absent:
            self._absent(row, attempt)
            if given:
                mark = layout.marks[given[0]]
                self._wrong(
                    row,
                    mark.column,
                    f"{self._place(row, mark.column)}: found {self.table.rows[row][mark.column]!r} for attempt "
                    f"{attempt!r}, which the row calls absent; an attempt that did not take place has no points: "
                    "empty the cell, or write NA in place of the word for absent",
                    about_mark=False,
                )
                return {}
        out: dict[int, int] = {}
        for n, (mark, reading) in enumerate(zip(layout.marks, readings, strict=True)):
            key = (attempt, mark.rater or rater or "", mark.step or step or "")
            first = self.places.get(key)
            if first is not None:
                self._refuse_second(row, mark, key, first)
                return {}
            if reading.why == EMPTY and self._covered(row, mark):
                continue
            if reading.problem is not None:
                self._refuse_reading(row, mark, reading)
            if says_absent:
                reading = read_cell("absent")
            out[n] = self.places[key] = self._take(key, reading, row, mark.column)
        return out

    def _take(self, key: tuple[str, str, str], reading: Reading, row: int, column: int) -> int:
        found = self.found
        for each, part in zip((found.attempts, found.raters, found.steps), key, strict=True):
            each.append(part)
        found.readings.append(reading)
        found.rows.append(row)
        found.columns.append(column)
        found.why.append(reading.why or "")
        return len(found.rows) - 1

    def _covered(self, row: int, mark: MarkColumn) -> bool:
        """Whether a merged range hides the cell; a mark over two cells is one too few, and refused."""
        top, left = self.table.anchor(row, mark.column)
        if (top, left) == (row, mark.column) or why_missing(self.table.rows[top][left]) is not None:
            return False
        self._wrong(
            row,
            mark.column,
            f"{self._place(row, mark.column)}: is merged with {self._place(top, left)} "
            f"({self.table.rows[top][left]!r}); unmerge the cells and write each mark",
            about_mark=False,
        )
        return True

    def _refuse_reading(self, row: int, mark: MarkColumn, reading: Reading) -> None:
        column = self.layout.header.label(mark.column)
        leave = (
            ""
            if self.names is not None or self.layout.step is not None
            else f"; if the column holds no marks, give ignore=[{column!r}]"
        )
        self._wrong(row, mark.column, f"{self._place(row, mark.column)}: {reading.problem}{leave}", about_mark=True)

    def _refuse_second(self, row: int, mark: MarkColumn, key: tuple[str, str, str], first: int) -> None:
        attempt, rater, step = key
        which = f" on step {step!r}" if self.layout.step is not None else ""
        where = self.table.line(self.found.rows[first])
        self._wrong(
            row,
            mark.column,
            f"{self.table.line(row)}: attempt {attempt!r} has marks of rater {rater!r}{which} already ({where}); "
            "delete one of the two, or correct the attempt or the rater",
            about_mark=False,
        )

    # Absent attempts, maxima, sums.

    def _says_absent(self, row: int, readings: list[Reading]) -> bool:
        cells = self.table.rows[row]
        return any(reading.why == ABSENT for reading in readings) or any(
            why_missing(cells[column]) == ABSENT for column in self.may_say_absent
        )

    def _absent(self, row: int, attempt: str) -> None:
        self.found.absent.setdefault(attempt, row)

    def _read_maxima(self, row: int, readings: list[Reading]) -> None:
        for mark, reading in zip(self.layout.marks, readings, strict=True):
            if reading.value is not None and mark.step is not None:
                self.found.maxima.append(Maximum(row, mark.column, mark.step, reading.value))
        self._leave_out(row, "maxima")

    def _read_maximum(self, row: int, step: str) -> None:
        column = self.layout.maximum
        assert column is not None
        reading = read_cell(self.table.filled(row, column))
        if reading.value is not None and not reading.percent:
            self.found.maxima.append(Maximum(row, column, step, reading.value))
        elif reading.why != EMPTY:
            found = reading.problem or f"found {self.table.rows[row][column]!r}; write the maximum as a number"
            self._wrong(row, column, f"{self._place(row, column)}: {found}", about_mark=True)

    def _column_sums(self, row: int, taken: dict[int, int]) -> None:
        for each in self.layout.sums:
            reading = read_cell(self.table.rows[row][each.column])
            if reading.problem is not None:
                self._wrong(row, each.column, f"{self._place(row, each.column)}: {reading.problem}", about_mark=True)
            if reading.value is None:
                continue
            choices = tuple(tuple(taken[n] for n in cover) for cover in each.covers if all(n in taken for n in cover))
            if choices:
                self.found.sums.append(Sum(row, each.column, reading.value, reading.percent, choices))

    def finish(self) -> None:
        """What can be said only when all rows are read."""
        found = self.found
        by_rater: dict[tuple[str, str], list[int]] = {}
        for (attempt, rater, _), number in self.places.items() if self.long_sums else ():
            by_rater.setdefault((attempt, rater), []).append(number)
        for row, attempt, rater, skill, reading in self.long_sums:
            column = self.layout.marks[0].column
            marks = by_rater.get((attempt, rater), [])
            choices = [marks]
            if skill and self.layout.skill is not None:
                in_skill = [n for n in marks if self.table.filled(found.rows[n], self.layout.skill) == skill]
                choices.insert(0, in_skill)
            if reading.problem is not None:
                self._wrong(row, column, f"{self._place(row, column)}: {reading.problem}", about_mark=True)
            elif reading.value is not None and marks:
                kept = tuple(tuple(choice) for choice in choices if choice)
                found.sums.append(Sum(row, column, reading.value, reading.percent, kept))
        if self.long_sums:
            found.notes.append(Note("rows_of_sums", n=len(self.long_sums)))
        if self.details is not None:
            found.details, notes = self.details.finish()
            found.notes += notes
        self._refuse_marks_of_the_absent()
        if found.absent:
            found.notes.append(Note("absent", n=len(found.absent), which=_some(found.absent)))

    def _refuse_marks_of_the_absent(self) -> None:
        found = self.found
        if not found.absent:
            return
        blamed: set[str] = set()
        for attempt, row, column, reading in zip(
            found.attempts, found.rows, found.columns, found.readings, strict=True
        ):
            if reading.value is not None and attempt in found.absent and attempt not in blamed:
                blamed.add(attempt)
                where = self.table.line(found.absent[attempt])
                self._wrong(
                    row,
                    column,
                    f"{self._place(row, column)}: holds a mark of attempt {attempt!r}, which {where} calls absent; "
                    "empty the cell, or correct that row",
                    about_mark=False,
                )

    # Names, and rows without any.

    def _is_id(self, row: int, column: int, text: str, what: str) -> bool:
        """Whether an id or a name can be trusted to be what somebody wrote."""
        if self.spelled.get((what, text.casefold()), ("",))[0] == text:
            return True
        problem = None
        if re.fullmatch(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", text, re.IGNORECASE):
            problem = "a number that lost digits in a spreadsheet; format the column as text and write it again"
        elif "\ufffd" in text:
            problem = "characters lost in an earlier conversion; export the sheet again as UTF-8"
        elif text.startswith(("=", "#")) and re.match(r"=\w|#[A-Z/0]+[!?]?$", text):
            problem = f"a formula or an error; write the {what}"
        elif re.search("缺考|未考", text):
            problem = f"a word for absent with the {what}; write it into the cells of the marks"
        if problem is not None:
            self._wrong(row, column, f"{self._place(row, column)}: found {text!r}, {problem}", about_mark=False)
            return False
        first, line = self.spelled.setdefault((what, text.casefold()), (text, row))
        if first != text:
            self._wrong(
                row,
                column,
                f"{self._place(row, column)}: found {what} {text!r}, and {first!r} in {self.table.line(line)}; "
                "if they are one, write them alike; if not, let them differ by more than case",
                about_mark=False,
            )
            return False
        return True

    def _is_heading(self, row: int) -> bool:
        heads, cells = self.layout.header.headings, self.table.rows[row]
        if not heads[self.layout.attempt] or cells[self.layout.attempt] != heads[self.layout.attempt]:
            return False
        return all(cell in ("", head) for head, cell in zip(heads, cells, strict=True))

    def _leave_out(self, row: int, why: str) -> None:
        text = " ".join(cell for cell in self.table.rows[row] if cell)
        self.found.notes.append(Note("left_out_row", row=self.table.line(row), why=Note(why), text=text[:60]))

    def _place(self, row: int, column: int) -> str:
        label = self.layout.header.label(column) if column < len(self.layout.header.headings) else None
        return self.table.place(row, column, label)

    def _wrong(self, row: int, column: int, text: str, *, about_mark: bool) -> None:
        self.found.problems.append(Problem(row, column, text, about_mark))


def _some(names: Iterable[str], most: int = 10) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (" ..." if len(listed) > most else "")
