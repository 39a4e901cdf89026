"""Several models against one reference, redrawn together: in each replicate all of them see the same videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import MISSING, Floats, Ints, read_labels, read_totals
from siming.metrics.measured import Measured
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import (
    FEWEST_CLUSTERS,
    MOST_UNDEFINED,
    batch_rows,
    bootstrap_weights,
    leave_one_out,
    measure,
)
from siming.metrics.statistic import Statistic


@dataclass(frozen=True, slots=True, eq=False)
class JointDraws:
    """What one metric came to for every model, as measured and in each replicate."""

    metric: str
    names: tuple[str, ...]
    """Models that can be redrawn, in the order given."""
    values: Floats
    """Their values on the cells that all models and the reference fill, shape (n_models,)."""
    draws: Floats
    """Their values in each replicate, NaN where undefined, shape (replicates, n_models)."""
    influence: Floats
    """How far each cluster alone moves each value, (n - 1) x (mean of the leave-one-out values - this one), shape
    (n_clusters, n_models)."""
    set_aside: Mapping[str, Measured]
    """Models without a value, or with one that too many replicates leave undefined, and why."""
    n: int
    n_clusters: int
    left_out: Mapping[str, int]
    seed: int
    replicates: int

    @property
    def why_unusable(self) -> str | None:
        """Why nothing can be said from these draws; None where something can."""
        if not self.names:
            whys = (f"{name}: {found.reason or found.interval_reason}" for name, found in self.set_aside.items())
            return f"no model can be redrawn: {'; '.join(whys)}"
        if self.n_clusters < FEWEST_CLUSTERS:
            return f"{self.n_clusters} clusters are fewer than {FEWEST_CLUSTERS}"
        return None


def joint_bootstrap(
    metric: str | Metric,
    reference: ArrayLike,
    models: Mapping[str, ArrayLike],
    *,
    cluster: ArrayLike,
    step: ArrayLike | None = None,
    n_labels: int | None = None,
    replicates: int = 10_000,
    seed: int = 0,
) -> JointDraws:
    """Redraw whole videos and take every model's metric on each draw; the models keep their correlation.

    Args:
        metric: Name in `METRICS`, or one of its metrics.
        reference: Labels, wrong/right calls or totals, as the metric's kind wants them.
        models: The same of each model by name, in the same order of cells; compared on cells that all fill.
        cluster: Video (or candidate) of each cell.
        step: Step of each cell, for metrics that work by step.
        n_labels: Length of the scale, for metrics of labels.
        replicates: Samples to draw.
        seed: Seed of the draws.

    Raises:
        LabelError: As the metric itself; no model; or too few replicates.
        TaskError: Unknown metric.
    """
    if replicates < 100:
        raise LabelError(f"{replicates} bootstrap replicates cannot hold a tail; ask for at least 100")
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    statistics = dict(
        zip(models, statistics_on_same_cells(chosen, reference, models, cluster, step, n_labels), strict=True)
    )
    plain = {name: measure(statistic, None) for name, statistic in statistics.items()}
    set_aside = {name: found for name, found in plain.items() if found.value is None}
    first = next(iter(statistics.values()))
    columns = {name: statistics[name] for name in plain if name not in set_aside}
    drawn = np.empty((replicates, len(columns)))
    if columns:
        rows = min(batch_rows(statistic) for statistic in columns.values())
        weights = bootstrap_weights(first.n_clusters, replicates=replicates, seed=seed, batch=rows)
        drawn = np.concatenate([np.column_stack([s.of(batch) for s in columns.values()]) for batch in weights])
    # A model that calls wrong in one video only has no MCC in a third of the replicates: nothing can be said of its
    # rank, and it must not take the others with it.
    lost = np.isnan(drawn).sum(axis=0)
    steady = (lost <= MOST_UNDEFINED * replicates) | (first.n_clusters < FEWEST_CLUSTERS)
    for name, unsteady, times in zip(columns, ~steady, lost, strict=True):
        if unsteady:
            why = f"undefined in {times} of {replicates} bootstrap replicates, more than 5 %"
            set_aside[name] = replace(plain[name], interval_reason=why)
    names = tuple(name for name in columns if name not in set_aside)
    drawn = drawn[:, steady]
    influence = np.empty((first.n_clusters, len(names)))
    for place, name in enumerate(names):
        without = leave_one_out(columns[name])
        influence[:, place] = (first.n_clusters - 1) * (without.mean() - without)
    return JointDraws(
        metric=chosen.name,
        names=names,
        values=np.array([plain[name].value for name in names], dtype=float),
        draws=drawn,
        influence=influence,
        set_aside={name: set_aside[name] for name in models if name in set_aside},
        n=first.n,
        n_clusters=first.n_clusters,
        left_out=first.left_out,
        seed=seed,
        replicates=replicates,
    )


def statistics_on_same_cells(
    metric: Metric,
    reference: ArrayLike,
    models: Mapping[str, ArrayLike],
    cluster: ArrayLike,
    step: ArrayLike | None,
    n_labels: int | None,
) -> list[Statistic]:
    """One statistic per model, all over the same cells and with the same numbering of clusters."""
    if not models:
        raise LabelError("found no model, wanted at least one; give a mapping of name to its labels or totals")
    sides = on_same_cells(metric, [reference, *models.values()], ["the reference", *map(repr, models)], n_labels)
    options: dict[str, Any] = metric.options(n_labels=n_labels, step=step)
    return [metric.statistic(sides[0], side, cluster=cluster, **options) for side in sides[1:]]


def on_same_cells(
    metric: Metric, sides: Sequence[ArrayLike], names: Sequence[str], n_labels: int | None
) -> list[Floats] | list[Ints]:
    """All sides, missing wherever one of them is.

    Raises:
        LabelError: Sides of different length, or something that is no label or total; the message names the side.
    """
    if metric.kind == "totals":
        totals = [read_totals(side, name) for side, name in zip(sides, names, strict=True)]
        _check_lengths(totals, names)
        gone = np.isnan(totals).any(axis=0)
        return [np.where(gone, np.nan, row) for row in totals]
    scale = 2 if n_labels is None else n_labels
    labels = [read_labels(side, name, scale) for side, name in zip(sides, names, strict=True)]
    _check_lengths(labels, names)
    gone = (np.array(labels) == MISSING).any(axis=0)
    return [np.where(gone, MISSING, row) for row in labels]


def _check_lengths(sides: Sequence[Floats] | Sequence[Ints], names: Sequence[str]) -> None:
    for side, name in zip(sides, names, strict=True):
        if len(side) != len(sides[0]):
            raise LabelError(
                f"{name} has {len(side)} cells and {names[0]} {len(sides[0])}; "
                "give one value per cell, in the same order"
            )


def undefined(draws: JointDraws, reason: str) -> Measured:
    """A value that these draws cannot give."""
    return Measured(None, draws.n, draws.n_clusters, left_out=draws.left_out, reason=reason)
