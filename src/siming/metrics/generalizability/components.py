"""Variance components from sums of squares: analysis of variance, and Henderson's method I where scores are missing.

Both are functions of sums over persons, so leaving out or redrawing persons only adds the sums up anew: no
score is visited twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from siming.metrics.cells import Floats
from siming.metrics.generalizability.design import Effect
from siming.metrics.generalizability.table import Table
from siming.metrics.resample import BATCH_FLOATS, bootstrap_weights
from siming.metrics.statistic import ratio


class Estimator(Protocol):
    """Estimates under the three ways to weigh clusters: (batch, n_effects + 1), the last column the mean score."""

    def plain(self) -> Floats:
        """Every cluster once: a single row."""

    def leave_one_out(self) -> Floats:
        """A row without each cluster."""

    def drawn(self, *, replicates: int, seed: int) -> Floats:
        """A row per bootstrap replicate, NaN where the components cannot be told apart."""


@dataclass(frozen=True, slots=True)
class SumsEstimator:
    """An estimator that needs no more than the clusters' sums."""

    units: Floats
    """Shape (n_clusters, width)."""
    of_sums: Callable[[Floats], Floats]
    """Sums (batch, width) to estimates (batch, n_effects + 1)."""

    def plain(self) -> Floats:
        return self.of_sums(self.units.sum(axis=0, keepdims=True))

    def leave_one_out(self) -> Floats:
        total = self.units.sum(axis=0, keepdims=True)
        return np.concatenate([self.of_sums(total - self.units[rows]) for rows in self._batches()])

    def drawn(self, *, replicates: int, seed: int) -> Floats:
        n_clusters, width = self.units.shape
        size = max(1, BATCH_FLOATS // max(n_clusters, width))
        weights = bootstrap_weights(n_clusters, replicates=replicates, seed=seed, batch=size)
        return np.concatenate([self.of_sums(each @ self.units) for each in weights])

    def _batches(self) -> Iterator[slice]:
        n_clusters, width = self.units.shape
        size = max(1, BATCH_FLOATS // width)
        return (slice(start, start + size) for start in range(0, n_clusters, size))


def anova_estimator(table: Table) -> SumsEstimator:
    """Components that set the mean squares of a complete table equal to their expectations.

    Source: Cornfield and Tukey 1956; Brennan 2001, sections 3.3 and 3.4.
    """
    squares = MeanSquares(table)
    return SumsEstimator(
        squares.units,
        lambda sums: np.column_stack([squares.components(*squares.of(sums)), squares.mean(sums)]),
    )


class MeanSquares:
    """Mean squares of a complete table as functions of sums over persons."""

    def __init__(self, table: Table) -> None:
        self.table = table
        design = table.design
        columns = table.scores.reshape(-1, *table.shape)
        self.own = [effect for effect in design.effects if design.object in effect.facets]
        self.shared = [effect for effect in design.effects if design.object not in effect.facets]
        squares = [_squares(columns, self._summed_axes(effect), self._per_level(effect)) for effect in self.own]
        units = np.column_stack([np.ones(len(table.scores)), *squares, table.scores])
        self.units = by_cluster(units, table)

    def of(self, sums: Floats) -> tuple[Floats, Floats]:
        """From sums (batch, width): mean squares (batch, n_effects) and the number of persons (batch,)."""
        design, n_persons = self.table.design, sums[:, 0]
        totals = sums[:, 1 + len(self.own) :].reshape(-1, *self.table.shape)
        squares = {effect.name: sums[:, 1 + place] for place, effect in enumerate(self.own)}
        for effect in self.shared:
            squares[effect.name] = _squares(totals, self._summed_axes(effect), self._per_level(effect)) / n_persons
        of_mean = np.square(totals.reshape(len(sums), -1).sum(axis=1)) / (n_persons * self._columns)
        out = np.empty((len(sums), len(design.effects)))
        left: dict[str, Floats] = {}
        for place, effect in enumerate(design.effects):  # those with fewer facets come first
            below = [left[other.name] for other in design.effects if other.facets < effect.facets]
            left[effect.name] = squares[effect.name] - of_mean - sum(below)
            out[:, place] = ratio(left[effect.name], self.degrees(effect, n_persons))
        return out, n_persons

    def components(self, mean_squares: Floats, n_persons: Floats) -> Floats:
        """Solve the expected mean squares from the residual upwards."""
        out = np.empty_like(mean_squares)
        places = {effect.name: place for place, effect in enumerate(self.table.design.effects)}
        for effect in reversed(self.table.design.effects):
            rest = mean_squares[:, places[effect.name]].copy()
            for other in self.table.design.above(effect):
                rest -= self._scores_per_level(other, n_persons) * out[:, places[other.name]]
            out[:, places[effect.name]] = rest / self._scores_per_level(effect, n_persons)
        return out

    def degrees(self, effect: Effect, n_persons: Floats) -> Floats:
        """Degrees of freedom: levels less one of each primary facet, times the nests they are counted in."""
        out = np.ones_like(n_persons)
        for facet in effect.facets:
            levels = n_persons if facet == self.table.design.object else self.table.levels[facet]
            out = out * (levels - (facet in effect.primary))
        return out

    def mean(self, sums: Floats) -> Floats:
        """Mean score."""
        scores = sums[:, 1 + len(self.own) :].sum(axis=1)
        return ratio(scores, sums[:, 0] * self._columns) + self.table.mean

    @property
    def _columns(self) -> int:
        return int(self.table.scores.shape[1])

    def _summed_axes(self, effect: Effect) -> tuple[int, ...]:
        return tuple(a for a, facet in enumerate(self.table.conditions, start=1) if facet not in effect.facets)

    def _per_level(self, effect: Effect) -> int:
        """Columns behind one level of the effect."""
        return self._columns // self.table.groups(effect.facets)[1]

    def _scores_per_level(self, effect: Effect, n_persons: Floats) -> Floats:
        persons = np.ones_like(n_persons) if self.table.design.object in effect.facets else n_persons
        return persons * self._per_level(effect)


def henderson_estimator(table: Table) -> SumsEstimator:
    """Components that set uncorrected sums of squares equal to their expectations, whatever scores are missing.

    For each effect T is the sum over its levels of (sum of scores)^2 / scores, and
    E T = N mean^2 + sum over effects b of variance_b x sum over levels g of sum over h of n_gh^2 / n_g,
    n_gh being the scores that level g shares with level h of b. With a complete table this is analysis of variance.

    Source: Henderson 1953, method I; Searle, Casella and McCulloch 1992, section 5.3; Brennan 2001, section 7.1.
    """
    sums = _HendersonSums(table)
    return SumsEstimator(by_cluster(np.column_stack(sums.units), table), sums.estimates)


class _HendersonSums:
    """Lays out what each person adds to T and to its expectation, and reads the sums back."""

    def __init__(self, table: Table) -> None:
        self.table = table
        design = table.design
        self.own = [effect for effect in design.effects if design.object in effect.facets]
        self.shared = [effect.facets for effect in design.effects if design.object not in effect.facets]
        self.counts = table.present.astype(np.float64)
        self.units: list[Floats] = [self.counts.sum(axis=1), table.scores.sum(axis=1)]
        self._own_units()
        self._shared_units()

    def _own_units(self) -> None:
        """An effect that tells persons apart: all it needs are sums within the person."""
        for effect in self.own:
            n, total = self._within(effect.facets)
            self.units.append(np.divide(total**2, n, out=np.zeros_like(n), where=n > 0).sum(axis=1))
            for other in self.table.design.effects:
                self.units.append(self._shared_squares(effect.facets, other.facets, divided=True).sum(axis=1))

    def _shared_units(self) -> None:
        """An effect whose levels hold scores of many persons: counts and sums per level, to be divided later."""
        for facets in [frozenset[str](), *self.shared]:
            self.units.extend(self._within(facets))
            self.units.extend(self._shared_squares(facets, effect.facets, divided=False) for effect in self.own)
            self.units.extend(self._within(facets | other)[0] for other in self.shared)

    def _within(self, facets: frozenset[str]) -> tuple[Floats, Floats]:
        """Scores and their sum, per person and level of the other facets."""
        return self.table.summed(self.counts, facets), self.table.summed(self.table.scores, facets)

    def _shared_squares(self, facets: frozenset[str], other: frozenset[str], *, divided: bool) -> Floats:
        """Per person and level g: the sum over h of n_gh^2, divided by n_g if asked."""
        joint, _ = self._within(facets | other)
        squares = _added(joint**2, self._nesting(facets | other, facets))
        if not divided:
            return squares
        n, _ = self._within(facets)
        return np.divide(squares, n, out=np.zeros_like(n), where=n > 0)

    def _nesting(self, fine: frozenset[str], coarse: frozenset[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Axes of the finer grouping, and which of them the coarser one sums over."""
        kept = [facet in fine for facet in self.table.conditions]
        shape = tuple(n for n, keep in zip(self.table.shape, kept, strict=True) if keep)
        axes = [facet for facet, keep in zip(self.table.conditions, kept, strict=True) if keep]
        return shape, tuple(a for a, facet in enumerate(axes, start=1) if facet not in coarse)

    def estimates(self, sums: Floats) -> Floats:
        """Sums of units to estimates."""
        batch, effects = len(sums), self.table.design.effects
        places = {effect.facets: place for place, effect in enumerate(effects)}
        reader = _Columns(sums)
        n, total = reader.take(1)[:, 0], reader.take(1)[:, 0]
        t = np.empty((batch, len(effects) + 1))
        # Last row and column: the square of the mean, which every T holds N times.
        expected = np.empty((batch, len(effects) + 1, len(effects) + 1))
        expected[:, :, -1] = n[:, None]
        for effect in self.own:
            t[:, places[effect.facets]] = reader.take(1)[:, 0]
            expected[:, places[effect.facets], :-1] = reader.take(len(effects))
        for facets in [frozenset[str](), *self.shared]:
            row = places.get(facets, len(effects))
            size = self.table.groups(facets)[1]
            counts, scores = reader.take(size), reader.take(size)
            t[:, row] = ratio(scores**2, counts).sum(axis=1, where=counts > 0)
            for effect in self.own:
                shared = ratio(reader.take(size), counts)
                expected[:, row, places[effect.facets]] = shared.sum(axis=1, where=counts > 0)
            for other in self.shared:
                joint = reader.take(self.table.groups(facets | other)[1])
                shared = ratio(_added(joint**2, self._nesting(facets | other, facets)), counts)
                expected[:, row, places[other]] = shared.sum(axis=1, where=counts > 0)
        return np.column_stack([_solved(expected, t)[:, :-1], ratio(total, n) + self.table.mean])


class _Columns:
    """Takes the columns of a matrix off from the left."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix
        self.at = 0

    def take(self, width: int) -> Floats:
        taken = self.matrix[:, self.at : self.at + width]
        self.at += width
        return taken


def _added(values: Floats, nesting: tuple[tuple[int, ...], tuple[int, ...]]) -> Floats:
    shape, axes = nesting
    summed: Floats = values.reshape(len(values), *shape).sum(axis=axes)
    return summed.reshape(len(values), -1)


def _solved(expected: Floats, observed: Floats) -> Floats:
    """Solutions of the square systems; NaN where effects are confounded, so that none is unique."""
    n = expected.shape[-1]
    # Rows and columns differ in size by the number of scores; scaled to 1 the rank can be read off.
    rows = np.abs(expected).max(axis=2)
    columns = np.abs(expected / np.where(rows > 0, rows, 1)[:, :, None]).max(axis=1)
    rows, columns = np.where(rows > 0, rows, 1), np.where(columns > 0, columns, 1)
    scaled = expected / rows[:, :, None] / columns[:, None, :]
    defined = np.isfinite(scaled).all(axis=(1, 2))
    scaled[~defined] = np.eye(n)
    defined &= np.linalg.svd(scaled, compute_uv=False)[:, -1] > 1e-10
    scaled[~defined] = np.eye(n)
    solution: Floats = np.linalg.solve(scaled, (observed / rows)[:, :, None])[:, :, 0] / columns
    solution[~defined] = np.nan
    return solution


def by_cluster(units: Floats, table: Table) -> Floats:
    """Rows of persons added up by cluster."""
    if table.n_clusters == len(units):
        return units[np.argsort(table.cluster)]
    summed = np.zeros((table.n_clusters, units.shape[1]))
    np.add.at(summed, table.cluster, units)
    return summed


def bootstrap_correction(table: Table) -> Floats:
    """Matrix that takes the bias of redrawn persons out of components: corrected = matrix @ redrawn.

    Persons drawn twice vary less than persons do: a mean square whose effect has the persons before the colon
    shrinks by (n-1)/n in expectation, that of an effect without persons gains as much of the effect with them.
    Undoing this on the mean squares gives Brennan's formulas: n/(n-1) x the component with persons; the component
    without persons less 1/(n-1) of the redrawn one with. Exact for complete tables of single-person clusters.

    Source: Brennan 2001, section 6.3.2; Wiley 2001.
    """
    design, n = table.design, float(table.n_clusters)
    shrunk = (n - 1) / n
    m = len(design.effects)
    expected, bias = np.zeros((m, m)), np.zeros((m, m))
    places = {effect.facets: place for place, effect in enumerate(design.effects)}
    levels = {**table.levels, design.object: n}
    for row, effect in enumerate(design.effects):
        for other in (effect, *design.above(effect)):
            others = [levels[facet] for facet in design.facets if facet not in other.facets]
            expected[row, places[other.facets]] = np.prod(others)
        with_persons = effect.facets | {design.object}
        bias[row, row] = shrunk if design.object in effect.primary else 1
        if with_persons != effect.facets:
            bias[row, places[with_persons]] = shrunk
    corrected: Floats = np.linalg.solve(expected, np.linalg.solve(bias, expected))
    return corrected


def mean_variance_weights(table: Table) -> Floats:
    """Per effect the share of its component that enters the variance of the mean score: sum n_g^2 / N^2.

    For a complete table 1 / (number of levels of the effect).
    """
    counts = table.present.astype(np.float64)
    out = np.empty(len(table.design.effects))
    for place, effect in enumerate(table.design.effects):
        levels = table.summed(counts, effect.facets)
        if table.design.object not in effect.facets:
            levels = levels.sum(axis=0)
        out[place] = np.square(levels).sum() / counts.sum() ** 2
    return out


def _squares(columns: Floats, summed: tuple[int, ...], per_level: int) -> Floats:
    """Sum over the levels of (sum of scores)^2 / scores, per row."""
    sums = columns.sum(axis=summed) if summed else columns
    squared: Floats = np.square(sums).reshape(len(columns), -1).sum(axis=1) / per_level
    return squared
