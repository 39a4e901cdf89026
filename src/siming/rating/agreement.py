"""How far two authors agree: two physicians, or a model and the consensus; the arithmetic is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from siming.metrics import (
    METRICS,
    ClusterBootstrap,
    Measured,
    bland_altman,
    confusion_table,
    quadratic_weighted_kappa,
)
from siming.rating.cells import MISSING, Bools, Column, Floats, Grid, Ints, column_of, grid_of, totals_of
from siming.rubric import N_LABELS, Dataset, Sheet

Kind = Literal["label", "binary", "totals"]

POINTS: tuple[Kind, ...] = ("label", "binary", "totals")
"""What can be compared where both authors gave points."""
VERDICTS: tuple[Kind, ...] = ("binary",)
"""What can be compared where one of them only said right or wrong."""

REPORTED: Mapping[str, str] = {
    "raw_agreement": "raw_agreement",
    "qwk": "qwk",
    "qwk_within_step": "qwk_within_step",
    "ac2": "ac2",
    "mcc": "mcc",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "plcc": "plcc",
    "srcc": "srcc",
    "mean_difference": "mean_difference",
    "icc_a1": "icc_agreement",
}
"""Name in a report to name in `METRICS`, in the order of a report."""

BESIDE: Mapping[str, str] = {"ac2_at_chance": "ac2_at_chance", "bias_index": "bias_index"}
"""Shown beside the coefficients, so that none of them stands alone; no author is better for a high value."""


@dataclass(frozen=True)
class Pair:
    """Two authors' numbers cell by cell, blank wherever a cell is not compared."""

    grid: Grid
    first_labels: Ints
    second_labels: Ints
    first_wrong: Ints
    second_wrong: Ints
    first_totals: Floats
    second_totals: Floats

    @property
    def n_totals(self) -> int:
        """Attempts with a total of both authors."""
        return int((~(np.isnan(self.first_totals) | np.isnan(self.second_totals))).sum())

    @property
    def n_attempts_without_total(self) -> int:
        """Attempts with compared cells and yet no total of both authors."""
        compared = np.zeros(len(self.grid.attempts), dtype=bool)
        compared[self.grid.attempt[self.first_wrong != MISSING]] = True
        return int((compared & (np.isnan(self.first_totals) | np.isnan(self.second_totals))).sum())


def pair_of(grid: Grid, first: Column, second: Column, *, used: Bools, whole: Bools) -> Pair:
    """Two columns side by side.

    Args:
        used: Cells to compare; both authors must have spoken there.
        whole: Cells that an attempt's total stands on. An attempt of which one is not in `used` has no total.
    """
    blank = ~used
    points = [np.where(blank, np.nan, column.points) for column in (first, second)]
    return Pair(
        grid=grid,
        first_labels=np.where(blank, MISSING, first.labels),
        second_labels=np.where(blank, MISSING, second.labels),
        first_wrong=np.where(blank, MISSING, first.wrong),
        second_wrong=np.where(blank, MISSING, second.wrong),
        first_totals=totals_of(grid, points[0], whole),
        second_totals=totals_of(grid, points[1], whole),
    )


def measure_pair(
    pair: Pair,
    *,
    kinds: Sequence[Kind] = POINTS,
    names: Mapping[str, str] = REPORTED,
    left_out: Mapping[str, int] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> dict[str, Measured]:
    """The metrics of a pair by their name in a report, each with its interval clustered by candidate.

    Precision and recall hold the first author for the truth; the mean difference is second minus first.
    Coefficients of labels and verdicts have jackknife intervals, those of totals too, on the scale of Fisher's z.
    """
    bootstrap = ClusterBootstrap(replicates=replicates, seed=seed, limits="bca")
    out: dict[str, Measured] = {}
    for shown, name in names.items():
        metric = METRICS[name]
        if metric.kind not in kinds:
            continue
        first, second, cluster, step = _numbers(pair, metric.kind)
        left = dict(left_out or {})
        if metric.kind == "totals" and pair.n_attempts_without_total:
            left = {"attempts with an incomplete total": pair.n_attempts_without_total}
        if not len(first):
            out[shown] = Measured(None, 0, 0, left_out=left, reason="no pairs: no cell is compared")
            continue
        if name == "mean_difference":
            first, second = second, first
        options: dict[str, object] = {"n_labels": N_LABELS} if metric.kind == "label" else {}
        if metric.by_step:
            options["step"] = step
        interval = bootstrap if isinstance(metric.interval, ClusterBootstrap) else metric.interval
        measured = metric.function(first, second, cluster=cluster, interval=interval, **options)
        kept = {why: n for why, n in measured.left_out.items() if why != "missing"}
        out[shown] = replace(measured, left_out={**kept, **left})
    return out


def kappa_of_labels(grid: Grid, first: Ints, second: Ints) -> Measured:
    """QWK of labels read under another mapping, over the cells that both columns fill."""
    used = (first != MISSING) & (second != MISSING)
    if not used.any():
        return Measured(None, 0, 0, reason="no pairs: no cell is compared")
    return quadratic_weighted_kappa(first[used], second[used], n_labels=N_LABELS, cluster=grid.cluster[used])


def confusion_of(pair: Pair) -> list[list[int]]:
    """Cells by the first author's label (row) and the second's (column)."""
    first, second, _, _ = _numbers(pair, "label")
    if not len(first):
        return [[0] * N_LABELS for _ in range(N_LABELS)]
    table: list[list[int]] = confusion_table(first, second, n_labels=N_LABELS).tolist()
    return table


def binary_counts(pair: Pair) -> dict[str, int]:
    """Cells by verdict; positive = step done wrong, the first author holds the truth."""
    first, second, _, _ = _numbers(pair, "binary")
    return {
        "tp": int(((first == 1) & (second == 1)).sum()),
        "fp": int(((first == 0) & (second == 1)).sum()),
        "fn": int(((first == 1) & (second == 0)).sum()),
        "tn": int(((first == 0) & (second == 0)).sum()),
    }


def limits_of_agreement(pair: Pair) -> list[float] | None:
    """Where 95 % of the differences of totals (second minus first) are expected; None where undefined."""
    first, second, cluster, _ = _numbers(pair, "totals")
    if len(first) < 2:
        return None
    limits = bland_altman(second, first, cluster=cluster)
    if limits.lower.value is None or limits.upper.value is None:
        return None
    return [limits.lower.value, limits.upper.value]


@dataclass(frozen=True)
class PhysicianPair:
    """Two physicians, what they can be compared on, and how far they agree."""

    first: str
    second: str
    pair: Pair
    used: Bools
    asked: Bools
    """Cells of the attempts that both of them rated."""


def physician_pairs(dataset: Dataset, grid: Grid | None = None) -> Iterator[PhysicianPair]:
    """Each two physicians who rated an attempt in common, in order of their names.

    A step that either could not judge is left out: missing is not zero, and people have no worst case.
    """
    grid = grid or grid_of(dataset)
    columns = physician_columns(dataset, grid)
    for first, second in combinations(sorted(columns), 2):
        a, b = columns[first], columns[second]
        asked = _rated(a) & _rated(b)
        if not asked.any():
            continue
        used = a.has_points & b.has_points
        pair = pair_of(grid, a, b, used=used, whole=asked & (a.has_points | b.has_points))
        yield PhysicianPair(first, second, pair, used, asked)


def physician_columns(dataset: Dataset, grid: Grid) -> dict[str, Column]:
    """Each physician's column by his name."""
    sheets: dict[str, list[Sheet]] = {}
    for sheet in dataset.sheets_of("physician"):
        sheets.setdefault(sheet.author.name, []).append(sheet)
    return {name: column_of(grid, own, name=name) for name, own in sorted(sheets.items())}


def agree(dataset: Dataset, first: str, second: str, *, replicates: int = 2000, seed: int = 0) -> dict[str, Measured]:
    """Agreement of two physicians over a dataset, with the metrics a model is scored by.

    Empty where they rated no attempt in common.
    """
    for found in physician_pairs(dataset):
        if {found.first, found.second} == {first, second}:
            return measure_pair(found.pair, replicates=replicates, seed=seed)
    return {}


def _rated(column: Column) -> Bools:
    return np.array([entry is not None for entry in column.entries], dtype=bool)


def _numbers(pair: Pair, kind: Kind) -> tuple[Ints | Floats, Ints | Floats, Ints, Ints]:
    """First, second, cluster and step, only where both are there."""
    grid = pair.grid
    if kind == "totals":
        first, second = pair.first_totals, pair.second_totals
        there = ~(np.isnan(first) | np.isnan(second))
        return (
            first[there],
            second[there],
            grid.attempt_cluster[there],
            np.zeros(int(there.sum()), dtype=np.int64),
        )
    if kind == "label":
        labels, others = pair.first_labels, pair.second_labels
    else:
        labels, others = pair.first_wrong, pair.second_wrong
    there = (labels != MISSING) & (others != MISSING)
    return labels[there], others[there], grid.cluster[there], grid.step[there]
