"""The agreement of a project, where panels of two raters that nothing was added to are not counted again.

A new sheet changes the panels of its own rater with each colleague, and no other; with thirty raters that is a
fifteenth of them. A panel is kept under a digest of everything it stands on, so it can never be out of date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from siming.errors import DatasetError
from siming.rating.agreement import physician_columns
from siming.rating.agreement_report import AgreementReport
from siming.rating.all_raters import all_raters
from siming.rating.cells import Grid, grid_of
from siming.rating.compared import Compared, Side, compared_pairs, rated
from siming.rating.panel import panel_of
from siming.rubric import Dataset
from siming.store.canonical import canonical_json, json_values
from siming.store.figures.live import SlimSheets


@dataclass(slots=True)
class KeptPanels:
    """Panels as plain values, those of each project's newest figures."""

    _of: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)

    def of(self, project_id: str, grid: Grid, pairs: Iterator[Compared], *, seed: int) -> list[Mapping[str, Any]]:
        """The panel of each two raters, made where it is not there yet; what is no longer asked for goes."""
        before, now = self._of.get(project_id, {}), {}
        for pair in pairs:
            key = _digest(grid, pair, seed)
            now[key] = before.get(key) or json_values(panel_of(grid, pair, seed=seed).to_plain())
        self._of[project_id] = now
        return list(now.values())


@dataclass(slots=True)
class Kept:
    """What a counting process keeps from one snapshot to the next. It changes how long one takes, and no figure."""

    sheets: SlimSheets = field(default_factory=SlimSheets)
    panels: KeptPanels = field(default_factory=KeptPanels)


def agreement_by_pair(dataset: Dataset, project_id: str, kept: KeptPanels, *, seed: int) -> dict[str, Any]:
    """The JSON values of `siming.rating.agreement_report` by pair, with panels that are there already.

    Raises:
        DatasetError: no two physicians rated an attempt in common.
    """
    grid = grid_of(dataset)
    columns = physician_columns(dataset, grid)
    panels = kept.of(project_id, grid, compared_pairs(grid, columns), seed=seed)
    if not panels:
        raise DatasetError(
            f"{dataset.info.name}: no two raters have a locked sheet of one attempt; wait for more sheets"
        )
    by_anyone = np.any([rated(column) for column in columns.values()], axis=0)
    report = AgreementReport(
        source=dataset.info.name,
        by="pair",
        raters=tuple(columns),
        n_attempts=len(np.unique(grid.attempt[by_anyone])),
        n_candidates=len(np.unique(grid.cluster[by_anyone])),
        panels=(),
        all_raters=all_raters(grid, columns, seed=seed),
    )
    return {**json_values(report.to_plain()), "panels": panels}


def _digest(grid: Grid, pair: Compared, seed: int) -> str:
    """Of all that a panel stands on.

    Attempts, candidates and rubrics are counted among the pair's own: an attempt of others that comes in between
    moves every number behind it and no figure.
    """
    numbers, attempt = np.unique(pair.attempt, return_inverse=True)
    named = {
        "seed": seed,
        "raters": [pair.first.name, pair.second.name],
        "rubrics": [rubric.to_plain() for rubric in grid.rubrics],
        "attempts": [grid.attempts[number] for number in numbers.tolist()],
    }
    found = hashlib.sha256(canonical_json(named).encode())
    for values in (
        attempt,
        _counted(pair.cluster),
        _counted(pair.part),
        pair.step,
        *_said(pair.first),
        *_said(pair.second),
    ):
        found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()


def _said(side: Side) -> tuple[Any, ...]:
    return side.points, side.labels, side.wrong, side.not_applicable


def _counted(ids: Any) -> Any:
    """The place of each among those that are there, in order."""
    return np.unique(ids, return_inverse=True)[1]
