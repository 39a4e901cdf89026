"""Agreement of all raters at once, where there are three or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from siming.metrics import ClusterBootstrap, Measured
from siming.metrics.icc import intraclass_correlation
from siming.metrics.krippendorff import krippendorff_alpha
from siming.metrics.many_raters import (
    agreement_of_many,
    brennan_prediger_of_many,
    conger_kappa,
    fleiss_kappa,
    gwet_ac_of_many,
)
from siming.rating.cells import MISSING, Column, Floats, Grid, totals_of
from siming.rating.compared import rated
from siming.rating.plain import plain
from siming.rubric import N_LABELS

ALL_ORDER = (
    "agreement", "fleiss_kappa", "conger_kappa", "gwet_ac2", "brennan_prediger", "krippendorff_alpha", "icc_a1", "icc_c1",
)  # fmt: skip
"""What is shown, in this order. Kappas, AC2 and Brennan-Prediger weigh quadratically, alpha is ordinal."""


@dataclass(frozen=True)
class AllRaters:
    """How far three or more raters agree."""

    raters: Sequence[str]
    n_videos: int
    """Attempts with a cell that two or more raters filled."""
    n_cells: int
    """Cells that two or more raters filled."""
    metrics: Mapping[str, Measured]
    """By name, in the order of `ALL_ORDER`."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "raters": list(self.raters),
            "n_videos": self.n_videos,
            "n_cells": self.n_cells,
            "weights": "quadratic",
            "metrics": plain(self.metrics),
        }


def all_raters(grid: Grid, columns: Mapping[str, Column], *, replicates: int = 2000, seed: int = 0) -> AllRaters | None:
    """The coefficients over all cells that somebody filled; None where there are fewer than three raters."""
    if len(columns) < 3:
        return None
    labels = np.column_stack([column.labels for column in columns.values()])
    per_cell = (labels != MISSING).sum(axis=1)
    paired, filled = per_cell > 1, per_cell > 0
    cluster, raters = grid.cluster[filled], list(labels[filled].T)
    shared: dict[str, Any] = {"n_labels": N_LABELS, "cluster": cluster}
    bootstrap = ClusterBootstrap(replicates=replicates, seed=seed)
    found = {
        "agreement": agreement_of_many(raters, **shared),
        "fleiss_kappa": fleiss_kappa(raters, weights="quadratic", **shared),
        "conger_kappa": conger_kappa(raters, weights="quadratic", **shared),
        "gwet_ac2": gwet_ac_of_many(raters, **shared),
        "brennan_prediger": brennan_prediger_of_many(raters, weights="quadratic", **shared),
        "krippendorff_alpha": krippendorff_alpha(raters, scale="ordinal", interval=bootstrap, **shared),
        **_correlations(grid, columns),
    }
    return AllRaters(
        raters=tuple(columns),
        n_videos=len(np.unique(grid.attempt[paired])),
        n_cells=int(paired.sum()),
        metrics={name: found[name] for name in ALL_ORDER},
    )


def _correlations(grid: Grid, columns: Mapping[str, Column]) -> dict[str, Measured]:
    totals = [_totals(grid, column) for column in columns.values()]
    seen = np.array([~np.isnan(total) for total in totals]).sum(axis=0) > 1
    if not seen.any():
        nothing = Measured(None, 0, 0, reason="no pairs: no attempt has totals of two raters")
        return {"icc_a1": nothing, "icc_c1": nothing}
    kept = [total[seen] for total in totals]
    cluster = grid.attempt_cluster[seen]
    return {
        "icc_a1": intraclass_correlation(*kept, form="ICC(A,1)", cluster=cluster),
        "icc_c1": intraclass_correlation(*kept, form="ICC(C,1)", cluster=cluster),
    }


def _totals(grid: Grid, column: Column) -> Floats:
    """His total of each attempt he rated; NaN where he left a cell blank."""
    return totals_of(grid, column.points, rated(column))
