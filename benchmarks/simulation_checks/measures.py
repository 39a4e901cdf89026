"""Any metric of siming on two tables of levels, through its public function."""

from __future__ import annotations

from typing import Any

import numpy as np

from siming.metrics import Measured, Metric, get_metric
from simulation_checks.latent import N_LEVELS, Labels

TITLES = {
    "qwk": "QWK",
    "qwk_within_step": "QWK within step",
    "ac2": "AC2",
    "mcc": "MCC",
    "plcc": "PLCC",
    "icc_agreement": "ICC(A,1)",
}


def sides(metric: Metric, *tables: Labels) -> list[np.ndarray[Any, Any]]:
    """Each table as the metric wants it: levels, whether below full, or totals of levels."""
    if metric.kind == "totals":
        return [table.sum(axis=1, dtype=np.float64) for table in tables]
    if metric.kind == "binary":
        return [(table < N_LEVELS - 1).ravel() for table in tables]
    return [table.ravel() for table in tables]


def keywords(metric: Metric, shape: tuple[int, int], *, videos_per_cluster: int = 1) -> dict[str, Any]:
    """The other arguments: clusters of that many videos each, and what else the metric asks for."""
    cluster = np.arange(shape[0]) // videos_per_cluster
    out: dict[str, Any] = {"cluster": cluster if metric.kind == "totals" else np.repeat(cluster, shape[1])}
    if metric.kind == "label":
        out["n_labels"] = N_LEVELS
    if metric.by_step:
        out["step"] = np.tile(np.arange(shape[1]), shape[0])
    return out


def measure(name: str, truth: Labels, given: Labels, **options: Any) -> Measured:
    """The metric of that name with its default interval, unless `interval` says otherwise."""
    metric = get_metric(name)
    options.setdefault("interval", metric.interval)
    return metric.function(
        *sides(metric, truth, given), **keywords(metric, (truth.shape[0], truth.shape[1])), **options
    )
