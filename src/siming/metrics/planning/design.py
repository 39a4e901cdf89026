"""How much less the cells of one video tell than as many cells of different videos would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import MISSING, number_ids, read_labels, read_rows
from siming.metrics.measured import Measured
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import FEWEST_CLUSTERS, jackknife_error, leave_one_out, measure
from siming.metrics.statistic import Statistic


def design_effect(
    metric: str | Metric,
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike,
    step: ArrayLike | None = None,
    n_labels: int | None = None,
) -> Measured:
    """(standard error by cluster / standard error of independent cells) squared, both by jackknife.

    1 where cells of one video are no more alike than others; 4 means that the cells are worth a quarter of
    their number. Below 1 is possible: a rater who is wrong once in every video varies less than chance.

    Args:
        metric: Name in `METRICS`, or one of its metrics.
        first, second: The two raters, as the metric's kind wants them.
        cluster: Video of each cell; for totals the candidate of each video.
        step, n_labels: As in `paired_difference`.

    Returns:
        A value of at least 0 over n cells; None with fewer than 5 clusters, or where the metric is undefined
        or does not vary.

    Raises:
        LabelError: As the metric itself.
        TaskError: Unknown metric.

    Source: Kish 1965, with jackknife errors.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    options = chosen.options(n_labels=n_labels, step=step)
    clustered = chosen.statistic(first, second, cluster=cluster, **options)
    plain = measure(clustered, None)
    if plain.value is None:
        return replace(plain, notes=())

    def no(reason: str) -> Measured:
        return Measured(None, plain.n, plain.n_clusters, left_out=plain.left_out, reason=reason)

    if clustered.n_clusters < FEWEST_CLUSTERS:
        return no(f"{clustered.n_clusters} clusters are fewer than {FEWEST_CLUSTERS}")
    by_cluster = jackknife_error(leave_one_out(clustered))
    independent = _error_of_cells(chosen, first, second, n_labels, step)
    if not np.isfinite(by_cluster):
        return no("undefined when a cluster is left out alone")
    if independent is None or not independent > 1e-12:
        return no("the value does not vary when a cell is left out alone")
    return Measured(
        (by_cluster / independent) ** 2,
        plain.n,
        plain.n_clusters,
        interval_reason="none is made for a ratio of two errors",
        left_out=plain.left_out,
    )


def _error_of_cells(
    metric: Metric, first: ArrayLike, second: ArrayLike, n_labels: int | None, step: ArrayLike | None
) -> float | None:
    """Jackknife error that leaves out single cells (or videos, for totals)."""
    if metric.kind == "totals":
        rows = read_rows([first, second])
        return jackknife_error(leave_one_out(metric.statistic(*rows.totals.T)))
    scale = 2 if n_labels is None else n_labels
    a, b = read_labels(first, "the first rater", scale), read_labels(second, "the second rater", scale)
    steps = np.zeros(len(a), dtype=np.int64) if step is None else np.unique(np.asarray(step), return_inverse=True)[1]
    if len(steps) != len(a):
        raise LabelError(f"found {len(steps)} step ids beside {len(a)} cells; give one for each, in the same order")
    used = (a != MISSING) & (b != MISSING)
    # Cells with the same step and labels are interchangeable, so each such kind is left out once and counted
    # as often as it occurs: at most steps x labels^2 values instead of one per cell.
    kind, n_kinds = number_ids(((steps * scale + a) * scale + b)[used], int(used.sum()), "cells")
    counts = np.bincount(kind)
    options = metric.options(n_labels=n_labels, step=steps[used])
    statistic: Statistic = metric.statistic(a[used], b[used], cluster=kind, **options)
    weights = np.ones((n_kinds, n_kinds))
    np.fill_diagonal(weights, 1 - 1 / counts)
    left_out = statistic.of(weights)
    if np.isnan(left_out).any():
        return None
    n = int(counts.sum())
    mean = (counts * left_out).sum() / n
    return float(np.sqrt((n - 1) / n * (counts * np.square(left_out - mean)).sum()))
