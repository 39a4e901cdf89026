"""Two models against one reference, on the same cells of the same videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints
from siming.metrics.comparison.joint import on_same_cells
from siming.metrics.measured import Measured
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import (
    FEWEST_CLUSTERS,
    MOST_UNDEFINED,
    IntervalMethod,
    batches,
    measure,
)
from siming.metrics.statistic import OfSums, Statistic

OfWeights = Callable[[Floats], Floats]


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
    within random videos; it assumes that under the null hypothesis the two could change places. A model that is only
    milder than another could not, so where a metric does not see shift or scale (as correlations do not), totals are
    brought to one mean and one spread before they are swapped.

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
    names = ("the reference", "the first model", "the second model")
    truth, ours, theirs = on_same_cells(chosen, [reference, first_model, second_model], names, n_labels)
    first, second = (
        chosen.function(truth, model, cluster=cluster, interval=how, **options) for model in (ours, theirs)
    )
    ids = np.asarray(cluster)
    sides = [chosen.statistic(truth, model, cluster=ids, **options) for model in (ours, theirs)]
    span = sides[0].bounds[1] - sides[0].bounds[0]
    gap = replace(
        sides[0],
        of=_gap(sides[0].of, sides[1].of),
        floats_per_replicate=2 * sides[0].floats_per_replicate,
        why_undefined="; ".join(
            f"{name} model: {side.reason}" for name, side in (("first", first), ("second", second)) if side.reason
        ),
        notes=(),
        bounds=(-span, span),
        scale="plain",
    )
    difference = measure(gap, how)
    # Both models in one statistic, each video once per model: weight says which model stands for the video.
    _, number = np.unique(ids, return_inverse=True)
    both = chosen.statistic(
        np.tile(truth, 2),
        np.concatenate([_in_common_units(ours, chosen), _in_common_units(theirs, chosen)]),
        cluster=np.concatenate([number, number + number.max() + 1]),
        **{name: np.tile(v, 2) if name == "step" else v for name, v in options.items()},
    )
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


@dataclass(frozen=True, slots=True)
class _GapOfSums:
    """The difference of two statistics over the same clusters, both with a short way to leave one out."""

    first: OfSums
    second: OfSums

    def __call__(self, weights: Floats, /) -> Floats:
        return self.first(weights) - self.second(weights)

    def without_each(self) -> Floats:
        return self.first.without_each() - self.second.without_each()


def _gap(first: OfWeights, second: OfWeights) -> OfWeights:
    if isinstance(first, OfSums) and isinstance(second, OfSums):
        return _GapOfSums(first, second)
    return lambda weights: first(weights) - second(weights)


def _swapped_gap(both: Statistic) -> Callable[[NDArray[np.bool_]], Floats]:
    """From rows that say which videos' models change places to the difference of the two statistics then."""
    of = both.of
    if isinstance(of, OfSums) and (of.units == np.rint(of.units)).all():
        # Counts add up exactly, so what one side gains is what the other loses: half the sums, on half the clusters.
        ours, theirs = np.split(of.units, 2)
        function, moved, first, second = of.of, theirs - ours, ours.sum(axis=0), theirs.sum(axis=0)

        def of_counts(swapped: NDArray[np.bool_]) -> Floats:
            change = swapped.astype(float) @ moved
            return function(first + change) - function(second - change)

        return of_counts

    def of_weights(swapped: NDArray[np.bool_]) -> Floats:
        one, other = np.where(swapped, 0.0, 1.0), np.where(swapped, 1.0, 0.0)
        return of(np.hstack([one, other])) - of(np.hstack([other, one]))

    return of_weights


def _in_common_units(model: Floats | Ints, metric: Metric) -> Floats | Ints:
    """Totals less what the metric does not see of them anyway."""
    if metric.kind != "totals" or np.isnan(model).all():
        return model
    out: Floats = model - np.nanmean(model) if "shift" in metric.unmoved_by else model.astype(float)
    spread = float(np.nanstd(model))
    # Equal totals stay equal: what is left of them after the mean is taken off would else be blown up.
    constant = bool(np.nanmax(model) == np.nanmin(model))
    return model if constant else out / spread if "scale" in metric.unmoved_by else out


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
    swapped_gap = _swapped_gap(both)
    extreme = undefined = 0
    for start, stop in batches(tried, both):
        if exact:
            swapped = (np.arange(start, stop)[:, None] >> np.arange(n)) & 1 == 1
        else:
            swapped = rng.random((stop - start, n)) < 0.5
        values = swapped_gap(swapped)
        undefined += int(np.isnan(values).sum())
        # Sums in another order differ in the last bits; an arrangement as far apart as ours must count.
        extreme += int((np.abs(values) >= abs(difference.value) - 1e-10).sum())
    if undefined > MOST_UNDEFINED * tried:
        return f"undefined in {undefined} of {tried} swaps, more than 5 %", tried, exact
    extreme += undefined  # on the safe side: a swap that cannot be judged speaks for chance
    # Where swaps are drawn, the observed arrangement counts as one of them, so p is never 0.
    return (extreme / tried if exact else (1 + extreme) / (1 + tried)), tried, exact
