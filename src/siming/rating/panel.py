"""The agreement panel of two raters: always the same numbers in the same order, none of them alone.

Specification of the statistics, section 6: a coefficient is never shown without its denominator, its interval, what
a rater who never saw the video would get, and the warnings that apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import yaml

from siming.errors import DatasetError
from siming.metrics import Measured, quadratic_weighted_kappa
from siming.metrics.prior import step_prior
from siming.rating.agreement import (
    BESIDE,
    PhysicianPair,
    confusion_of,
    limits_of_agreement,
    measure_pair,
    pair_of,
    physician_columns,
    physician_pairs,
)
from siming.rating.cells import MISSING, Bools, Grid, grid_of
from siming.rubric import N_LABELS, Dataset

By = Literal["pair", "skill", "step", "site"]

ORDER = (
    "raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance", "prior_qwk", "mean_difference", "icc_a1",
    "reference_prevalence", "predicted_prevalence", "bias_index",
)  # fmt: skip
"""What a panel shows, in this order."""

_NAMES = {
    "raw_agreement": "raw_agreement",
    "qwk": "qwk",
    "qwk_within_step": "qwk_within_step",
    "ac2": "ac2",
    "mean_difference": "mean_difference",
    "icc_a1": "icc_agreement",
    "reference_prevalence": "reference_prevalence",
    "predicted_prevalence": "predicted_prevalence",
    **BESIDE,
}

MOST_OF_ONE_LABEL = 0.8
STEP_GAP = 0.1
WIDEST_INTERVAL = 0.2


@cache
def texts(language: str) -> Mapping[str, Any]:
    """What a panel says, in one language."""
    loaded: Mapping[str, Any] = yaml.safe_load(
        files("siming.rating.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    )
    return loaded


@dataclass(frozen=True)
class Panel:
    """The agreement of two physicians over some cells."""

    first: str
    second: str
    part: str | None
    """The skill, step or site it is about; None for everything."""
    n_videos: int
    n_cells: int
    n_missing: int
    """Cells of attempts both rated in which one of them gave no points."""
    rows: Mapping[str, Measured]
    """By name, in the order of `ORDER`."""
    limits: Sequence[float] | None
    """Where 95 % of the differences of totals lie, in points of 100."""
    confusion: Sequence[Sequence[int]]
    warnings: Sequence[str]
    """Codes: ``skew``, ``step_difficulty``, ``wide_interval``, ``few_videos``."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "part": self.part,
            "n_videos": self.n_videos,
            "n_cells": self.n_cells,
            "n_missing": self.n_missing,
            "metrics": {name: measured.to_json() for name, measured in self.rows.items()},
            "limits_of_agreement": self.limits,
            "confusion": [list(row) for row in self.confusion],
            "warnings": list(self.warnings),
        }


def panels(dataset: Dataset, *, by: By = "pair", replicates: int = 2000, seed: int = 0) -> list[Panel]:
    """A panel for each pair of physicians, or for each part of each pair.

    Args:
        by: ``pair`` takes all cells together; ``skill``, ``step`` and ``site`` part them.

    Raises:
        DatasetError: fewer than two physicians rated an attempt in common.
    """
    grid = grid_of(dataset)
    found = list(physician_pairs(dataset, grid))
    if not found:
        names = ", ".join(physician_columns(dataset, grid)) or "nobody"
        raise DatasetError(
            f"{dataset.folder}: no two physicians rated an attempt in common (rated by: {names}); "
            "agreement needs sheets of two physicians for the same attempts in sheets.jsonl"
        )
    return [
        _panel(dataset, grid, pair, part, cells, replicates=replicates, seed=seed)
        for pair in found
        for part, cells in _parts(dataset, grid, by)
        if (pair.asked & cells).any()
    ]


def _parts(dataset: Dataset, grid: Grid, by: By) -> Iterator[tuple[str | None, Bools]]:
    """The parts of a grid, in its own order, each with its cells."""
    if by == "pair":
        yield None, np.ones(grid.n, dtype=bool)
        return
    name_of: Callable[[int], str] = {
        "skill": lambda i: grid.rubric[i].skill,
        "step": lambda i: grid.steps[i].id,
        "site": lambda i: dataset.attempts_by_id[grid.keys[i][0]].site or "—",
    }[by]
    names = np.array([name_of(i) for i in range(grid.n)])
    for name in dict.fromkeys(names.tolist()):
        yield name, names == name


def _panel(
    dataset: Dataset,
    grid: Grid,
    found: PhysicianPair,
    part: str | None,
    cells: Bools,
    *,
    replicates: int,
    seed: int,
) -> Panel:
    columns = physician_columns(dataset, grid)
    used, asked = found.used & cells, found.asked & cells
    has_points = columns[found.first].has_points | columns[found.second].has_points
    pair = pair_of(grid, columns[found.first], columns[found.second], used=used, whole=asked & has_points)
    rows = measure_pair(pair, names=_NAMES, replicates=replicates, seed=seed)
    labels = pair.first_labels
    prior = step_prior(labels, n_labels=N_LABELS, step=grid.step, cluster=grid.cluster)
    there = (labels != MISSING) & (prior != MISSING)
    rows["prior_qwk"] = (
        quadratic_weighted_kappa(labels[there], prior[there], n_labels=N_LABELS, cluster=grid.cluster[there])
        if there.any()
        else Measured(None, 0, 0, reason="no pairs: no step was rated in a second video")
    )
    n_videos = len(np.unique(grid.attempt[used]))
    n_missing = int(asked.sum() - used.sum())
    left_out = {"cannot judge": n_missing} if n_missing else {}
    confusion = confusion_of(pair)
    return Panel(
        found.first,
        found.second,
        part,
        n_videos,
        int(used.sum()),
        n_missing,
        {name: replace(rows[name], left_out={**rows[name].left_out, **left_out}) for name in ORDER if name in rows},
        limits_of_agreement(pair),
        confusion,
        tuple(_warnings(rows, confusion, n_videos)),
    )


def _warnings(rows: Mapping[str, Measured], confusion: Sequence[Sequence[int]], n_videos: int) -> Iterator[str]:
    total = sum(map(sum, confusion))
    if total and max(sum(row) for row in confusion) > MOST_OF_ONE_LABEL * total:
        yield "skew"
    pooled, within = rows["qwk"], rows["qwk_within_step"]
    if pooled.value is not None and within.value is not None and pooled.value - within.value > STEP_GAP:
        yield "step_difficulty"
    if n_videos < 5:
        yield "few_videos"
    elif pooled.interval is not None and pooled.interval.high - pooled.interval.low > WIDEST_INTERVAL:
        yield "wide_interval"
