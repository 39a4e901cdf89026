"""The table of steps of a panel: where two raters differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from siming.metrics import Measured, gwet_ac, quadratic_weighted_kappa, raw_agreement
from siming.rating.cells import Grid
from siming.rating.compared import Compared
from siming.rubric import N_LABELS


@dataclass(frozen=True)
class StepRow:
    """Two raters on one step."""

    step: str
    title: Mapping[str, str]
    skill: str
    n: int
    """Cells in which both gave points."""
    n_missing: int
    n_different: int
    """Cells with different labels."""
    metrics: Mapping[str, Measured]
    """``raw_agreement``, ``qwk`` and ``ac2``."""


def step_rows(grid: Grid, compared: Compared) -> list[StepRow]:
    """One row per step, in the rubrics' order."""
    return [_row(grid, own) for _, own in compared.by_step()]


def _row(grid: Grid, own: Compared) -> StepRow:
    place = int(own.cell[0])
    step = grid.steps[place]
    filled = own.filled
    first, second = filled.first.labels, filled.second.labels
    if own.n_cells:
        metrics = {
            "raw_agreement": raw_agreement(first, second, n_labels=N_LABELS, cluster=filled.cluster),
            "qwk": quadratic_weighted_kappa(first, second, n_labels=N_LABELS, cluster=filled.cluster),
            "ac2": gwet_ac(first, second, n_labels=N_LABELS, cluster=filled.cluster),
        }
    else:
        nothing = Measured(None, 0, 0, reason="no pairs: no cell is compared")
        metrics = dict.fromkeys(("raw_agreement", "qwk", "ac2"), nothing)
    return StepRow(
        step=step.id,
        title={"en": step.title, "zh": step.title_zh},
        skill=grid.rubric[place].skill,
        n=own.n_cells,
        n_missing=own.n_missing,
        n_different=int((first != second).sum()),
        metrics=metrics,
    )
