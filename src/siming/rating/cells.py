"""Cells: every step of every attempt, and what an author says in each, as columns of numbers.

They live in this room and not in `bench` because two physicians and a model beside the consensus need the
very same columns, and `rating` may not look up to `bench`. So agreement has one piece of arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from operator import attrgetter
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from siming.errors import SheetError
from siming.rubric import Dataset, Entry, Rubric, Sheet, Step
from siming.rubric.labels import label_of_entry, wrong_of_entry
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
    starts: Mapping[tuple[str, str], int]
    """The number of the first cell of an attempt and one of its rubrics, by their ids."""
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

    @property
    def n(self) -> int:
        """Cells."""
        return len(self.keys)

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        """The number of the cell at a key."""
        return dict(zip(self.keys, range(self.n), strict=True))

    @cached_property
    def step_ids(self) -> Mapping[str, KeysView[str]]:
        """The steps of each rubric in their order, by the rubric's id."""
        return {rubric.id: dict.fromkeys(step.id for step in rubric.steps).keys() for rubric in self.rubrics}

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
    numbers: dict[str, range] = {}
    for rubric_id, rubric in dataset.rubrics.items():
        first = sum(map(len, numbers.values()))
        numbers[rubric_id] = range(first, first + len(rubric.steps))
    ids = {rubric_id: [step.id for step in rubric.steps] for rubric_id, rubric in dataset.rubrics.items()}
    keys: list[tuple[str, str]] = []
    starts: dict[tuple[str, str], int] = {}
    steps: list[Step] = []
    rubrics: list[Rubric] = []
    step_numbers: list[int] = []
    sizes: list[tuple[int, int, int]] = []
    # A rubric's steps are taken in one go: an exam of 10,000 attempts has half a million cells.
    for number, attempt in enumerate(attempts):
        cluster = candidate_number[attempt.candidate or attempt.id]
        for ref in sorted(attempt.rubrics, key=lambda ref: order[ref.id]):
            rubric = dataset.rubrics[ref.id]
            starts[attempt.id, ref.id] = len(keys)
            keys += zip(repeat(attempt.id), ids[ref.id])
            steps += rubric.steps
            rubrics += repeat(rubric, len(rubric.steps))
            step_numbers += numbers[ref.id]
            sizes.append((len(rubric.steps), number, cluster))
    n_steps, attempt_of_part, cluster_of_part = np.array(sizes, dtype=np.int64).reshape(-1, 3).T
    step_of_cell = np.array(step_numbers, dtype=np.int64)
    max_points = [step.max_points for rubric in dataset.rubrics.values() for step in rubric.steps]
    return Grid(
        rubrics=tuple(dataset.rubrics.values()),
        attempts=tuple(attempt.id for attempt in attempts),
        keys=tuple(keys),
        starts=starts,
        steps=tuple(steps),
        rubric=tuple(rubrics),
        attempt=np.repeat(attempt_of_part, n_steps),
        part=np.repeat(np.arange(len(sizes)), n_steps),
        step=step_of_cell,
        cluster=np.repeat(cluster_of_part, n_steps),
        max_points=np.array(max_points, dtype=np.float64)[step_of_cell],
    )


def column_of(grid: Grid, sheets: Iterable[Sheet], *, name: str) -> Column:
    """The column that an author's sheets fill; steps of attempts outside the grid are left out.

    Raises:
        SheetError: two sheets speak about one step of one attempt.
    """
    entries: list[Entry | None] = [None] * grid.n
    for sheet in sheets:
        start = grid.starts.get((sheet.attempt, sheet.rubric))
        if start is not None and sheet.steps.keys() == (ids := grid.step_ids[sheet.rubric]):
            # It holds its rubric's steps and no others, as nearly every sheet does, and goes in whole.
            stretch = slice(start, start + len(ids))
            if not any(entries[stretch]):
                entries[stretch] = map(sheet.steps.__getitem__, ids)
                continue
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
    alike = _alike(grid, entries)
    points = np.full(grid.n, np.nan)
    wrong = np.full(grid.n, MISSING, dtype=np.int64)
    why = np.full(grid.n, None, dtype=object)
    for place in _firsts(alike):
        entry = entries[place]
        if entry is None:
            why[place] = NO_SHEET
            continue
        why[place] = _WHY_NO_POINTS.get(entry.status)
        if entry.points is not None:
            points[place] = entry.points
        verdict = wrong_of_entry(entry, grid.steps[place], grid.rubric[place])
        if verdict is not None:
            wrong[place] = verdict
    return Column(
        name=name,
        entries=tuple(entries),
        points=points[alike],
        labels=_labels(grid, entries, alike),
        wrong=wrong[alike],
        why=tuple(why[alike].tolist()),
    )


def labels_of(grid: Grid, entries: Sequence[Entry | None], ordinal_map: OrdinalMap | None = None) -> Ints:
    """Label of each entry under the rubric's own mapping, or another; `MISSING` where it has no points."""
    return _labels(grid, entries, _alike(grid, entries), ordinal_map)


def _labels(grid: Grid, entries: Sequence[Entry | None], alike: Ints, ordinal_map: OrdinalMap | None = None) -> Ints:
    out = np.full(grid.n, MISSING, dtype=np.int64)
    for place in _firsts(alike):
        entry = entries[place]
        if entry is None:
            continue
        label = label_of_entry(entry, grid.steps[place], ordinal_map or grid.rubric[place].ordinal_map)
        if label is not None:
            out[place] = label
    return out[alike]


_JUDGEMENT = attrgetter("status", "points", "wrong", "void", "deductions")
_NO_ENTRY = SimpleNamespace(status=NO_SHEET, points=None, wrong=None, void=False, deductions=())


def _alike(grid: Grid, entries: Sequence[Entry | None]) -> Ints:
    """For each cell the number of the first that says the same of the same step.

    Points are read in exact fractions, which are slow. A column has few different judgements, so each is read once.
    """
    judgements = map(_JUDGEMENT, (_NO_ENTRY if entry is None else entry for entry in entries))
    said = zip(grid.step.tolist(), judgements, strict=True)
    first: dict[object, int] = {}
    return np.fromiter(map(first.setdefault, said, range(grid.n)), dtype=np.int64, count=grid.n)


def _firsts(alike: Ints) -> list[int]:
    """The cells that stand for others like them."""
    firsts: list[int] = np.flatnonzero(alike == np.arange(len(alike))).tolist()
    return firsts


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
