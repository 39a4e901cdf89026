"""Intervals of everything a generalizability study yields, from one set of redrawn or left-out persons.

Components, error variances and coefficients are functions of the same few estimates. So persons are resampled
once per study, and each further number, such as a point of a curve, costs a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.generalizability.components import Estimator, bootstrap_correction
from siming.metrics.generalizability.table import Table
from siming.metrics.measured import Interval, Measured
from siming.metrics.resample import (
    FEWEST_CLUSTERS,
    MOST_UNDEFINED,
    ClusterBootstrap,
    IntervalMethod,
    jackknife_error,
    t_quantile,
)


@dataclass(frozen=True, slots=True)
class Resampled:
    """Estimates of components (and, last column, of the mean score) from all persons and from parts of them."""

    plain: Floats
    """Shape (1, n_effects + 1); NaN where the components cannot be told apart."""
    others: Floats | None
    """Shape (replicates, n_effects + 1)."""
    method: IntervalMethod | None
    no_interval: str | None
    """Why there are no others."""
    n: int
    n_clusters: int
    left_out: Mapping[str, int]
    why_undefined: str

    def measured(
        self,
        quantity: Callable[[Floats], Floats],
        *,
        why_undefined: str,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        notes: tuple[str, ...] = (),
    ) -> Measured:
        """A function of the estimates, (batch, n_effects + 1) to (batch,), with its interval."""
        value = float(quantity(self.plain)[0])
        if np.isnan(value):
            reason = self.why_undefined if np.isnan(self.plain).any() else why_undefined
            return Measured(None, self.n, self.n_clusters, left_out=self.left_out, reason=reason)
        made = self._interval(quantity, value, bounds)
        return Measured(
            value,
            self.n,
            self.n_clusters,
            interval=made if isinstance(made, Interval) else None,
            interval_reason=made if isinstance(made, str) else None,
            left_out=self.left_out,
            notes=notes,
        )

    def _interval(
        self, quantity: Callable[[Floats], Floats], value: float, bounds: tuple[float, float]
    ) -> Interval | str:
        if self.others is None or self.method is None:
            return self.no_interval or "not asked for"
        values = quantity(self.others)
        defined = values[~np.isnan(values)]
        undefined = len(values) - len(defined)
        if isinstance(self.method, ClusterBootstrap):
            if undefined > MOST_UNDEFINED * len(values):
                return f"undefined in {undefined} of {len(values)} bootstrap replicates, more than 5 %"
            tail = (1 - self.method.level) / 2
            low, high = np.quantile(defined, [tail, 1 - tail])
            name, seed = "bootstrap by cluster, Brennan's correction (percentile)", self.method.seed
        else:
            if undefined:
                return f"undefined when {undefined} of the {len(values)} clusters is left out alone"
            half = t_quantile(self.method.level, self.n_clusters - 1) * jackknife_error(values)
            low, high = value - half, value + half
            name, seed = "jackknife by cluster (t)", None
        if np.abs(defined - value).max() <= 1e-12 * max(1.0, abs(value)):
            return "resampling the clusters changes nothing, so they cannot tell a width"
        return Interval(
            max(float(low), bounds[0]),
            min(float(high), bounds[1]),
            level=self.method.level,
            method=name,
            seed=seed,
            replicates=len(values),
            undefined=undefined,
        )


def resample(
    estimator: Estimator, table: Table, interval: IntervalMethod | None, *, why_undefined: str, enough: bool
) -> Resampled:
    """Estimate once for all persons, and once per replicate or left-out cluster.

    Raises:
        LabelError: BCa limits were asked for.
    """
    if isinstance(interval, ClusterBootstrap) and interval.limits == "bca":
        raise LabelError(
            "BCa limits and Brennan's correction would both take out the bias; give ClusterBootstrap() with its "
            "limits='percentile', or Jackknife()"
        )
    m = len(table.design.effects)
    plain = _without_rounding_noise(estimator.plain(), table) if enough else np.full((1, m + 1), np.nan)
    others, no_interval = None, None
    if interval is None:
        no_interval = "not asked for"
    elif table.n_clusters < FEWEST_CLUSTERS:
        no_interval = f"{table.n_clusters} clusters are fewer than {FEWEST_CLUSTERS}"
    elif np.isnan(plain).any():
        no_interval = "the value is undefined"
    elif isinstance(interval, ClusterBootstrap):
        others = estimator.drawn(replicates=interval.replicates, seed=interval.seed)
        others[:, :m] = others[:, :m] @ bootstrap_correction(table).T
    else:
        others = estimator.leave_one_out()
    if others is not None:
        others = _without_rounding_noise(others, table)
    return Resampled(
        plain=plain,
        others=others,
        method=interval,
        no_interval=no_interval,
        n=table.n,
        n_clusters=table.n_clusters,
        left_out={"missing": table.missing},
        why_undefined=why_undefined,
    )


def _without_rounding_noise(estimates: Floats, table: Table) -> Floats:
    """Differences of equal sums leave 1e-17 or -1e-17: neither is a variance, nor a negative one."""
    noise = 1e-12 * np.square(table.scores).sum() / table.n
    cleaned = estimates.copy()
    components = cleaned[:, :-1]
    components[np.abs(components) <= noise] = 0
    return cleaned
