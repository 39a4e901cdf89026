"""From what the cells say to points or labels: maxima, shares of them, scales and sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from siming.errors import SheetError
from siming.rating.spreadsheet.found import Found, Problem
from siming.rating.spreadsheet.headings import tight
from siming.rating.spreadsheet.marks import TOTAL
from siming.rating.spreadsheet.note import Note
from siming.rating.spreadsheet.shape import Layout
from siming.rating.spreadsheet.table_file import Table
from siming.rubric import Rubric

Floats = NDArray[np.float64]

_SAME_SUM = 0.011
"""Sums may differ by a rounding in the second decimal."""


def settle_values(
    table: Table,
    layout: Layout,
    found: Found,
    *,
    rubrics: Sequence[Rubric],
    levels: tuple[int, ...] | None,
    given: float | Mapping[str, float] | None = None,
) -> tuple[Floats, dict[str, float]]:
    """The value of every mark (NaN where missing), and the maximum of every step that has a known one.

    Args:
        given: Maxima that the caller names, one for all steps or by step.

    Problems go to `found.problems`: a value off the scale, over the maximum, or a share of a maximum nobody names.
    """
    if levels is not None:
        return _labels(table, layout, found, levels), {}
    maxima = _maxima(table, layout, found, rubrics, given)
    values = np.full(len(found.readings), np.nan)
    for number, (step, reading) in enumerate(zip(found.steps, found.readings, strict=True)):
        if reading.value is None:
            continue
        most = maxima.get(step)
        if reading.percent:
            if most is None:
                _wrong(
                    table,
                    layout,
                    found,
                    number,
                    f"of a maximum that nothing names (step {step!r}); write points, write the maximum into the "
                    f"heading, such as '{step} (max 10)', or give the rubric",
                )
                continue
            value = round(reading.value * most / 100, 9)
        else:
            value = reading.value
        if most is not None and value > most:
            _wrong(
                table,
                layout,
                found,
                number,
                f"wanted 0 to {most:g} (the maximum of step {step!r}); correct the mark, or the maximum",
            )
        values[number] = value
    return values, maxima


def _labels(table: Table, layout: Layout, found: Found, levels: tuple[int, ...]) -> Floats:
    values = np.full(len(found.readings), np.nan)
    wanted = ", ".join(map(str, levels))
    for number, reading in enumerate(found.readings):
        if reading.value is None:
            continue
        if reading.percent or reading.out_of is not None or reading.value not in levels:
            _wrong(
                table,
                layout,
                found,
                number,
                f"wanted a label, one of {wanted}; correct it, give levels= with the whole scale, or kind='points'",
            )
            continue
        values[number] = reading.value
    return values


def _maxima(
    table: Table,
    layout: Layout,
    found: Found,
    rubrics: Sequence[Rubric],
    given: float | Mapping[str, float] | None,
) -> dict[str, float]:
    """Maxima by step: the rubric's, a heading's, a row's, a column's, or the denominator of 3/4; all must agree."""
    known: dict[str, tuple[float, str]] = {}
    for rubric in rubrics:
        known |= {step.id: (step.max_points, f"rubric {rubric.id}") for step in rubric.steps}
    if len(rubrics) == 1:
        known[TOTAL] = (rubrics[0].total_points, f"rubric {rubrics[0].id}")
    for mark in layout.marks:
        if mark.step is not None and mark.step in layout.max_points:
            _agree(
                table,
                found,
                known,
                mark.step,
                layout.max_points[mark.step],
                layout.header.rows[-1],
                mark.column,
            )
    for each in found.maxima:
        _agree(table, found, known, each.step, each.value, each.row, each.column)
    for step, reading, row, column in zip(found.steps, found.readings, found.rows, found.columns, strict=True):
        if reading.out_of is not None:
            _agree(table, found, known, step, reading.out_of, row, column)
    used = dict.fromkeys(found.steps)
    for step, most in _given(table, given, tuple(used)).items():
        first, source = known.setdefault(step, (most, ""))
        if first != most:
            raise SheetError(
                f"{table.name}: max_points gives step {step!r} {most:g}, {source} says {first:g}; "
                "correct one of the two"
            )
    return {step: most for step, (most, _) in known.items() if step in used}


def _given(table: Table, given: float | Mapping[str, float] | None, steps: Sequence[str]) -> dict[str, float]:
    """The caller's maxima by step."""
    if given is None:
        return {}
    maxima = given if isinstance(given, Mapping) else dict.fromkeys(steps, given)
    of_heading = {tight(step): step for step in steps}
    unknown = [heading for heading in maxima if tight(heading) not in of_heading]
    if unknown:
        raise SheetError(
            f"{table.name}: max_points names step {unknown[0]!r}, the steps are {', '.join(steps)}; correct the name"
        )
    wrong = [step for step, most in maxima.items() if not 0 < most < np.inf]
    if wrong:
        raise SheetError(f"max_points gives step {wrong[0]!r} {maxima[wrong[0]]:g}; give a number above 0")
    return {of_heading[tight(heading)]: float(most) for heading, most in maxima.items()}


def _agree(
    table: Table,
    found: Found,
    known: dict[str, tuple[float, str]],
    step: str,
    most: float,
    row: int,
    column: int,
) -> None:
    place = table.place(row, column)
    first, source = known.setdefault(step, (most, place))
    if not most > 0:
        text = f"{place}: found a maximum of {most:g} for step {step!r}; it has to be above 0: correct it"
    elif first != most:
        text = (
            f"{place}: found {most:g} as the maximum of step {step!r}, wanted {first:g} as {source} has it; "
            "correct one of the two"
        )
    else:
        return
    found.problems.append(Problem(row, column, text, about_mark=True))


def check_sums(table: Table, layout: Layout, found: Found, values: Floats, maxima: dict[str, float]) -> None:
    """Hold every stated sum against its marks; a sum over missing marks cannot be checked and is only noted.

    What a column of sums covers is the likeliest of its choices that fits the most rows.
    """
    by_column: dict[int, list[int]] = {}
    for number, each in enumerate(found.sums):
        by_column.setdefault(each.column, []).append(number)
    for column, numbers in by_column.items():
        n_choices = max(len(found.sums[number].choices) for number in numbers)
        misses: list[list[int]] = [[] for _ in range(n_choices)]
        unchecked = [0] * n_choices
        for number in numbers:
            each = found.sums[number]
            for choice in range(n_choices):
                marks = list(each.choices[min(choice, len(each.choices) - 1)])
                if np.isnan(values[marks]).any():
                    unchecked[choice] += 1
                elif not _adds_up(each.said, each.percent, marks, found, values, maxima):
                    misses[choice].append(number)
        best = min(range(n_choices), key=lambda choice: len(misses[choice]))
        label = layout.header.label(column)
        for number in misses[best]:
            each = found.sums[number]
            marks = list(each.choices[min(best, len(each.choices) - 1)])
            found.problems.append(
                Problem(
                    each.row,
                    column,
                    f"{table.place(each.row, column, label)}: says {each.said:g}{'%' if each.percent else ''}, and the "
                    f"{len(marks)} marks it should be the sum of add up to {values[marks].sum():.10g}; correct the marks "
                    f"or the sum{'' if layout.step is not None else f', or leave the column out with ignore=[{label!r}]'}",
                    about_mark=True,
                )
            )
        found.notes.append(
            Note(
                "sums_unchecked" if unchecked[best] else "sums",
                column=Note("column", number=table.column(column), label=label),
                n=len(numbers) - unchecked[best],
                unchecked=unchecked[best],
            )
        )


def _adds_up(
    said: float, percent: bool, marks: list[int], found: Found, values: Floats, maxima: dict[str, float]
) -> bool:
    total = float(values[marks].sum())
    if percent:
        most = sum(maxima.get(found.steps[number], np.nan) for number in marks)
        return bool(np.isnan(most)) or abs(100 * total / most - said) < 100 * _SAME_SUM / 2
    return abs(total - said) < _SAME_SUM


def _wrong(table: Table, layout: Layout, found: Found, number: int, wanted: str) -> None:
    row, column = found.rows[number], found.columns[number]
    place = table.place(row, column, layout.header.label(column))
    found.problems.append(Problem(row, column, f"{place}: found {table.rows[row][column]!r}, {wanted}", True))
