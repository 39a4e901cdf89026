"""Two models against one reference, on the same cells of the same videos."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import MISSING, Floats, Ints, read_labels, read_totals
from siming.metrics.measured import Measured
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import (
    FEWEST_CLUSTERS,
    MOST_UNDEFINED,
    IntervalMethod,
    batches,
    measure,
)
from siming.metrics.statistic import Statistic


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How two models differ on one metric."""

    metric: str
    first: Measured
    """The first model, on the cells that both models and the reference fill."""
    second: Measured
    """The second model, on the same cells."""
    difference: Measured
    """First minus second."""
    p_value: float | None
    """Two-sided, of the hypothesis that in each video the two models could change places."""
    p_reason: str | None
    """Why there is no p value; set exactly when `p_value` is None."""
    permutations: int
    """Swaps tried: all of them where they are few, else the number asked for."""
    exact: bool
    """Whether every possible swap was tried."""
    seed: int


def paired_difference(
    metric: str | Metric,
    reference: ArrayLike,
    first_model: ArrayLike,
    second_model: ArrayLike,
    *,
    cluster: ArrayLike,
    step: ArrayLike | None = None,
    n_labels: int | None = None,
    interval: IntervalMethod | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Metric of the first model less that of the second, on the cells all three sides fill.

    The interval resamples whole videos, each with both models' cells. The p value swaps the two models
    within random videos; it assumes that under the null hypothesis neither model is told apart by the video.

    Args:
        metric: Name in `METRICS`, or one of its metrics.
        reference: Labels, wrong/right calls or totals, as the metric's kind wants them.
        first_model, second_model: The same, in the same order of cells.
        cluster: Video (or candidate) of each cell.
        step: Step of each cell, for metrics that work by step.
        n_labels: Length of the scale, for metrics of labels.
        interval: How to make the intervals; None for the metric's own default.
        permutations: Random swaps to try; with so few videos that all swaps are fewer, all are tried.
        seed: Seed of the random swaps.

    Raises:
        LabelError: As the metric itself, or when `step` or `n_labels` is needed and absent.
        TaskError: Unknown metric.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    if permutations < 100:
        raise LabelError(f"{permutations} permutations cannot show a small p; ask for at least 100")
    how = interval or chosen.interval
    options = chosen.options(n_labels=n_labels, step=step)
    truth, ours, theirs = _same_cells(chosen, [reference, first_model, second_model], n_labels)
    first, second = (
        chosen.function(truth, model, cluster=cluster, interval=how, **options) for model in (ours, theirs)
    )
    # Both models in one statistic, each video once per model: weight says which model stands for the video.
    _, number = np.unique(np.asarray(cluster), return_inverse=True)
    doubled = {name: np.tile(v, 2) if name == "step" else v for name, v in options.items()}
    both = chosen.statistic(
        np.tile(truth, 2),
        np.concatenate([ours, theirs]),
        cluster=np.concatenate([number, number + number.max() + 1]),
        **doubled,
    )
    n = both.n_clusters // 2
    span = both.bounds[1] - both.bounds[0]
    gap = replace(
        both,
        of=lambda w: both.of(np.hstack([w, np.zeros_like(w)])) - both.of(np.hstack([np.zeros_like(w), w])),
        n=first.n,
        n_clusters=n,
        floats_per_replicate=2 * both.floats_per_replicate,
        why_undefined="; ".join(
            f"{name} model: {side.reason}" for name, side in (("first", first), ("second", second)) if side.reason
        ),
        left_out=first.left_out,
        notes=(),
        bounds=(-span, span),
    )
    difference = measure(gap, how)
    p, tried, exact = _swap_p_value(both, difference, permutations, seed)
    return PairedDifference(
        metric=chosen.name,
        first=first,
        second=second,
        difference=difference,
        p_value=p if isinstance(p, float) else None,
        p_reason=p if isinstance(p, str) else None,
        permutations=tried,
        exact=exact,
        seed=seed,
    )


def _same_cells(
    metric: Metric, sides: list[ArrayLike], n_labels: int | None
) -> tuple[Floats | Ints, Floats | Ints, Floats | Ints]:
    """Reference and models, blanked wherever any of the three is missing."""
    names = ("the reference", "the first model", "the second model")
    if metric.kind == "totals":
        rows = [read_totals(side, name) for side, name in zip(sides, names, strict=True)]
        _check_lengths([len(row) for row in rows])
        gone = np.isnan(rows).any(axis=0)
        a, b, c = (np.where(gone, np.nan, row) for row in rows)
        return a, b, c
    scale = 2 if n_labels is None else n_labels
    labels = [read_labels(side, name, scale) for side, name in zip(sides, names, strict=True)]
    _check_lengths([len(row) for row in labels])
    gone = (np.array(labels) == MISSING).any(axis=0)
    d, e, f = (np.where(gone, MISSING, row) for row in labels)
    return d, e, f


def _check_lengths(found: list[int]) -> None:
    if len(set(found)) > 1:
        raise LabelError(
            f"reference and models have {', '.join(map(str, found))} cells; give one value per cell, in the same order"
        )


def _swap_p_value(both: Statistic, difference: Measured, permutations: int, seed: int) -> tuple[float | str, int, bool]:
    """The p value or why there is none, the number of swaps tried, and whether those were all."""
    if difference.value is None:
        return difference.reason or "undefined", 0, False
    n = both.n_clusters // 2
    if n < FEWEST_CLUSTERS:
        return f"{n} clusters are fewer than {FEWEST_CLUSTERS}", 0, False
    exact = 2**n <= permutations
    tried = 2**n if exact else permutations
    rng = np.random.default_rng(seed)
    extreme = undefined = 0
    for start, stop in batches(tried, both):
        if exact:
            swapped = (np.arange(start, stop)[:, None] >> np.arange(n)) & 1 == 1
        else:
            swapped = rng.random((stop - start, n)) < 0.5
        ours, theirs = np.where(swapped, 0.0, 1.0), np.where(swapped, 1.0, 0.0)
        values = both.of(np.hstack([ours, theirs])) - both.of(np.hstack([theirs, ours]))
        undefined += int(np.isnan(values).sum())
        extreme += int((np.abs(values) >= abs(difference.value) - 1e-12).sum())
    if undefined > MOST_UNDEFINED * tried:
        return f"undefined in {undefined} of {tried} swaps, more than 5 %", tried, exact
    extreme += undefined  # on the safe side: a swap that cannot be judged speaks for chance
    # Where swaps are drawn, the observed arrangement counts as one of them, so p is never 0.
    return (extreme / tried if exact else (1 + extreme) / (1 + tried)), tried, exact
