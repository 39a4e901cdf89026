"""Which column of a spreadsheet is what, read from its headings and from nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set

from siming.errors import SheetError
from siming.rating.spreadsheet.header import Header, find_header
from siming.rating.spreadsheet.headings import (
    NAMABLE,
    Role,
    bare,
    best_attempt,
    is_grade_of_all,
    is_person,
    is_recording,
    is_subtotal,
    maximum_in,
    role_of,
    site_order,
    tight,
    without_maximum,
)
from siming.rating.spreadsheet.marks import TOTAL, listed
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.rater_columns import RaterStep, halves, rater_and_step
from siming.rating.spreadsheet.shape import DetailColumn, Layout, MarkColumn, SumColumn, Wishes
from siming.rating.spreadsheet.table_file import Table

_MAY_SAY_ABSENT: tuple[Role, ...] = ("remark", "aside", "mean", "label", "candidate", "site", "time", "global")
"""Columns without marks."""


def layout_of(table: Table, wishes: Wishes) -> Layout:
    """Find the headings and say what each column is.

    Raises:
        SheetError: every heading that is missing, double or open to two readings, with the mend.
    """
    unknown = sorted(set(wishes.columns) - set(NAMABLE))
    if unknown:
        raise SheetError(f"columns= has the key {unknown[0]!r}; it may have {', '.join(NAMABLE)}")
    header = find_header(table, wishes.columns.get("attempt"))
    return _Columns(table, header, wishes).layout()


class _Columns:
    """The columns of one table on their way to a layout."""

    def __init__(self, table: Table, header: Header, wishes: Wishes) -> None:
        self.table, self.header, self.wishes = table, header, wishes
        self.notes: list[str] = list(header.notes)
        self.complaints: list[str] = []
        self.roles: dict[int, Role | None] = {}
        self.details: list[DetailColumn] = []

    def layout(self) -> Layout:
        self._give_roles()
        self._refuse_doubles()
        attempt = self._attempt()
        rater, step, skill, maximum = (self._one(role) for role in ("rater", "step", "skill", "max"))
        if rater is not None and self.wishes.rater is not None:
            self.complaints.append(
                f"{self._at(rater)} names the raters and rater={self.wishes.rater!r} does too; leave out one of them"
            )
        self._stop_if_wrong()
        if step is not None:
            marks, shape = self._with_step_column(rater)
        else:
            marks, shape = self._without_step_column(rater)
        self._stop_if_wrong()
        self._refuse_points_off(marks)
        self._refuse_steps_twice(marks)
        self._stop_if_wrong()
        taken = {mark.column for mark in marks}
        sums = self._sums(marks, taken) if step is None else ()
        self._find_details(attempt, marks, of_steps=step is not None, by_row=rater is not None)
        of_rows = {attempt, rater, step} | ({skill, maximum} if step is not None else set())
        of_rows |= {each.column for each in self.details}
        self._note_the_rest(taken | {each.column for each in sums} | of_rows)
        self.notes.insert(0, Note("shape", shape=shape))
        return Layout(
            shape=shape,
            header=self.header,
            attempt=attempt,
            marks=tuple(marks),
            rater=rater,
            step=step,
            skill=skill,
            maximum=maximum if step is not None else None,
            remarks=tuple(c for c, role in self.roles.items() if role in _MAY_SAY_ABSENT),
            sums=sums,
            details=tuple(self.details),
            max_points=self._maxima(marks),
            notes=tuple(self.notes),
        )

    # What each column is called, and by that is.

    def _give_roles(self) -> None:
        by_hand: dict[str, Role] = {tight(heading): role for role, heading in self.wishes.columns.items()}  # type: ignore[misc]
        ignored = {tight(heading) for heading in self.wishes.ignore}
        used: set[str] = set()
        for column in range(self.table.width):
            heading, label = self.header.headings[column], self.header.label(column)
            called = {tight(heading), tight(label)}
            used |= called
            if not heading:
                self._refuse_nameless(column)
            elif called & ignored:
                self._leave_out(column, "ignored")
            elif called & by_hand.keys():
                self.roles[column] = by_hand[next(iter(called & by_hand.keys()))]
            else:
                self.roles[column] = self._role(heading)
        self.complaints += [
            f"no column is called {heading!r}; {self._headings()}"
            for heading in (*self.wishes.ignore, *self.wishes.columns.values())
            if tight(heading) not in used
        ]

    def _role(self, heading: str) -> Role | None:
        role = role_of(heading)
        # A step of the rubric may be called like something else: "Report" or 结果.
        if self.wishes.names and self.wishes.names.find(heading) and not bare(heading).isdigit():
            return None
        if bare(heading) in {bare(name) for name in self.wishes.raters}:
            return None
        return role

    def _refuse_nameless(self, column: int) -> None:
        below = range(self.header.first_row, len(self.table.rows))
        holding = [row for row in below if self.table.rows[row][column]]
        # Some lines of a text file that run past the headings are wrong line by line, and told so there.
        overrun = bool(self.table.lengths) and not any(self.header.headings[column:]) and len(holding) < len(below)
        if holding and not overrun:
            filled = holding[0]
            self.complaints.append(
                f"column {self.table.column(column)} has no heading and holds "
                f"{self.table.rows[filled][column][:20]!r} at {self.table.place(filled, column)}; "
                "give it a heading, or delete the column"
            )

    def _refuse_doubles(self) -> None:
        labels: dict[str, list[int]] = {}
        for column, role in self.roles.items():
            if role not in ("sum", *_MAY_SAY_ABSENT) or role == "label":
                labels.setdefault(tight(self.header.label(column)), []).append(column)
        for columns in labels.values():
            if len(columns) > 1:
                self.complaints.append(
                    f"{' and '.join(self._at(column) for column in columns)} have one heading; rename one, or delete it"
                )

    def _attempt(self) -> int:
        columns = [(column, self.header.headings[column]) for column, role in self.roles.items() if role == "attempt"]
        by_hand = self.wishes.columns.get("attempt")
        if by_hand is not None:
            columns = [each for each in columns if tight(each[1]) == tight(by_hand)] or columns
        best = best_attempt(columns) if columns else None
        if best is None:
            self.complaints.append("no column names the attempts; give columns={'attempt': HEADING}")
            return 0
        self.notes.append(Note("attempts", column=self._at(best)))
        recording = is_recording(self.header.headings[best])
        people = [(column, heading) for column, heading in columns if column != best and is_person(heading)]
        for column, _ in columns:
            if column != best:
                self.roles[column] = "aside"
        if recording and people and "candidate" not in self.wishes.columns:
            candidate = best_attempt(people)
            if candidate is not None:
                self.roles[candidate] = "candidate"
        return best

    def _one(self, role: Role) -> int | None:
        columns = [column for column, found in self.roles.items() if found == role]
        by_hand = self.wishes.columns.get(role)
        if by_hand is not None:
            chosen = [column for column in columns if tight(self.header.headings[column]) == tight(by_hand)]
            for column in set(columns) - set(chosen):
                self.roles[column] = "aside"
            columns = chosen or columns
        if len(columns) > 1:
            self.complaints.append(
                f"{' and '.join(self._at(column) for column in columns)} may both be the {role}; "
                f"give columns={{{role!r}: {self.header.headings[columns[0]]!r}}} or another of them"
            )
        return columns[0] if columns else None

    # Where the marks are.

    def _with_step_column(self, rater: int | None) -> tuple[list[MarkColumn], str]:
        free = self._free()
        points = self._points_column()
        if points is not None:
            self._need_rater(rater)
            for column in free:
                self._leave_out(column, "second_marks")
            return [MarkColumn(points, None, None, "")], Note("shape_long")
        across = self._rater_columns(free, steps=False)
        if across and rater is None and self.wishes.rater is None:
            return (
                [MarkColumn(column, None, found.rater, "") for column, found in across.items()],
                Note("shape_steps_down"),
            )
        self.complaints.append(
            f"{self._at_role('step')} names steps and no column holds {self.wishes.kind}; give "
            f"columns={{'points': HEADING}}, or raters=[...] where each rater has a column "
            f"(not understood: {', '.join(self._at(column) for column in free) or 'none'})"
        )
        return [], ""

    def _without_step_column(self, rater: int | None) -> tuple[list[MarkColumn], str]:
        free = self._free()
        one_rater = rater is not None or self.wishes.rater is not None
        rows = Note("attempt_and_rater" if rater is not None else "attempt")
        if not free:
            return self._totals(rater, rows)
        if one_rater:
            marks = self._steps(free)
            return marks, Note("shape_wide", rows=rows, n=len(marks))
        free = [column for column in free if not self._tells_of_one_sheet(column)]
        blocks = self._rater_columns(free, steps=True)
        if blocks is None:
            return [], ""
        steps = {found.step for found in blocks.values()}
        marks = [
            MarkColumn(column, found.step, found.rater, self.header.groups[column]) for column, found in blocks.items()
        ]
        n_raters = len({mark.rater for mark in marks})
        if steps == {TOTAL}:
            return marks, Note("shape_totals_across", n=n_raters)
        return marks, Note("shape_blocks", n=n_raters)

    def _totals(self, rater: int | None, rows: str) -> tuple[list[MarkColumn], str]:
        columns = [column for column, role in self.roles.items() if role in ("sum", "points")]
        if not columns:
            self.complaints.append(
                f"no column holds marks; {self._headings()}; wanted a column per step, or one of points or totals"
            )
            return [], ""
        if rater is not None or self.wishes.rater is not None:
            if len(columns) > 1:
                self.complaints.append(
                    f"{' and '.join(self._at(column) for column in columns)} may both be the total; "
                    f"leave one out with ignore=[{self.header.headings[columns[0]]!r}] or the other"
                )
            return [MarkColumn(columns[0], TOTAL, None, "")], Note("shape_totals", rows=rows)
        blocks = self._rater_columns(columns, steps=True)
        if blocks is None:
            return [], ""
        marks = [MarkColumn(column, TOTAL, found.rater, "") for column, found in blocks.items()]
        return marks, Note("shape_totals_across", n=len(marks))

    def _steps(self, free: Sequence[int]) -> list[MarkColumn]:
        heads = Counter(without_maximum(self.header.headings[column]) for column in free)
        marks = []
        for column in free:
            heading, group = without_maximum(self.header.headings[column]), self.header.groups[column]
            if self.wishes.names is None:
                if heads[heading] > 1 and not group:
                    self.complaints.append(
                        f"{self._at(column)} has no heading above it, as the others called {heading!r} have; "
                        "write it above the first column it belongs to"
                    )
                step = f"{group} {heading}" if heads[heading] > 1 else heading
                marks.append(MarkColumn(column, step, None, group))
                continue
            found = self.wishes.names.find(heading, group or None)
            if found is None:
                self._refuse_step(column)
            else:
                marks.append(MarkColumn(column, found, None, group))
        return marks

    def _rater_columns(self, columns: Sequence[int], *, steps: bool) -> dict[int, RaterStep] | None:
        """Rater and step of each column, where no row names the rater; None after a complaint."""
        pairs = [(self.header.groups[column], without_maximum(self.header.headings[column])) for column in columns]
        found = rater_and_step(pairs, raters=self.wishes.raters, names=self.wishes.names)
        if found is None:
            if steps:
                self.complaints.append(
                    "nothing names the raters: no column does, and the headings of the marks "
                    f"({', '.join(self._at(column) for column in columns[:4])}{' ...' if len(columns) > 4 else ''}) "
                    "can be read in more than one way; give rater='NAME' where one rater filled the table, or "
                    "raters=[...] where their names are in the headings"
                )
            return None
        out: dict[int, RaterStep] = {}
        for column, each in zip(columns, found, strict=True):
            if each is None:
                self._refuse_step(column)
            else:
                out[column] = each
        return out

    def _tells_of_one_sheet(self, column: int) -> bool:
        """Whether a heading such as ``Wei_总体评价`` tells of one rater's whole sheet; remembers it."""
        for pair in halves(self.header.headings[column]):
            for rater, what in (pair, pair[::-1]):
                role = role_of(what)
                if role in ("time", "global"):
                    self.details.append(DetailColumn(role, column, rater))
                    self.roles[column] = role
                    return True
        return False

    def _find_details(self, attempt: int, marks: Sequence[MarkColumn], *, of_steps: bool, by_row: bool) -> None:
        """Columns that tell of the attempt or the whole sheet, beside those `_tells_of_one_sheet` found."""
        raters = {bare(mark.rater): mark.rater for mark in marks if mark.rater}
        self.details = [each._replace(rater=raters.get(bare(each.rater or ""))) for each in self.details]
        self.details = [each for each in self.details if each.rater]
        one_rater = by_row or self.wishes.rater is not None
        told = {each.column for each in self.details}
        sites = [column for column, role in self.roles.items() if role == "site"]
        people = [column for column, role in self.roles.items() if role == "candidate"]
        self.details += [DetailColumn("candidate", column, None) for column in people[:1]]
        best_site = min(sites, key=lambda column: (site_order(self.header.headings[column]), column), default=None)
        if best_site is not None:
            self.details.append(DetailColumn("site", best_site, None))
        for column, role in sorted(self.roles.items()):
            if column in told:
                continue
            if role == "label" and not of_steps and self.wishes.kind == "points":
                role = "global" if is_grade_of_all(self.header.headings[column]) else None
            if role not in ("time", "global"):
                continue
            rater = raters.get(bare(self.header.groups[column]))
            if rater is not None or one_rater:
                self.details.append(DetailColumn(role, column, rater))
        self.notes += [Note(f"detail_{each.kind}", column=self._at(each.column)) for each in self.details]

    def _refuse_step(self, column: int) -> None:
        heading, names = self.header.headings[column], self.wishes.names
        known = f"no step of {', '.join(r.id for r in names.rubrics)}" if names else "no step"
        near = names.nearest(heading) if names else ""
        raters = f" of the raters {', '.join(self.wishes.raters)}" if self.wishes.raters else ""
        self.complaints.append(
            f"{self._at(column)} is {known}{raters}{near}; correct the heading, or leave the column out with "
            f"ignore=[{self.header.label(column)!r}]"
        )

    def _refuse_points_off(self, marks: Sequence[MarkColumn]) -> None:
        for mark in marks:
            if re.search("扣分|失分|deduct|points (?:off|lost)", self.header.label(mark.column).casefold()):
                self.complaints.append(
                    f"{self._at(mark.column)} holds points taken off; wanted the points that are left: subtract them from "
                    f"the maximum in a new column, and leave this one out with ignore=[{self.header.label(mark.column)!r}]"
                )

    def _refuse_steps_twice(self, marks: Sequence[MarkColumn]) -> None:
        seen: dict[tuple[str | None, str | None], int] = {}
        for mark in marks:
            first = seen.setdefault((mark.step, mark.rater), mark.column)
            if first != mark.column:
                who = f" of rater {mark.rater!r}" if mark.rater else ""
                self.complaints.append(
                    f"{self._at(first)} and {self._at(mark.column)} are both step {mark.step!r}{who}; "
                    f"leave one out with ignore=[{self.header.label(mark.column)!r}], or correct its heading"
                )

    def _need_rater(self, rater: int | None) -> None:
        if rater is None and self.wishes.rater is None:
            self.complaints.append(
                f"no column names the raters; {self._headings()}; give columns={{'rater': HEADING}}, or "
                "rater='NAME' where one rater filled the table"
            )

    def _points_column(self) -> int | None:
        roles: tuple[Role, ...] = ("points",)
        if self.wishes.kind == "labels" and "points" not in self.wishes.columns:
            roles = ("label", "points")
        return next((self._one(role) for role in roles if role in self.roles.values()), None)

    # Sums, maxima, and what is left.

    def _sums(self, marks: Sequence[MarkColumn], taken: set[int]) -> tuple[SumColumn, ...]:
        out = []
        previous = -1
        for column, role in sorted(self.roles.items()):
            if role not in ("sum", "points") or column in taken:
                continue
            own = [n for n, mark in enumerate(marks) if mark.rater and self._speaks_of(column, mark.rater)]
            pool = own or list(range(len(marks)))
            whole = pool if len({marks[n].rater for n in pool}) == 1 else []
            since = [n for n in range(len(marks)) if previous < marks[n].column < column]
            group = [n for n in pool if marks[n].group and marks[n].group == self.header.groups[column]]
            named = [n for n in pool if self._skill_of(column) and self._skill_of(column) == self._skill(marks[n])]
            likely = (
                (since, group, named, whole)
                if is_subtotal(self.header.headings[column])
                else (
                    named,
                    whole,
                    group,
                    since,
                )
            )
            covers = tuple(dict.fromkeys(tuple(each) for each in likely if each))
            if covers:
                out.append(SumColumn(column, covers))
            previous = column
        return tuple(out)

    def _speaks_of(self, column: int, rater: str) -> bool:
        return bare(rater) == bare(self.header.groups[column]) or bare(rater) in bare(self.header.headings[column])

    def _skill_of(self, column: int) -> str | None:
        """The rubric whose skill stands in the heading of a sum, such as ``CPR总分``."""
        names = self.wishes.names
        found = [r.id for r in names.rubrics if bare(r.skill) in bare(self.header.headings[column])] if names else []
        return found[0] if len(found) == 1 else None

    def _skill(self, mark: MarkColumn) -> str | None:
        names = self.wishes.names
        return names.rubric_of[mark.step].id if names and mark.step in names.rubric_of else None

    def _maxima(self, marks: Sequence[MarkColumn]) -> dict[str, float]:
        found: dict[str, float] = {}
        for mark in marks:
            value = maximum_in(self.header.headings[mark.column])
            if mark.step is None or value is None:
                continue
            if found.setdefault(mark.step, value) != value:
                raise SheetError(
                    f"{self.table.name}: {self._at(mark.column)} says a maximum of {value:g}, another column of the "
                    f"step {found[mark.step]:g}; correct one"
                )
        return found

    def _note_the_rest(self, used: Set[int | None]) -> None:
        why: dict[Role | None, str] = {
            "sum": "a_sum",
            "points": "a_sum",
            "mean": "computed",
            "label": "a_grade",
            "skill": "of_a_step",
            "max": "of_a_step",
        }
        for column, role in sorted(self.roles.items()):
            if column not in used and role is not None:
                self._leave_out(column, why.get(role, "no_mark"))

    # Speaking of columns.

    def _free(self) -> list[int]:
        return [column for column, role in self.roles.items() if role is None]

    def _at(self, column: int) -> str:
        return Note("column", number=self.table.column(column), label=self.header.label(column))

    def _leave_out(self, column: int, why: str) -> None:
        self.notes.append(Note("left_out_column", column=self._at(column), why=Note(why)))

    def _at_role(self, role: Role) -> str:
        return next(self._at(column) for column, found in self.roles.items() if found == role)

    def _headings(self) -> str:
        return f"the headings are {', '.join(repr(heading) for heading in self.header.headings if heading)}"

    def _stop_if_wrong(self) -> None:
        if self.complaints:
            raise SheetError(listed(f"{self.table.name}: the headings cannot be used as they are", self.complaints))
