"""Ratings: every label and every point that a physician gave, one row each, as the models of raters and steps want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siming.errors import DatasetError, SheetError
from siming.rating.agreement import physician_columns
from siming.rating.cells import MISSING, Bools, Column, Floats, Grid, Ints, column_of, grid_of
from siming.rubric import Dataset, Sheet, Step

Texts = NDArray[np.str_]

DEFAULT_GLOBAL_SCALE = (1, 2, 3, 4, 5)
"""Global ratings from fail to excellent, where the dataset names no scale."""


@dataclass(frozen=True)
class Ratings:
    """Arrays of one length, a row per step that a physician was asked to judge; missing labels are `MISSING`."""

    dataset: Dataset
    """With one sheet per attempt, rubric and physician."""
    grid: Grid
    columns: Mapping[str, Column]
    """Physician to what he said in every cell."""
    cell: Ints
    """Place of each row in the grid."""
    rater: Texts
    attempt: Texts
    step: Texts
    label: Ints
    points: Floats
    cluster: Ints
    """Number of the candidate."""
    repeats: tuple[Sheet, ...]
    """Sheets of a physician who had already rated the attempt."""

    @property
    def raters(self) -> tuple[str, ...]:
        """Physicians by name."""
        return tuple(self.columns)

    @property
    def step_names(self) -> tuple[str, ...]:
        """Steps in the order of the rubrics."""
        return tuple(step_names(self.dataset).values())

    def ids(self) -> dict[str, Any]:
        """Video, step, rater and cluster of each row, as `siming.metrics` names them."""
        return {"video": self.attempt, "step": self.step, "rater": self.rater, "cluster": self.cluster}

    def clock(self) -> Mapping[tuple[str, str], float] | None:
        """(rater, attempt) to seconds; None where not a single sheet has a time.

        Raises:
            SheetError: a time that is no ISO 8601 date.
        """
        found: dict[tuple[str, str], float] = {}
        for sheet in self.dataset.sheets_of("physician"):
            if sheet.submitted_at is not None:
                key = (sheet.author.name, sheet.attempt)
                found[key] = min(found.get(key, np.inf), seconds_of(sheet))
        return found or None


def source_name(dataset: Dataset) -> str:
    """What a report calls it: its folder's or its spreadsheet's name, without where on the disk it lies."""
    return dataset.folder.name or str(dataset.folder)


def step_names(dataset: Dataset) -> dict[tuple[str, str], str]:
    """(rubric, step) to a name that no other step of the dataset has: its id, behind the rubric's where needed."""
    keys = [(rubric.id, step.id) for rubric in dataset.rubrics.values() for step in rubric.steps]
    ids = [step_id for _, step_id in keys]
    return {key: key[1] if ids.count(key[1]) == 1 else "/".join(key) for key in keys}


def steps_by_name(dataset: Dataset) -> dict[str, tuple[str, Step]]:
    """Name of a step to its skill and itself, in the order of the rubrics."""
    names = step_names(dataset)
    return {
        names[rubric.id, step.id]: (rubric.skill, step) for rubric in dataset.rubrics.values() for step in rubric.steps
    }


def seconds_of(sheet: Sheet) -> float:
    """When a sheet was handed in; times without a zone are taken as of one place."""
    assert sheet.submitted_at is not None
    try:
        when = datetime.fromisoformat(sheet.submitted_at)
    except ValueError:
        raise SheetError(
            f"sheet of {sheet.author.name!r} for attempt {sheet.attempt}: submitted_at is {sheet.submitted_at!r}; "
            "write it as 2026-01-05T08:30:00, or take it out"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def read_ratings(dataset: Dataset, *, fewest: int = 1) -> Ratings:
    """All ratings by physicians.

    Of several sheets of one physician for one attempt the first handed in counts; the others stand in `repeats`, with
    those that call themselves so.

    Args:
        fewest: Physicians there must be.

    Raises:
        DatasetError: fewer physicians.
    """
    first, repeats = _first_sheets(dataset)
    once = replace(dataset, sheets=first)
    grid = grid_of(once)
    columns = physician_columns(once, grid)
    if len(columns) < fewest:
        found = f"by {', '.join(columns)} only" if columns else "by no physician"
        raise DatasetError(
            f"{dataset.folder}: rated {found}, and this needs {fewest} or more; add their sheets to sheets.jsonl "
            "(author kind physician), or name the raters in the spreadsheet"
        )
    names = step_names(once)
    per_cell = np.array([names[rubric.id, step.id] for rubric, step in zip(grid.rubric, grid.steps, strict=True)])
    attempt = np.array([key[0] for key in grid.keys])
    asked = {name: np.flatnonzero([entry is not None for entry in column.entries]) for name, column in columns.items()}
    empty = np.zeros(0, dtype=np.int64)
    cell = np.concatenate([empty, *asked.values()])
    return Ratings(
        dataset=once,
        grid=grid,
        columns=columns,
        cell=cell,
        rater=np.repeat(list(asked), [len(places) for places in asked.values()]).astype(np.str_),
        attempt=attempt[cell],
        step=per_cell[cell],
        label=np.concatenate([empty, *(columns[name].labels[places] for name, places in asked.items())]),
        points=np.concatenate([empty * 0.0, *(columns[name].points[places] for name, places in asked.items())]),
        cluster=grid.cluster[cell],
        repeats=repeats,
    )


def final_points(ratings: Ratings) -> tuple[Floats, str]:
    """Points of each cell that count, and whose: the consensus where there is one, else the raters' ``mean``.

    Raises:
        DatasetError: nobody gave any.
    """
    consensus = ratings.dataset.sheets_of("consensus")
    if consensus:
        return column_of(ratings.grid, consensus, name="consensus").points, "consensus"
    if not ratings.columns:
        raise DatasetError(
            f"{ratings.dataset.folder}: holds no sheet of a physician and no consensus; add their sheets to sheets.jsonl"
        )
    return mean_points(ratings), ratings.raters[0] if len(ratings.raters) == 1 else "mean"


def mean_points(ratings: Ratings) -> Floats:
    """Mean points over the physicians who gave some, per cell; NaN where none did."""
    points = np.array([column.points for column in ratings.columns.values()]).reshape(-1, ratings.grid.n)
    there = ~np.isnan(points)
    n = there.sum(axis=0)
    out: Floats = np.divide(np.where(there, points, 0).sum(axis=0), n, out=np.full(ratings.grid.n, np.nan), where=n > 0)
    return out


def points_table(ratings: Ratings, points: Floats, steps: Sequence[str]) -> Floats:
    """(attempts, steps) of points by cell; NaN where an attempt does not have the step."""
    grid = ratings.grid
    order = {name: place for place, name in enumerate(ratings.step_names)}
    out = np.full((len(grid.attempts), len(order)), np.nan)
    out[grid.attempt, grid.step] = points
    table: Floats = out[:, [order[name] for name in steps]]
    return table


def labels_table(ratings: Ratings, column: Column, steps: Sequence[str]) -> Ints:
    """(attempts, steps) of one author's labels."""
    order = {name: place for place, name in enumerate(ratings.step_names)}
    out = np.full((len(ratings.grid.attempts), len(order)), MISSING, dtype=np.int64)
    out[ratings.grid.attempt, ratings.grid.step] = column.labels
    table: Ints = out[:, [order[name] for name in steps]]
    return table


def cells_of_skill(ratings: Ratings, skill: str) -> Bools:
    """Cells of one skill's steps."""
    out: Bools = np.array([rubric.skill == skill for rubric in ratings.grid.rubric], dtype=np.bool_)
    return out


def attempt_values(dataset: Dataset, name: str) -> dict[str, str | None]:
    """Attempt to what its line in attempts.jsonl says under a name, such as ``site``.

    Raises:
        DatasetError: no attempt says anything under that name.
    """
    found: dict[str, str | None] = {}
    for attempt in dataset.attempts:
        value = getattr(attempt, name, None)
        found[attempt.id] = None if value is None else str(value)
    if not any(value is not None for value in found.values()):
        raise DatasetError(
            f"{dataset.folder}: no attempt has a {name!r}; write it into the lines of attempts.jsonl, "
            "or group by another field"
        )
    return found


def global_scale(dataset: Dataset) -> tuple[int, ...]:
    """All global ratings there are: what the dataset names, else 1 to 5."""
    named = getattr(dataset.info, "global_rating_scale", None)
    return tuple(int(grade) for grade in named) if named else DEFAULT_GLOBAL_SCALE


def _first_sheets(dataset: Dataset) -> tuple[tuple[Sheet, ...], tuple[Sheet, ...]]:
    order = sorted(
        range(len(dataset.sheets)),
        key=lambda at: (
            dataset.sheets[at].is_repeat,
            0.0 if dataset.sheets[at].submitted_at is None else seconds_of(dataset.sheets[at]),
        ),
    )
    seen: set[tuple[str, str, str]] = set()
    again: set[int] = set()
    for at in order:
        sheet = dataset.sheets[at]
        if sheet.author.kind == "physician":
            key = (sheet.author.name, sheet.attempt, sheet.rubric)
            if key in seen or sheet.is_repeat:
                again.add(at)
            seen.add(key)
    kept = tuple(sheet for at, sheet in enumerate(dataset.sheets) if at not in again)
    return kept, tuple(dataset.sheets[at] for at in order if at in again)
