"""Answers that need no look at the video: what every score must be read beside.

A baseline answers like a model (`baseline:NAME`) and goes through the same pipe. None of the blind ones sees
the attempt it answers for, nor any other attempt of the same candidate: what it knows comes from the
reference sheets of the others.
"""

from __future__ import annotations

import difflib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from siming.bench.cells import reference_column
from siming.bench.clinical.answer import answer_text
from siming.bench.clinical.setting import Asks, get_setting
from siming.bench.request import Request
from siming.errors import DatasetError, TaskError
from siming.rating.agreement import physician_columns
from siming.rating.cells import (
    MISSING,
    Bools,
    Column,
    Floats,
    Grid,
    Ints,
    column_of_entries,
    grid_of,
)
from siming.rubric import N_LABELS, Author, Dataset, Entry, Rubric, Sheet, Step, label_of_points
from siming.rubric.rubric import OrdinalMap

PREFIX = "baseline:"


def baseline_answers(
    name: str, dataset: Dataset, requests: Sequence[Request], setting: str, *, seed: int = 0
) -> dict[str, str]:
    """What a baseline replies to each request, by request id.

    Args:
        name: One of `BASELINES`, with or without ``baseline:`` before it.
        setting: Decides between points and verdicts.
        seed: For the baselines that draw. The draw for an attempt does not depend on which others are asked.

    Raises:
        TaskError: unknown baseline or setting.
        DatasetError: the dataset lacks the sheets that this baseline needs.
    """
    asks = get_setting(setting).asks
    by_attempt: dict[str, list[Sheet]] = {}
    for sheet in baseline_sheets(name, dataset, asks=asks, seed=seed):
        by_attempt.setdefault(sheet.attempt, []).append(sheet)
    rubrics = tuple(dataset.rubrics.values())
    return {
        request.id: answer_text(by_attempt.get(request.attempt, []), request, _of(request, rubrics), asks)
        for request in requests
    }


def baseline_sheets(name: str, dataset: Dataset, *, asks: Asks = "points", seed: int = 0) -> list[Sheet]:
    """A baseline's sheets for all attempts; with `asks` ``errors`` they hold verdicts in place of points
    where the baseline has a better guess at those.

    Raises:
        TaskError: unknown baseline.
        DatasetError: the dataset lacks the sheets that this baseline needs.
    """
    name = check_name(name)
    grid = grid_of(dataset)
    column = baseline_column(name, dataset, grid, asks=asks, seed=seed)
    sheets: dict[tuple[str, str], dict[str, Entry]] = {}
    for (attempt, step), rubric, entry in zip(grid.keys, grid.rubric, column.entries, strict=True):
        blank = Entry(status="cannot_judge", reason="no sheet to copy")
        sheets.setdefault((attempt, rubric.id), {})[step] = entry or blank
    return [
        Sheet(
            attempt=attempt,
            rubric=rubric_id,
            rubric_version=dataset.rubrics[rubric_id].version,
            author=Author(kind="baseline", name=f"{PREFIX}{name}"),
            steps=steps,
        )
        for (attempt, rubric_id), steps in sheets.items()
    ]


def baseline_column(
    name: str,
    dataset: Dataset,
    grid: Grid,
    *,
    asks: Asks = "points",
    seed: int = 0,
    reference: Column | None = None,
) -> Column:
    """A baseline's sheets as a column.

    Args:
        reference: The reference in that grid, if it is at hand.
    """
    name = check_name(name)
    entries = BASELINES[name](_Knowledge(dataset, grid, asks, seed, name, reference))
    return column_of_entries(grid, entries, name=f"{PREFIX}{name}")


def check_name(name: str) -> str:
    """The baseline's name without its prefix.

    Raises:
        TaskError: there is no such baseline; the message names the nearest one.
    """
    bare = name.removeprefix(PREFIX)
    if bare in BASELINES:
        return bare
    # A cutoff of 0 always finds one: the advice names a baseline that exists.
    nearest = difflib.get_close_matches(bare.lower().replace("_", "-"), BASELINES, n=1, cutoff=0.0)[0]
    raise TaskError(f"unknown baseline {bare!r}; did you mean {nearest!r}? There are {', '.join(BASELINES)}")


@dataclass(frozen=True)
class _Knowledge:
    """What a baseline may look at."""

    dataset: Dataset
    grid: Grid
    asks: Asks
    seed: int
    name: str
    given: Column | None

    @cached_property
    def reference(self) -> Column:
        return self.given or reference_column(self.dataset, self.grid)

    @cached_property
    def _points(self) -> dict[int, dict[int, Floats]]:
        return {}

    @cached_property
    def values(self) -> Floats:
        """The reference's points, or its verdicts where those are asked for; NaN where it has none."""
        if self.asks == "points":
            return self.reference.points
        wrong = self.reference.wrong
        return np.where(wrong == MISSING, np.nan, wrong.astype(np.float64))

    @cached_property
    def known(self) -> Bools:
        there: Bools = ~np.isnan(self.values)
        return there

    def entry(self, value: float) -> Entry:
        """The entry that says a value."""
        return Entry(points=float(value)) if self.asks == "points" else Entry(wrong=bool(value))

    def draws(self, attempt: int) -> np.random.Generator:
        """Chance for one attempt, whatever other attempts there are."""
        text = f"{self.name}/{self.grid.attempts[attempt]}"
        return np.random.default_rng([self.seed, zlib.crc32(text.encode())])

    def attempts(self) -> Iterator[tuple[int, Ints]]:
        """Each attempt's number and its cells; in the order of the grid, so that results can be appended."""
        starts = np.flatnonzero(np.diff(self.grid.attempt, prepend=-1))
        yield from enumerate(np.split(np.arange(self.grid.n), starts[1:]))

    def points_like(self, cell: int, label: int, share: float) -> float:
        """Points of the cell's step that come to `label`, as near as can be to that share of the maximum."""
        step = int(self.grid.step[cell])
        if step not in self._points:
            self._points[step] = _points_by_label(self.grid.steps[cell], self.grid.rubric[cell].ordinal_map)
        by_label = self._points[step]
        # A step of one point has no deficient label: then the share alone decides.
        choices = by_label[label] if label in by_label else np.concatenate(list(by_label.values()))
        return float(choices[np.abs(choices - share * self.grid.steps[cell].max_points).argmin()])


_NOTHING_KNOWN = Entry(status="cannot_judge", reason="no other candidate's sheet judges this step")


def _all_correct(known: _Knowledge) -> list[Entry | None]:
    return [Entry(points=step.max_points) for step in known.grid.steps]


def _all_wrong(known: _Knowledge) -> list[Entry | None]:
    return [Entry(points=0) for _ in known.grid.steps]


def _chance(known: _Knowledge) -> list[Entry | None]:
    """Each cell takes the label of one drawn from all cells of the others: right marginals, no knowledge."""
    grid, reference = known.grid, known.reference
    shares = reference.points / grid.max_points
    out: list[Entry | None] = []
    for attempt, own in known.attempts():
        pool = np.flatnonzero(known.known & (grid.cluster != grid.cluster[own[0]]))
        if not len(pool):
            out += [_NOTHING_KNOWN] * len(own)
            continue
        drawn = pool[known.draws(attempt).integers(0, len(pool), len(own))]
        for cell, like in zip(own, drawn, strict=True):
            value = float(known.values[like])
            if known.asks == "points":
                value = known.points_like(int(cell), int(reference.labels[like]), float(shares[like]))
            out.append(known.entry(value))
    return out


def _step_prior(known: _Knowledge) -> list[Entry | None]:
    """The value most frequent in this step among the others; of equally frequent ones the most favourable."""
    grid = known.grid
    out: list[Entry | None] = [_NOTHING_KNOWN] * grid.n
    better = 1 if known.asks == "points" else -1
    for step in np.unique(grid.step):
        cells = np.flatnonzero(grid.step == step)
        of_cluster: dict[int, Counter[float]] = {}
        for cell in cells[known.known[cells]]:
            of_cluster.setdefault(int(grid.cluster[cell]), Counter())[float(known.values[cell])] += 1
        everyone: Counter[float] = Counter()
        for counted in of_cluster.values():
            everyone.update(counted)
        for cell in cells:
            others = everyone - of_cluster.get(int(grid.cluster[cell]), Counter())
            if others:
                value, _ = max(others.items(), key=lambda item: (item[1], better * item[0]))
                out[cell] = known.entry(value)
    return out


def _step_prior_sampled(known: _Knowledge) -> list[Entry | None]:
    """A value drawn from those of this step among the others."""
    grid = known.grid
    of_step = {step: np.flatnonzero(known.known & (grid.step == step)) for step in np.unique(grid.step)}
    out: list[Entry | None] = []
    for attempt, own in known.attempts():
        # One draw per cell whether it is used or not, so that a cell's luck does not hang on its neighbours.
        for cell, luck in zip(own, known.draws(attempt).random(len(own)), strict=True):
            pool = of_step[grid.step[cell]]
            pool = pool[grid.cluster[pool] != grid.cluster[cell]]
            chosen = known.entry(known.values[pool[int(luck * len(pool))]]) if len(pool) else _NOTHING_KNOWN
            out.append(chosen)
    return out


def _second_physician(known: _Knowledge) -> list[Entry | None]:
    """One physician's own sheet: the second by name of those who rated the attempt, or the only one."""
    columns = physician_columns(known.dataset, known.grid)
    if not columns:
        raise DatasetError(
            f"{known.dataset.folder}: has no physician's sheet, so there is no {PREFIX}second-physician; "
            "add physicians' sheets to sheets.jsonl or choose another baseline"
        )
    out: list[Entry | None] = []
    for said in zip(*(column.entries for column in columns.values()), strict=True):
        given = [entry for entry in said if entry is not None]
        out.append(given[:2][-1] if given else None)
    return out


BASELINES: Mapping[str, Callable[[_Knowledge], list[Entry | None]]] = {
    "all-correct": _all_correct,
    "all-wrong": _all_wrong,
    "chance": _chance,
    "step-prior": _step_prior,
    "step-prior-sampled": _step_prior_sampled,
    "second-physician": _second_physician,
}

BLIND: tuple[str, ...] = ("all-correct", "all-wrong", "chance", "step-prior", "step-prior-sampled")
"""Those that see neither the video nor anybody's sheet about it; every report shows them."""


def _points_by_label(step: Step, ordinal_map: OrdinalMap) -> dict[int, Floats]:
    """Points that people might give this step, sorted by the label they come to."""
    found: dict[int, list[float]] = {}
    # Halves as on paper; finer fractions only for a label that no half can reach.
    for parts in (2, 4, 20):
        if len(found) == N_LABELS:
            break
        fresh: dict[int, list[float]] = {}
        for count in range(int(step.max_points * parts) + 1):
            points = count / parts
            fresh.setdefault(label_of_points(points, step.max_points, ordinal_map), []).append(points)
        for label, points_of_label in fresh.items():
            found.setdefault(label, points_of_label)
    return {label: np.array(points) for label, points in found.items()}


def _of(request: Request, rubrics: Sequence[Rubric]) -> list[Rubric]:
    return [rubric for rubric in rubrics if f"{rubric.id} {rubric.version}" in request.rubrics]
