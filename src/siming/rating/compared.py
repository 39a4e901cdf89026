"""Two physicians' columns side by side, cut to the cells of one panel, so that a part costs what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from siming.rating.cells import MISSING, NO_SHEET, NOT_APPLICABLE, Bools, Column, Floats, Grid, Ints


@dataclass(frozen=True)
class Side:
    """What one rater says in each cell."""

    name: str
    points: Floats
    """NaN where there are none."""
    labels: Ints
    """`MISSING` where there are no points."""
    wrong: Ints
    """1 wrong, 0 right, `MISSING` where there are no points."""
    not_applicable: Bools

    def only(self, chosen: Bools | Ints) -> Side:
        """The same of some cells."""
        return Side(
            name=self.name,
            points=self.points[chosen],
            labels=self.labels[chosen],
            wrong=self.wrong[chosen],
            not_applicable=self.not_applicable[chosen],
        )


@dataclass(frozen=True)
class Compared:
    """The cells of the attempts that both raters rated, some of them blank on one side or both."""

    first: Side
    second: Side
    cell: Ints
    """Place in the grid."""
    step: Ints
    attempt: Ints
    cluster: Ints
    """Number of the candidate."""
    part: Ints
    """Number of the attempt and rubric together."""
    max_points: Floats

    @cached_property
    def used(self) -> Bools:
        """Cells in which both gave points."""
        both: Bools = ~(np.isnan(self.first.points) | np.isnan(self.second.points))
        return both

    @property
    def n_cells(self) -> int:
        """Cells that can be compared."""
        return int(self.used.sum())

    @property
    def n_missing(self) -> int:
        """Cells that cannot, because one of them gave no points."""
        return len(self.cell) - self.n_cells

    @property
    def n_videos(self) -> int:
        """Attempts with a cell that can be compared."""
        return len(_numbered(self.attempt[self.used])[0])

    def only(self, chosen: Bools | Ints) -> Compared:
        """The same of some cells."""
        return Compared(
            first=self.first.only(chosen),
            second=self.second.only(chosen),
            cell=self.cell[chosen],
            step=self.step[chosen],
            attempt=self.attempt[chosen],
            cluster=self.cluster[chosen],
            part=self.part[chosen],
            max_points=self.max_points[chosen],
        )

    @cached_property
    def filled(self) -> Compared:
        """Only the cells in which both gave points."""
        return self.only(self.used)

    @cached_property
    def disputed(self) -> Bools:
        """Cells that go to adjudication: points differ, or one is blank and not both call it not applicable."""
        agreed: Bools = (self.first.points == self.second.points) | (
            self.first.not_applicable & self.second.not_applicable
        )
        return ~agreed

    def by_step(self) -> Iterator[tuple[int, Compared]]:
        """Each step's number and cells, in order."""
        steps, number = _numbered(self.step)
        # Numbers of 16 bits are sorted by counting, and no rubric has 30,000 steps.
        order = np.argsort(number.astype(np.int16), kind="stable")
        ends = np.cumsum(np.bincount(number, minlength=len(steps)))
        for step, places in zip(steps.tolist(), np.split(order, ends[:-1]), strict=True):
            yield step, self.only(places)

    @cached_property
    def totals(self) -> Totals:
        """Totals of the attempts of which both have one."""
        spoken = ~(np.isnan(self.first.points) & np.isnan(self.second.points))
        owner, number = _numbered(self.attempt[spoken])
        parts, part = _numbered(self.part[spoken])
        attempt_of = np.zeros(len(parts), dtype=np.int64)
        attempt_of[part] = number
        reachable = np.bincount(part, weights=self.max_points[spoken], minlength=len(parts))
        n_parts = np.bincount(attempt_of, minlength=len(owner))

        def of(side: Side) -> Floats:
            earned = np.bincount(part, weights=side.points[spoken], minlength=len(parts))
            summed: Floats = np.bincount(attempt_of, weights=100 * earned / reachable, minlength=len(owner)) / n_parts
            return summed

        cluster = np.zeros(len(owner), dtype=np.int64)
        cluster[number] = self.cluster[spoken]
        first, second = of(self.first), of(self.second)
        both = ~(np.isnan(first) | np.isnan(second))
        return Totals(owner[both], cluster[both], first[both], second[both], int((~both).sum()))


@dataclass(frozen=True)
class Totals:
    """Points in per cent, averaged over an attempt's rubrics, where neither rater left a cell blank."""

    attempt: Ints
    cluster: Ints
    first: Floats
    second: Floats
    n_incomplete: int
    """Attempts left out, because one of the two left a cell blank that the other filled."""


def _numbered(ids: Ints) -> tuple[Ints, Ints]:
    """The different ids in order, and each one's place among them: `np.unique` of small numbers, without sorting."""
    present = np.bincount(ids) > 0
    number: Ints = (np.cumsum(present) - 1)[ids]
    return np.flatnonzero(present), number


def compared_pairs(grid: Grid, columns: Mapping[str, Column]) -> Iterator[Compared]:
    """Each two physicians who rated an attempt in common, in order of their names."""
    asked = {name: rated(column) for name, column in columns.items()}
    for first, second in combinations(sorted(columns), 2):
        cell = np.flatnonzero(asked[first] & asked[second])
        if len(cell):
            yield Compared(
                first=_side(columns[first], cell),
                second=_side(columns[second], cell),
                cell=cell,
                step=grid.step[cell],
                attempt=grid.attempt[cell],
                cluster=grid.cluster[cell],
                part=grid.part[cell],
                max_points=grid.max_points[cell],
            )


def rated(column: Column) -> Bools:
    """Cells of the attempts he rated: with points, with a verdict alone, or said to be beyond judging."""
    there: Bools = column.has_points.copy()
    for place in np.flatnonzero(~there):
        there[place] = column.why[place] != NO_SHEET
    return there


def _side(column: Column, cell: Ints) -> Side:
    points = column.points[cell]
    blank = np.isnan(points)
    not_applicable = np.zeros(len(cell), dtype=np.bool_)
    for place in np.flatnonzero(blank):
        not_applicable[place] = column.why[cell[place]] == NOT_APPLICABLE
    return Side(
        name=column.name,
        points=points,
        labels=column.labels[cell],
        wrong=np.where(blank, MISSING, column.wrong[cell]),
        not_applicable=not_applicable,
    )
