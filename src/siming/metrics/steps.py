"""One metric for each step by itself, for the table of steps in a report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.measured import Measured
from siming.metrics.registry import get_metric
from siming.metrics.resample import JACKKNIFE, IntervalMethod


def by_step(
    metric: str,
    first: ArrayLike,
    second: ArrayLike,
    *,
    step: ArrayLike,
    n_labels: int | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> dict[int | str, Measured]:
    """The metric on the cells of each step alone, by step id in sorted order.

    Args:
        metric: Name of a metric of labels or of wrong/right calls; not one that works by step itself.
        first, second, n_labels, cluster, interval: As the metric wants them.
        step: Step of each cell, int or string.

    Raises:
        LabelError: As the metric itself, or for a metric that has no value for one step.
        TaskError: Unknown metric.

    >>> measured = by_step("raw_agreement", [0, 3, 3], [0, 3, 0], step=["a", "a", "b"], n_labels=4)
    >>> {step: one.value for step, one in measured.items()}
    {'a': 1.0, 'b': 0.0}
    """
    chosen = get_metric(metric)
    if chosen.by_step or chosen.kind == "totals":
        raise LabelError(f"metric {metric!r} has no value for one step; give one of labels, such as 'qwk'")
    sides: list[np.ndarray[Any, Any]] = [np.ma.asarray(side) for side in (first, second)]
    steps = np.asarray(step)
    ids = None if cluster is None else np.asarray(cluster)
    lengths = {len(row) for row in (*sides, steps, *(() if ids is None else (ids,)))}
    if len(lengths) > 1:
        raise LabelError(f"labels, steps and clusters have lengths {sorted(lengths)}; give one of each per cell")
    options = chosen.options(n_labels=n_labels)
    out = {}
    for one in np.unique(steps):
        here = steps == one
        out[one.item()] = chosen.function(
            *(side[here] for side in sides),
            cluster=None if ids is None else ids[here],
            interval=interval,
            **options,
        )
    return out
