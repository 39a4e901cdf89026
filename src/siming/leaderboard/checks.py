"""What the numbers of a board say about each other: cells that cannot both be right, counts that cannot be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Literal

from siming.bench.medvid.columns import COLUMNS
from siming.leaderboard.ranking import RULES, Values, rank_rows
from siming.leaderboard.words import said

Meaning = Literal["impossible", "doubtful", "note"]

FULL_COUNTS: Final[Mapping[str, int]] = {"NAP_acc": 670, "SA_acc": 160 * 6, "CVS_acc": 648 * 3}
"""Things to get right in the whole test set: next actions, aspects of skill, components of the critical view."""

CHANCE_CVS: Final = 1 / 3
"""Grades 0, 1 and 2 dealt at random are right in one of three."""

FEW_RIGHT: Final = 12
"""So few right answers of the whole set are told as a count."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the numbers say."""

    check: str
    meaning: Meaning
    """``impossible``: some cell is wrong. ``doubtful``: hard to explain. ``note``: to be known by whoever reads it."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: Mapping[str, Any]
    text: Mapping[str, str]
    """In English and Chinese."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON and pages."""
        return {
            "check": self.check,
            "meaning": self.meaning,
            "rows": list(self.rows),
            "columns": list(self.columns),
            "numbers": dict(self.numbers),
            "text": dict(self.text),
        }


def check_rows(
    table: Mapping[str, Values], *, decimals: int | None = 3, counts: Mapping[str, int] = FULL_COUNTS
) -> list[Finding]:
    """Everything that does not fit together, the impossible first.

    Args:
        table: Row to column to value; None where there is none.
        decimals: Decimals that the values were rounded to; None for full precision.
        counts: Things to get right in each column that counts. Empty where the questions are others than the test
            set's.
    """
    found = [finding for name, values in table.items() for finding in _of_row(name, values, decimals, counts)]
    found += _twins(table)
    found += _rules(table)
    order = {"impossible": 0, "doubtful": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.meaning])


def _of_row(name: str, values: Values, decimals: int | None, counts: Mapping[str, int]) -> Iterator[Finding]:
    slack = 0.0 if decimals is None else 10.0**-decimals
    yield from _ranges(name, values)
    yield from _thresholds(name, values, slack)
    if counts:
        yield from _counts(name, values, decimals, counts)
    zeros = [c for c, column in COLUMNS.items() if values.get(c) == 0 and not column.judged]
    if zeros:
        yield _finding("zero", "note", (name,), zeros, {}, name=name, which=", ".join(zeros))
    missing = [column for column in COLUMNS if values.get(column) is None]
    if missing:
        yield _finding("missing", "note", (name,), missing, {}, name=name, which=", ".join(missing))


def _ranges(name: str, values: Values) -> Iterator[Finding]:
    for column_name, column in COLUMNS.items():
        value = values.get(column_name)
        if value is None:
            continue
        if column.judged and value == 0:
            yield _finding(
                "judged_zero", "doubtful", (name,), [column_name], {"value": 0}, name=name, column=column_name
            )
        # A source without one matched event counts 0 in DVC_llm, so that only 0 bounds it from below.
        elif not (0 if column_name == "DVC_llm" else column.low) <= value <= column.high:
            numbers = {"value": value, "low": column.low, "high": column.high}
            yield _finding("outside", "impossible", (name,), [column_name], numbers, name=name, column=column_name)


def _thresholds(name: str, values: Values, slack: float) -> Iterator[Finding]:
    """A row that scores at 0.5 has matches of at least 0.3 at 0.3, so the one column bounds the other."""
    at03, at05 = values.get("TAG_mIoU@0.3"), values.get("TAG_mIoU@0.5")
    if at03 is None or at05 is None or at05 <= at03:
        return
    impossible = at05 - slack > (at03 + slack) / 0.3
    numbers = {"at03": at03, "at05": at05, "least": round(0.3 * at05, 4)}
    which = "threshold_impossible" if impossible else "threshold_above"
    columns = ["TAG_mIoU@0.3", "TAG_mIoU@0.5"]
    yield _finding(which, "impossible" if impossible else "doubtful", (name,), columns, numbers, name=name)


def _counts(name: str, values: Values, decimals: int | None, counts: Mapping[str, int]) -> Iterator[Finding]:
    for column, n in counts.items():
        value = values.get(column)
        if not value or not 0 < value < 1:
            continue
        count = round(value * n)
        fits = _rounds_to(count / n, value, decimals)
        numbers = {"value": value, "n": n, "k": count}
        if not fits:
            yield _finding("count", "note", (name,), [column], numbers, name=name, column=column)
        elif column == "SA_acc" and count <= FEW_RIGHT:
            yield _finding("unread_wrong", "doubtful", (name,), [column], numbers, name=name, column=column)
    cvs = values.get("CVS_acc")
    if "CVS_acc" in counts and cvs and cvs < CHANCE_CVS * 0.75:
        yield _finding("below_chance", "doubtful", (name,), ["CVS_acc"], {"value": cvs}, name=name)


def _rounds_to(exact: float, value: float, decimals: int | None) -> bool:
    """Whether rounding, once or twice as the board does, gives the value."""
    if decimals is None:
        return math.isclose(exact, value, abs_tol=1e-9)
    # Two roundings move a number by at most half a unit of the last decimal and half a unit of the one before.
    return abs(exact - value) <= 0.55 * 10.0**-decimals + 1e-12


def _twins(table: Mapping[str, Values]) -> Iterator[Finding]:
    for (one, first), (other, second) in combinations(table.items(), 2):
        same = [first.get(column) for column in COLUMNS] == [second.get(column) for column in COLUMNS]
        if same and any(value is not None for value in first.values()):
            yield _finding("twins", "doubtful", (one, other), list(COLUMNS), {}, name=one, other=other)


def _rules(table: Mapping[str, Values]) -> Iterator[Finding]:
    """The row whose place hangs most on the rule."""
    if len(table) < 2:
        return
    places = {rule: {each.name: each.place for each in rank_rows(table, rule=rule)} for rule in RULES}
    spread = {name: max(p[name] for p in places.values()) - min(p[name] for p in places.values()) for name in table}
    name = max(spread, key=lambda each: spread[each])
    if spread[name]:
        numbers: dict[str, Any] = {rule: places[rule][name] for rule in RULES}
        yield _finding("rules", "note", (name,), [], numbers, name=name)


def _finding(
    check: str, meaning: Meaning, rows: tuple[str, ...], columns: list[str], numbers: Mapping[str, Any], **words: object
) -> Finding:
    shown = {key: f"{value:g}" if isinstance(value, float) else value for key, value in numbers.items()}
    return Finding(check, meaning, rows, tuple(columns), numbers, said(f"check_{check}", **{**shown, **words}))
