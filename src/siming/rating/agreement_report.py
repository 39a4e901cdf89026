"""How far the physicians of a dataset agree: a panel for each two of them, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import numpy as np

from siming.errors import DatasetError, TaskError
from siming.rating.agreement import physician_columns
from siming.rating.all_raters import AllRaters, all_raters
from siming.rating.cells import Bools, Column, Floats, Grid, Ints, grid_of
from siming.rating.compared import Compared, compared_pairs, rated
from siming.rating.more import More, more_of
from siming.rating.panel import Panel, panel_of
from siming.rating.ratings import seconds_of
from siming.rating.spreadsheet.note import in_both
from siming.rubric import Dataset

By = Literal["pair", "skill", "step", "site", "week"]
NOWHERE = "—"
"""The part of attempts without a site, and of sheets without a time."""


@dataclass(frozen=True)
class AgreementReport:
    """Everything `siming rating agree` shows."""

    SCHEMA = "siming.agreement/1"

    source: str
    by: By
    raters: Sequence[str]
    n_attempts: int
    """Attempts that a physician rated."""
    n_candidates: int
    panels: Sequence[Panel]
    all_raters: AllRaters | None
    """None where there are fewer than three physicians."""
    notes: Sequence[str] = ()
    """How a spreadsheet was read."""
    more: Sequence[More] = ()
    """Every other statistic of each two physicians, where it was asked for."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "schema": self.SCHEMA,
            "source": self.source,
            "by": self.by,
            "raters": list(self.raters),
            "n_attempts": self.n_attempts,
            "n_candidates": self.n_candidates,
            **in_both(self.notes),
            "panels": [panel.to_plain() for panel in self.panels],
            "all_raters": None if self.all_raters is None else self.all_raters.to_plain(),
            **({"more": [each.to_plain() for each in self.more]} if self.more else {}),
        }


def agreement_report(
    dataset: Dataset,
    *,
    by: By = "pair",
    replicates: int = 2000,
    seed: int = 0,
    source: str | None = None,
    notes: Sequence[str] = (),
    everything: bool = False,
) -> AgreementReport:
    """The panel of each two physicians who rated an attempt in common, or of each part of what they rated.

    A step that either could not judge is left out: missing is not zero, and people have no worst case.

    Args:
        by: ``pair`` takes all cells together; ``skill``, ``step`` and ``site`` part them, and ``week`` by the ISO week
            (in UTC) in which the later of the two sheets was submitted.
        replicates, seed: Of the bootstrap, for the few intervals that are drawn.
        source, notes: What the report calls the data, and how they were read; see `load_ratings`.
        everything: Every other two-rater statistic too, for each two physicians over all their cells.

    Raises:
        DatasetError: fewer than two physicians rated an attempt in common, no attempt names its site, or no sheet its
            time.
        TaskError: an unknown ``by``.
    """
    if by not in get_args(By):
        raise TaskError(f"by is {by!r}; give one of {', '.join(get_args(By))}")
    grid = grid_of(dataset)
    columns = physician_columns(dataset, grid)
    pairs = list(compared_pairs(grid, columns))
    if not pairs:
        raise DatasetError(
            f"{dataset.folder}: no two physicians rated an attempt in common (rated by: {', '.join(columns) or 'nobody'}); "
            "agreement needs two physicians for the same attempts: add their sheets to sheets.jsonl, or the second rater's "
            "marks to the spreadsheet"
        )
    if by == "week":
        of_pairs, names = _weeks(dataset, grid, pairs)
    else:
        numbers, names = _parts(dataset, grid, by)
        of_pairs = [numbers[pair.cell] for pair in pairs]
    panels = []
    for pair, part_of_cell in zip(pairs, of_pairs, strict=True):
        for number, name in enumerate(names):
            own = pair if len(names) == 1 else pair.only(part_of_cell == number)
            if len(own.cell):
                panels.append(panel_of(grid, own, name, replicates=replicates, seed=seed))
    by_anyone = _rated(columns)
    return AgreementReport(
        source=source or dataset.info.name,
        by=by,
        raters=tuple(columns),
        n_attempts=len(np.unique(grid.attempt[by_anyone])),
        n_candidates=len(np.unique(grid.cluster[by_anyone])),
        panels=panels,
        all_raters=all_raters(grid, columns, replicates=replicates, seed=seed),
        notes=tuple(notes),
        more=[more_of(grid, pair, dataset.sheets, replicates=replicates, seed=seed) for pair in pairs]
        if everything
        else (),
    )


def _parts(dataset: Dataset, grid: Grid, by: By) -> tuple[Ints, list[str | None]]:
    """The number of each cell's part, and the parts' names by number."""
    if by == "pair":
        return np.zeros(grid.n, dtype=np.int64), [None]
    if by == "step":
        return grid.step, [step.id for rubric in grid.rubrics for step in rubric.steps]
    if by == "skill":
        skills = list(dict.fromkeys(rubric.skill for rubric in grid.rubrics))
        of_step = [skills.index(rubric.skill) for rubric in grid.rubrics for _ in rubric.steps]
        return np.array(of_step, dtype=np.int64)[grid.step], [*skills]
    sites = [dataset.attempts_by_id[attempt].site for attempt in grid.attempts]
    if not any(sites):
        raise DatasetError(
            f"{dataset.folder}: no attempt names its site; write `site` into the lines of attempts.jsonl, "
            "or a column of sites (考点, site ...) into the spreadsheet"
        )
    named = sorted({site for site in sites if site})
    places = {site: number for number, site in enumerate(named)}
    of_attempt = np.array([places.get(site or "", len(named)) for site in sites], dtype=np.int64)
    return of_attempt[grid.attempt], [*named, NOWHERE]


def _weeks(dataset: Dataset, grid: Grid, pairs: Sequence[Compared]) -> tuple[list[Ints], list[str | None]]:
    """The number of each pair's cells' week, and the weeks by number: a pair is compared from its later sheet on."""
    nowhere = np.full(int(grid.part.max()) + 1, np.nan)
    at: dict[str, Floats] = {}
    for sheet in dataset.sheets_of("physician"):
        first_cell = grid.starts.get((sheet.attempt, sheet.rubric))
        if sheet.submitted_at is not None and not sheet.is_repeat and first_cell is not None:
            times, part = at.setdefault(sheet.author.name, nowhere.copy()), grid.part[first_cell]
            times[part] = np.fmin(times[part], seconds_of(sheet))
    if not at:
        raise DatasetError(
            f"{dataset.folder}: no sheet says when it was submitted; write `submitted_at` into the lines of sheets.jsonl"
        )
    found = []
    for pair in pairs:
        later = np.maximum(*(at.get(side.name, nowhere) for side in (pair.first, pair.second)))
        found.append([NOWHERE if np.isnan(time) else _week(float(time)) for time in later])
    named = sorted({week for weeks in found for week in weeks} - {NOWHERE})
    places = {week: number for number, week in enumerate([*named, NOWHERE])}
    of_part = [np.array([places[week] for week in weeks], dtype=np.int64) for weeks in found]
    return [numbers[pair.part] for numbers, pair in zip(of_part, pairs, strict=True)], [*named, NOWHERE]


def _week(seconds: float) -> str:
    year, week, _ = datetime.fromtimestamp(seconds, UTC).isocalendar()
    return f"{year}-W{week:02d}"


def _rated(columns: Mapping[str, Column]) -> Bools:
    by_anyone: Bools = np.any([rated(column) for column in columns.values()], axis=0)
    return by_anyone
