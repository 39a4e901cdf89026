"""Which of several models the data can tell apart, on the same cells of the same videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from siming.metrics import Measured, paired_difference
from siming.metrics.comparison.multiplicity import holm
from siming.rating.cells import MISSING, Bools, Column, Grid
from siming.rubric import N_LABELS

ALPHA = 0.05
"""Two models with a Holm-corrected p below it count as told apart."""


@dataclass(frozen=True)
class Contestant:
    """A model's column and the cells on which it may be compared."""

    name: str
    column: Column
    used: Bools
    value: float | None
    """Its own value of the ranking metric."""


@dataclass(frozen=True)
class Comparison:
    """Two models of one setting."""

    first: str
    second: str
    setting: str
    metric: str
    difference: Measured
    """First minus second."""
    p: float | None
    p_holm: float | None
    """Corrected for all pairs of the setting."""
    n_cells: int

    def to_json(self) -> dict[str, Any]:
        """As it stands in report.json."""
        return {
            "first": self.first,
            "second": self.second,
            "setting": self.setting,
            "metric": self.metric,
            "difference": self.difference.to_json(),
            "p": self.p,
            "p_holm": self.p_holm,
            "n_cells": self.n_cells,
        }


def compare(
    grid: Grid,
    reference: Column,
    contestants: Sequence[Contestant],
    *,
    setting: str,
    metric: str,
    permutations: int = 2000,
    seed: int = 0,
) -> list[Comparison]:
    """Each two models of one setting: the paired difference, its interval, and p by swapping them in videos.

    Args:
        metric: ``qwk_within_step`` where there are points, ``mcc`` where there are only verdicts.
    """
    found = []
    for one, other in combinations(sorted(contestants, key=lambda c: c.name), 2):
        both = one.used & other.used
        found.append(_compare(grid, reference, one, other, both, setting, metric, permutations, seed))
    corrected = holm([c.p for c in found])
    return [
        Comparison(
            c.first,
            c.second,
            c.setting,
            c.metric,
            c.difference,
            c.p,
            p_holm,
            c.n_cells,
        )
        for c, p_holm in zip(found, corrected, strict=True)
    ]


def groups(contestants: Sequence[Contestant], comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Models in groups, best first; a model joins the group of those above unless told apart from its head.

    Models whose value is undefined form the last group.
    """
    apart = {frozenset((c.first, c.second)) for c in comparisons if c.p_holm is not None and c.p_holm < ALPHA}
    ranked = sorted((c for c in contestants if c.value is not None), key=lambda c: (-(c.value or 0.0), c.name))
    out: list[list[str]] = []
    for contestant in ranked:
        if out and frozenset((out[-1][0], contestant.name)) not in apart:
            out[-1].append(contestant.name)
        else:
            out.append([contestant.name])
    unranked = sorted(c.name for c in contestants if c.value is None)
    return [*out, unranked] if unranked else out


def _compare(
    grid: Grid,
    reference: Column,
    one: Contestant,
    other: Contestant,
    both: Bools,
    setting: str,
    metric: str,
    permutations: int,
    seed: int,
) -> Comparison:
    if not both.any():
        nothing = Measured(None, 0, 0, reason="no pairs: the two have no cell in common")
        return Comparison(one.name, other.name, setting, metric, nothing, None, None, 0)
    verdicts = metric == "mcc"
    numbers = [
        np.where(both, c.wrong if verdicts else c.labels, MISSING) for c in (reference, one.column, other.column)
    ]
    options: Mapping[str, Any] = {} if verdicts else {"n_labels": N_LABELS, "step": grid.step[both]}
    paired = paired_difference(
        metric,
        *(column[both] for column in numbers),
        cluster=grid.cluster[both],
        permutations=max(100, permutations),
        seed=seed,
        **options,
    )
    n_cells = paired.difference.n
    return Comparison(one.name, other.name, setting, metric, paired.difference, paired.p_value, None, n_cells)
