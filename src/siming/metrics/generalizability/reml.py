"""Variance components by restricted maximum likelihood, for tables with missing scores.

Persons are independent once the conditions' own effects are given. So with C columns (combinations of conditions)
nothing larger than C x C is ever inverted, however many persons there are:

    score of person p = S_p (1 mean + u) + e_p,    u ~ N(0, K),    e_p ~ N(0, V_p),

S_p picks the columns in which p has scores, K adds up the effects without persons, V_p those with them. Persons
with the same columns share V_p.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siming.metrics.cells import Floats, Ints
from siming.metrics.generalizability.components import henderson_estimator
from siming.metrics.generalizability.table import Table
from siming.metrics.resample import bootstrap_weights

MOST_ROUNDS = 200
HALVINGS = 30
CLOSE_ENOUGH = 1e-10
"""Largest last change of a component, as a share of the variance of the scores."""
NO_GAIN = 1e-6
"""Log-likelihood still to be won where rounding ends the climb: a thousandth of a standard error."""
LEAST_RESIDUAL = 1e-8
"""As a share of the variance of the scores: the likelihood has no maximum where the residual vanishes."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Persons who have scores in the same columns."""

    columns: Ints
    scores: Floats
    """Shape (n_persons, n_columns of theirs)."""
    cluster: Ints


@dataclass(frozen=True, slots=True)
class _Fit:
    """The likelihood at one place, with its slope and curvature."""

    log_likelihood: float
    slope: Floats
    information: Floats
    """Average of observed and expected information (Johnson and Thompson 1995)."""


class RemlEstimator:
    """Components of at least 0 that maximise the restricted likelihood of normal scores.

    Where the table is complete and analysis of variance estimates no component below 0, both agree.

    Source: Patterson and Thompson 1971; the steps uphill are those of Johnson and Thompson 1995 (average
    information), halved where they would lead down.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        design = table.design
        self.with_persons = np.array([design.object in effect.facets for effect in design.effects])
        groups = [table.groups(effect.facets)[0] for effect in design.effects]
        self.same_level = np.array([group[:, None] == group for group in groups], dtype=np.float64)
        """Shape (n_effects, C, C): 1 where two columns share the level of the effect."""
        self.unit = float(np.sqrt(np.square(table.scores).sum() / table.n))
        self.patterns = list(_patterns(table, self.unit or 1.0))
        self._start: Floats | None = None

    def plain(self) -> Floats:
        return self._estimates(np.ones(self.table.n_clusters))

    def leave_one_out(self) -> Floats:
        n = self.table.n_clusters
        return np.concatenate([self._estimates(np.ones(n) - (np.arange(n) == out)) for out in range(n)])

    def drawn(self, *, replicates: int, seed: int) -> Floats:
        batches = bootstrap_weights(self.table.n_clusters, replicates=replicates, seed=seed, batch=1)
        return np.concatenate([self._estimates(weights[0]) for weights in batches])

    def _estimates(self, weights: Floats) -> Floats:
        """Components and mean, (1, n_effects + 1), with each cluster counted as often as its weight says."""
        start = self._where_to_start()
        out = np.full((1, len(start) + 1), np.nan)
        found = None if np.isnan(start).any() else self._uphill(start, weights)
        if found is not None:
            out[0, :-1] = found * self.unit**2
            out[0, -1] = self._mean_score(weights)
        return out

    def _where_to_start(self) -> Floats:
        """Henderson's components, made positive, then the maximum for all persons; NaN if none can be told apart."""
        if self._start is None:
            if self.unit == 0:
                self._start = np.full(len(self.same_level), np.nan)
                return self._start
            first = henderson_estimator(self.table).plain()[0, :-1] / self.unit**2
            found = None
            if not np.isnan(first).any():
                found = self._uphill(np.maximum(first, 0.01), np.ones(self.table.n_clusters))
            self._start = np.full(len(first), np.nan) if found is None else found
        return self._start

    def _mean_score(self, weights: Floats) -> float:
        scores = sum(float(weights[each.cluster] @ each.scores.sum(axis=1)) for each in self.patterns)
        n = sum(float(weights[each.cluster].sum()) * len(each.columns) for each in self.patterns)
        return scores / n * self.unit + self.table.mean

    def _uphill(self, start: Floats, weights: Floats) -> Floats | None:
        """The maximum, in units of the scores' variance; None where the climb does not end or the residual is gone."""
        least = np.zeros(len(start))
        least[-1] = LEAST_RESIDUAL
        here = np.maximum(start, least)
        fit = self._fit(here, weights)
        for _ in range(MOST_ROUNDS):
            if fit is None:
                return None
            step = _step(fit, at_limit=here <= least)
            there, ahead = self._ahead(here, step, least, fit, weights)
            at_the_top = np.abs(there - here).max() < CLOSE_ENOUGH
            if ahead is None and float(fit.slope @ step) < NO_GAIN:
                there, at_the_top = here, True
            if at_the_top:
                return there if there[-1] > 10 * LEAST_RESIDUAL else None
            here, fit = there, ahead
        return None

    def _ahead(
        self, here: Floats, step: Floats, least: Floats, fit: _Fit, weights: Floats
    ) -> tuple[Floats, _Fit | None]:
        """Where the step leads, halved until that is not below; no fit where it never is."""
        for halving in range(HALVINGS):
            there = np.maximum(here + step / 2**halving, least)
            ahead = self._fit(there, weights)
            if ahead and ahead.log_likelihood >= fit.log_likelihood - 1e-12 * abs(fit.log_likelihood):
                return there, ahead
        return there, None

    def _fit(self, components: Floats, weights: Floats) -> _Fit | None:
        """Likelihood, slope and information; None where the covariance cannot be inverted in floating point.

        With W = sum of S_p' V_p^-1 S_p and b = sum of S_p' V_p^-1 y_p, the covariance of the conditions' effects
        and mean, given the scores, is R = K (I + W K)^-1 + t t' / x; their estimate is R b.
        """
        c = self.same_level.shape[1]
        shared = np.tensordot(components[~self.with_persons], self.same_level[~self.with_persons], axes=1)
        own = np.tensordot(components[self.with_persons], self.same_level[self.with_persons], axes=1)
        information_of_columns, b = np.zeros((c, c)), np.zeros(c)
        log_determinant = 0.0
        inverses = []
        counted = [weights[each.cluster] for each in self.patterns]
        for each, weight in zip(self.patterns, counted, strict=True):
            at = np.ix_(each.columns, each.columns)
            try:
                inverse = np.linalg.inv(own[at])
            except np.linalg.LinAlgError:
                return None
            inverses.append(inverse)
            information_of_columns[at] += weight.sum() * inverse
            b[each.columns] += inverse @ (weight @ each.scores)
            log_determinant += weight.sum() * float(np.linalg.slogdet(own[at])[1])
        spread = np.eye(c) + information_of_columns @ shared
        reduced = np.linalg.solve(spread, np.column_stack([information_of_columns, b]))
        seen, b_seen = reduced[:, :-1], reduced[:, -1]
        seen_mean = seen.sum(axis=1)
        x = float(seen_mean.sum())
        if not x > 0:
            return None
        t = 1 - shared @ seen_mean
        posterior = shared - shared @ seen @ shared + np.outer(t, t) / x
        estimate = posterior @ b
        projected = seen - np.outer(seen_mean, seen_mean) / x
        pull = b_seen - seen_mean * (b_seen.sum() / x)

        m = len(components)
        trace, quadratic, information = np.zeros(m), np.zeros(m), np.zeros((m, m))
        carried = np.zeros((m, c))
        residual = 0.0
        trace[~self.with_persons] = np.einsum("aij,ij->a", self.same_level[~self.with_persons], projected)
        push = self.same_level @ pull
        quadratic[~self.with_persons] = push[~self.with_persons] @ pull
        for each, weight, inverse in zip(self.patterns, counted, inverses, strict=True):
            at = np.ix_(each.columns, each.columns)
            levels = self.same_level[:, each.columns[:, None], each.columns]
            own_block = weight.sum() * (inverse - inverse @ posterior[at] @ inverse)
            of_persons = np.tensordot(levels[self.with_persons], own_block)
            trace[self.with_persons] += of_persons
            z = (each.scores - estimate[each.columns]) @ inverse
            residual += float(weight @ (each.scores * z).sum(axis=1))
            forces = np.empty((m, *z.shape))
            forces[self.with_persons] = z @ levels[self.with_persons]
            forces[~self.with_persons] = push[~self.with_persons][:, None, each.columns]
            quadratic[self.with_persons] += (forces[self.with_persons] * z).sum(axis=2) @ weight
            weighed = (forces @ inverse) * weight[:, None]
            information += np.tensordot(weighed, forces, axes=([1, 2], [1, 2]))
            carried[:, each.columns] += weighed.sum(axis=1)
        information -= carried @ posterior @ carried.T
        log_determinant += float(np.linalg.slogdet(spread)[1]) + float(np.log(x))
        return _Fit(-(log_determinant + residual) / 2, (quadratic - trace) / 2, information / 2)


def _step(fit: _Fit, *, at_limit: NDArray[np.bool_]) -> Floats:
    """Newton's step with the average information, no component leaving through the limit it stands at."""
    free = ~at_limit | (fit.slope > 0)
    while True:
        step = np.zeros(len(free))
        step[free] = np.linalg.lstsq(fit.information[np.ix_(free, free)], fit.slope[free])[0]
        leaving = at_limit & (step < 0)
        if not leaving.any():
            return step
        free &= ~leaving


def _patterns(table: Table, unit: float) -> Iterable[_Pattern]:
    known, of = np.unique(table.present, axis=0, return_inverse=True)
    for number, present in enumerate(known):
        rows = np.flatnonzero(of.ravel() == number)
        columns = np.flatnonzero(present)
        yield _Pattern(columns, table.scores[np.ix_(rows, columns)] / unit, table.cluster[rows])
