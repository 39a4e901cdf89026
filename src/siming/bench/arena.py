"""Where the models of one setting meet: the arithmetic behind a contest, on the cells that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import combinations
from operator import and_
from typing import Any

import numpy as np

from siming.bench.contest import CHANCE_NOT_AT_0, ERRORS, BlindTest, Contest, Versus, better_of
from siming.errors import TaskError
from siming.metrics import ClusterBootstrap, Measured, paired_difference
from siming.metrics.cells import Floats
from siming.metrics.comparison.dependent import compare_correlations
from siming.metrics.comparison.joint import joint_bootstrap
from siming.metrics.comparison.multiplicity import all_at_test, all_equal_test, benjamini_hochberg, holm
from siming.metrics.comparison.nulls import BestOfNulls, best_of_nulls, best_of_shuffled
from siming.metrics.comparison.ranking import Ranking, rank_models
from siming.metrics.planning.design import design_effect
from siming.metrics.registry import Metric, get_metric
from siming.rating.cells import MISSING, Bools, Column, Grid, Ints, totals_of
from siming.rubric import N_LABELS

ALPHA = 0.05
"""A model with a Holm-corrected p below it counts as told apart from a blind baseline."""

LEVEL = 0.95
"""Probability with which all rank intervals of a setting hold at once."""


@dataclass(frozen=True)
class Standing:
    """An author's column and the cells that he is compared on."""

    name: str
    column: Column
    """Missing answers already filled as the policy for them says."""
    used: Bools
    whole: Bools
    """Cells that an attempt's total stands on; without one of them in `used` it has none."""


@dataclass(frozen=True)
class Sides:
    """Some authors' numbers beside the reference's, in the form a metric takes, on the cells all of them share."""

    metric: Metric
    reference: Floats | Ints
    models: Mapping[str, Floats | Ints]
    options: Mapping[str, Any]
    """Keywords for the metric: cluster, and step and n_labels where it wants them."""
    n_cells: int


@dataclass(frozen=True)
class Arena:
    """Where models meet: one setting, one metric, one reference."""

    grid: Grid
    reference: Column
    setting: str
    metric: Metric
    permutations: int
    replicates: int
    shuffles: int
    seed: int

    def hold(self, models: Sequence[Standing], blind: Sequence[Standing] = ()) -> Contest:
        """Compare all models with one another, and with the best of the blind baselines."""
        models = sorted(models, key=lambda model: model.name)
        sides = self.sides(models)
        draws = joint_bootstrap(
            self.metric,
            sides.reference,
            sides.models,
            **sides.options,
            replicates=max(100, self.replicates),
            seed=self.seed,
        )
        ranking = rank_models(draws, level=LEVEL, better=better_of(self.metric))
        return Contest(
            setting=self.setting,
            metric=self.metric,
            ranking=ranking,
            pairs=self._pairs(list(combinations(_best_first(models, ranking), 2)), ranking),
            all_zero=None if self.metric.name in CHANCE_NOT_AT_0 else all_at_test(draws),
            all_equal=all_equal_test(draws),
            luck=self._luck(models, ranking),
            values={name: self._value(sides, name) for name in sides.models},
            effects={name: self._effect(sides, name) for name in sides.models},
            blind=self._blind(models, blind) if blind else None,
            n_cells=sides.n_cells,
            n_videos=len(np.unique(self.grid.cluster[_shared(models)])),
            n_cells_of_any=int(np.logical_or.reduce([model.used for model in models]).sum()),
        )

    def sides(self, standings: Sequence[Standing]) -> Sides:
        """The numbers of these authors on the cells that all of them share."""
        grid, used = self.grid, _shared(standings)
        columns = {standing.name: standing.column for standing in standings}
        if self.metric.kind == "totals":
            whole = reduce(and_, (standing.whole for standing in standings))
            numbers = [
                totals_of(grid, np.where(used, column.points, np.nan), whole)
                for column in (self.reference, *columns.values())
            ]
            there: Bools = ~np.logical_or.reduce([np.isnan(column) for column in numbers])
            cluster, step = grid.attempt_cluster, None
        else:
            verdicts = self.metric.kind == "binary"
            numbers = [
                np.where(used, column.wrong if verdicts else column.labels, MISSING)
                for column in (self.reference, *columns.values())
            ]
            there, cluster, step = used, grid.cluster, grid.step
        # Where nothing is shared the blank columns go on whole: the metric then says that there are no pairs.
        kept = there if there.any() else np.ones_like(there)
        options = self.metric.options(n_labels=N_LABELS, step=None if step is None else step[kept])
        truth, *others = (column[kept] for column in numbers)
        return Sides(
            self.metric,
            truth,
            dict(zip(columns, others, strict=True)),
            {"cluster": cluster[kept], **options},
            int(there.sum()),
        )

    def _pairs(self, couples: Sequence[tuple[Standing, Standing]], ranking: Ranking | None) -> list[Versus]:
        """Every couple; told apart where the ranking says so, or without one where Holm's p is small enough."""
        found = []
        for one, other in couples:
            sides = self.sides([one, other])
            ours, theirs = sides.models.values()
            paired = paired_difference(
                self.metric,
                sides.reference,
                ours,
                theirs,
                **sides.options,
                permutations=max(100, self.permutations),
                seed=self.seed,
            )
            forms = compare_correlations(sides.reference, ours, theirs) if self.metric.name == "plcc" else None
            found.append((one.name, other.name, paired, sides.n_cells, forms))
        p_values = [paired.p_value for _, _, paired, _, _ in found]
        out = []
        for (first, second, paired, n_cells, forms), stepped, rate in zip(
            found, holm(p_values), benjamini_hochberg(p_values), strict=True
        ):
            by_swaps = stepped is not None and stepped < ALPHA
            out.append(
                Versus(
                    first=first,
                    second=second,
                    setting=self.setting,
                    metric=self.metric.name,
                    difference=paired.difference,
                    p=paired.p_value,
                    p_reason=paired.p_reason,
                    permutations=paired.permutations,
                    exact=paired.exact,
                    p_holm=stepped,
                    p_bh=rate,
                    apart=by_swaps if ranking is None else frozenset((first, second)) in ranking.apart,
                    n_cells=n_cells,
                    closed_forms=forms,
                )
            )
        return out

    def _blind(self, models: Sequence[Standing], blind: Sequence[Standing]) -> BlindTest:
        shared, whole = _shared(models), reduce(and_, (model.whole for model in models))
        sides = [self.sides([Standing(b.name, b.column, b.used & shared, b.whole & whole)]) for b in blind]
        values = {b.name: self._value(side, b.name) for b, side in zip(blind, sides, strict=True)}
        sign = 1 if better_of(self.metric) == "higher" else -1
        defined = [(sign * value.value, name) for name, value in values.items() if value.value is not None]
        if not defined:
            return BlindTest(values, None, (), sign)
        best = max(defined)[1]
        rival = next(b for b in blind if b.name == best)
        return BlindTest(values, best, self._pairs([(model, rival) for model in models], None), sign)

    def _luck(self, models: Sequence[Standing], ranking: Ranking) -> BestOfNulls | None:
        """None for a single model, and for errors: they have no expected best without a model of marks."""
        top = max((p.value.value for p in ranking.places if p.value.value is not None), default=None)
        if len(models) < 2 or top is None or better_of(self.metric) == "lower":
            return None
        sides = self.sides(models)
        if self.metric.name in ("plcc", "srcc"):
            return best_of_nulls(len(models), sides.n_cells, observed=top)
        if self.metric.kind == "totals":
            return best_of_shuffled(
                self.metric, sides.reference, sides.models, draws=max(100, self.shuffles), seed=self.seed
            )
        used = _shared(models)
        tables = [self._by_attempt(column, used) for column in (self.reference, *(m.column for m in models))]
        attempts = used_attempts(self.grid, used)
        return best_of_shuffled(
            self.metric,
            tables[0][attempts],
            {model.name: table[attempts] for model, table in zip(models, tables[1:], strict=True)},
            within=self._rubrics_of_attempts[attempts],
            n_labels=N_LABELS,
            draws=max(100, self.shuffles),
            seed=self.seed,
        )

    def _by_attempt(self, column: Column, used: Bools) -> Ints:
        """Labels or verdicts as one row per attempt and one column per step of any rubric."""
        grid = self.grid
        out = np.full((len(grid.attempts), int(grid.step.max()) + 1), MISSING, dtype=np.int64)
        numbers = column.wrong if self.metric.kind == "binary" else column.labels
        out[grid.attempt[used], grid.step[used]] = numbers[used]
        return out

    @cached_property
    def _rubrics_of_attempts(self) -> Ints:
        """A number for each attempt, the same where the rubrics are the same."""
        grid = self.grid
        there = np.zeros((len(grid.attempts), int(grid.step.max()) + 1), dtype=bool)
        there[grid.attempt, grid.step] = True
        numbers: Ints = np.unique(there, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        return numbers

    def _value(self, sides: Sides, name: str) -> Measured:
        how = self.metric.interval
        if isinstance(how, ClusterBootstrap):
            how = replace(how, replicates=max(100, self.replicates), seed=self.seed)
        return self.metric.function(sides.reference, sides.models[name], **sides.options, interval=how)

    def _effect(self, sides: Sides, name: str) -> Measured:
        return design_effect(self.metric, sides.reference, sides.models[name], **sides.options)


def metric_for(name: str | None, *, asks: str) -> Metric:
    """The metric that models of a setting are compared on.

    Args:
        name: None for what leaderboards rank by: within-step QWK where points are asked for, MCC else.

    Raises:
        TaskError: Unknown, undefined for verdicts, or one on which no model is better than another.
    """
    if name is None:
        name = "qwk_within_step" if asks == "points" else "mcc"
    metric = get_metric(name)
    if metric.perfect != 1.0 and metric.name not in ERRORS:
        raise TaskError(
            f"metric {name!r} does not say which of two models is better; compare on qwk_within_step, mcc or another "
            f"that a perfect model has at 1, or on {' or '.join(ERRORS)}"
        )
    if asks != "points" and metric.kind != "binary":
        raise TaskError(f"metric {name!r} needs points, and this setting asks for verdicts; give mcc or f1")
    return metric


def used_attempts(grid: Grid, used: Bools) -> Ints:
    """Numbers of the attempts with a cell among these."""
    numbers: Ints = np.unique(grid.attempt[used])
    return numbers


def _best_first(models: Sequence[Standing], ranking: Ranking) -> list[Standing]:
    order = {place.name: number for number, place in enumerate(ranking.places)}
    return sorted(models, key=lambda model: order[model.name])


def _shared(standings: Sequence[Standing]) -> Bools:
    shared: Bools = np.logical_and.reduce([standing.used for standing in standings])
    return shared
