"""Cells: every step of every attempt, and what an author says in each, as columns of numbers.

They live in this room and not in `bench` because two physicians and a model beside the consensus need the
very same columns, and `rating` may not look up to `bench`. So agreement has one piece of arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from siming.errors import SheetError
from siming.rubric import Dataset, Entry, Rubric, Sheet, Step
from siming.rubric.labels import label_of_entry
from siming.rubric.rubric import OrdinalMap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MISSING = -1
"""Where a label or a verdict is missing; missing points are NaN."""

NO_SHEET = "no sheet"
CANNOT_JUDGE = "cannot judge"
NOT_APPLICABLE = "not applicable"

_WHY_NO_POINTS: Mapping[str, str] = {"cannot_judge": CANNOT_JUDGE, "not_applicable": NOT_APPLICABLE}


@dataclass(frozen=True)
class Grid:
    """The cells of a dataset in a fixed order, whatever the order of its files."""

    rubrics: tuple[Rubric, ...]
    attempts: tuple[str, ...]
    """Ids, sorted."""
    keys: tuple[tuple[str, str], ...]
    """(attempt, step) of each cell; step ids are unique over an attempt's rubrics."""
    places: Mapping[tuple[str, str], int]
    """The number of the cell at a key."""
    steps: tuple[Step, ...]
    """The rubric's step of each cell."""
    rubric: tuple[Rubric, ...]
    """The rubric of each cell."""
    attempt: Ints
    """Number of the cell's attempt."""
    part: Ints
    """Number of the cell's attempt and rubric together."""
    step: Ints
    """Number of the cell's step; steps of two rubrics differ even where their ids do not."""
    cluster: Ints
    """Number of the cell's candidate: several attempts of one candidate are not independent."""
    max_points: Floats
    labels_read: dict[object, int] = field(default_factory=dict, repr=False, compare=False)
    """What `labels_of` has worked out already."""

    @property
    def n(self) -> int:
        """Cells."""
        return len(self.keys)

    @property
    def attempt_cluster(self) -> Ints:
        """Number of the candidate of each attempt."""
        out = np.zeros(len(self.attempts), dtype=np.int64)
        out[self.attempt] = self.cluster
        return out


@dataclass(frozen=True)
class Column:
    """What one author says in every cell of a grid."""

    name: str
    entries: tuple[Entry | None, ...]
    points: Floats
    """NaN where there are none."""
    labels: Ints
    """0 to 3, `MISSING` where there are no points."""
    wrong: Ints
    """1 where the author holds the step done wrong, 0 where right, `MISSING` where he does not say."""
    why: tuple[str | None, ...]
    """Why a cell has neither points nor verdict; None where it has."""

    @property
    def has_points(self) -> Bools:
        """Cells with points."""
        there: Bools = ~np.isnan(self.points)
        return there

    @property
    def has_verdict(self) -> Bools:
        """Cells said to be right or wrong."""
        there: Bools = self.wrong != MISSING
        return there

    def explained(self, reasons: Mapping[int, str]) -> Column:
        """The same column with better reasons for cells that are missing, by number of the cell."""
        return replace(self, why=tuple(reasons.get(i, why) if why else None for i, why in enumerate(self.why)))


def grid_of(dataset: Dataset) -> Grid:
    """The cells of a dataset: attempts sorted by id, each with its rubrics' steps in their order."""
    order = {rubric_id: number for number, rubric_id in enumerate(dataset.rubrics)}
    attempts = sorted(dataset.attempts, key=lambda attempt: attempt.id)
    candidates = sorted({attempt.candidate or attempt.id for attempt in attempts})
    candidate_number = {name: number for number, name in enumerate(candidates)}
    step_number: dict[tuple[str, str], int] = {}
    for rubric_id, rubric in dataset.rubrics.items():
        for step in rubric.steps:
            step_number[rubric_id, step.id] = len(step_number)
    keys: list[tuple[str, str]] = []
    steps: list[Step] = []
    rubrics: list[Rubric] = []
    numbers: list[tuple[int, int, int, int]] = []
    parts = 0
    for number, attempt in enumerate(attempts):
        for ref in sorted(attempt.rubrics, key=lambda ref: order[ref.id]):
            rubric = dataset.rubrics[ref.id]
            for step in rubric.steps:
                keys.append((attempt.id, step.id))
                steps.append(step)
                rubrics.append(rubric)
                cluster = candidate_number[attempt.candidate or attempt.id]
                numbers.append((number, parts, step_number[rubric.id, step.id], cluster))
            parts += 1
    columns = np.array(numbers, dtype=np.int64).reshape(-1, 4).T
    return Grid(
        rubrics=tuple(dataset.rubrics.values()),
        attempts=tuple(attempt.id for attempt in attempts),
        keys=tuple(keys),
        places={key: number for number, key in enumerate(keys)},
        steps=tuple(steps),
        rubric=tuple(rubrics),
        attempt=columns[0],
        part=columns[1],
        step=columns[2],
        cluster=columns[3],
        max_points=np.array([step.max_points for step in steps]),
    )


def column_of(grid: Grid, sheets: Iterable[Sheet], *, name: str) -> Column:
    """The column that an author's sheets fill; steps of attempts outside the grid are left out.

    Raises:
        SheetError: two sheets speak about one step of one attempt.
    """
    entries: list[Entry | None] = [None] * grid.n
    for sheet in sheets:
        for step_id, entry in sheet.steps.items():
            place = grid.places.get((sheet.attempt, step_id))
            if place is None:
                continue
            if entries[place] is not None:
                raise SheetError(
                    f"two sheets of {name!r} give step {step_id} of attempt {sheet.attempt}; "
                    "a column holds one author: hand in his sheets only, one per attempt and rubric"
                )
            entries[place] = entry
    return column_of_entries(grid, entries, name=name)


def column_of_entries(grid: Grid, entries: Sequence[Entry | None], *, name: str) -> Column:
    """The column of entries that stand in the grid's order, None where there is none."""
    labels = labels_of(grid, entries)
    line = np.array([rubric.binary_map.correct_when_label_at_least for rubric in grid.rubric], dtype=np.int64)
    own = np.array([MISSING if entry is None or entry.wrong is None else int(entry.wrong) for entry in entries])
    by_label = np.where(labels == MISSING, MISSING, (labels < line).astype(np.int64))
    return Column(
        name=name,
        entries=tuple(entries),
        points=np.array(
            [np.nan if entry is None or entry.points is None else entry.points for entry in entries],
            dtype=float,
        ),
        labels=labels,
        wrong=np.where(own == MISSING, by_label, own).astype(np.int64),
        why=tuple(NO_SHEET if entry is None else _WHY_NO_POINTS.get(entry.status) for entry in entries),
    )


def labels_of(grid: Grid, entries: Sequence[Entry | None], ordinal_map: OrdinalMap | None = None) -> Ints:
    """Label of each entry under the rubric's own mapping, or another; `MISSING` where it has no points."""
    out = np.full(grid.n, MISSING, dtype=np.int64)
    for place, (number, entry) in enumerate(zip(grid.step.tolist(), entries, strict=True)):
        if entry is None or entry.points is None:
            continue
        # Fractions are exact and slow; a step has few different points, so each is read once per grid.
        key = (ordinal_map.name if ordinal_map else None, number, entry.points, entry.void, entry.deductions)
        label = grid.labels_read.get(key)
        if label is None:
            mapping = ordinal_map or grid.rubric[place].ordinal_map
            label = label_of_entry(entry, grid.steps[place], mapping)
            assert label is not None  # it has points
            grid.labels_read[key] = label
        out[place] = label
    return out


def totals_of(grid: Grid, points: Floats, over: Bools) -> Floats:
    """Total of each attempt, 0 to 100: mean over its rubrics of the points earned in per cent.

    Only the cells of `over` count, in numerator and denominator. NaN where one of them has no points (a
    total of some steps is not a total) and where an attempt has no such cell.
    """
    n_parts = int(grid.part.max()) + 1 if grid.n else 0
    part = grid.part[over]
    earned = np.bincount(part, weights=points[over], minlength=n_parts)
    reachable = np.bincount(part, weights=grid.max_points[over], minlength=n_parts)
    counted = reachable > 0
    owner = np.zeros(n_parts, dtype=np.int64)
    owner[grid.part] = grid.attempt
    n_attempts = len(grid.attempts)
    parts = np.bincount(owner[counted], minlength=n_attempts)
    summed = np.bincount(owner[counted], weights=100 * earned[counted] / reachable[counted], minlength=n_attempts)
    totals: Floats = np.divide(summed, parts, out=np.full(n_attempts, np.nan), where=parts > 0)
    return totals
