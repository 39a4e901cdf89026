"""One record per rater, step or video, made of the fitted arrays."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siming.metrics.cells import Floats, Ints
from siming.metrics.measured import Interval, Measured
from siming.metrics.rasch.fit import Structure, one_step_error
from siming.metrics.rasch.quality import MeanSquares
from siming.metrics.rasch.table import Ids
from siming.metrics.resample import FEWEST_CLUSTERS, Jackknife, t_quantile


@dataclass(frozen=True, slots=True)
class FacetMeasure:
    """One rater, step or video."""

    name: Hashable
    measure: Measured
    """Severity, difficulty or ability in logits; the interval is by video, of a video from its information."""
    error_information: float | None
    """1 / sqrt(information), the other facets held as known. Takes ratings as independent, so it is too small."""
    error_jackknife: float | None
    """One-step jackknife by video; None for a video itself."""
    infit: Measured
    """Mean square weighted by information; above 1 noisier than the model, below 1 too regular. What the model expects is
    1 - videos / ratings, because each video's own measure is fitted to its ratings."""
    infit_z: Measured
    outfit: Measured
    """Plain mean square, which single surprises move most."""
    outfit_z: Measured
    observed_average: Measured
    """Mean label."""
    fair_average: Measured
    """Mean label the model expects, over all steps that are in the model: of a video from an average rater; of a rater on
    an average video; of a step (that step alone) by an average rater on an average video. Average: the mean measure of
    the raters, and of the videos that are not extreme."""
    extreme: Literal["highest", "lowest"] | None
    """Where every rating is the highest (lowest) possible: the measure then follows a rule and not the data."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The arrays of one facet, in the order of its ids."""

    names: Ids
    number: Ints
    """Element of each rating."""
    measure: Floats
    influence: Floats | None
    """Change of each measure when a cluster is left out, (n_clusters, n); None for videos."""
    extreme: Ints
    fit: MeanSquares
    fair: Floats
    error: Floats


def facet_measures(structure: Structure, facet: Facet, level: float) -> tuple[FacetMeasure, ...]:
    """The records of a facet."""
    table = structure.table
    size = len(facet.names)
    n = np.bincount(facet.number, minlength=size)
    total = np.bincount(facet.number, weights=table.label, minlength=size)
    pairs = np.unique(facet.number * table.n_clusters + table.cluster[table.video])
    clusters = np.bincount(pairs // table.n_clusters, minlength=size)
    return tuple(
        _record(structure, facet, place, int(n[place]), float(total[place]), int(clusters[place]), level)
        for place in range(size)
    )


def _record(
    structure: Structure, facet: Facet, place: int, n: int, total: float, clusters: int, level: float
) -> FacetMeasure:
    side = int(facet.extreme[place])
    told = structure.reason is None and side == 0
    influence = facet.influence[:, place] if facet.influence is not None and told else None
    unshown = structure.reason or ("extreme: every rating is as expected" if side else "no rating shows its fit")

    def shown(values: Floats) -> Measured:
        return measured_or(float(values[place]), int(facet.fit.n[place]), unshown)

    def standardised(values: Floats) -> Measured:
        told = facet.fit.n[place] > 0 and structure.reason is None
        why = (
            "too few ratings, or too far off the videos, for a mean square that can be standardised"
            if told
            else unshown
        )
        return measured_or(float(values[place]), int(facet.fit.n[place]), why)

    return FacetMeasure(
        facet.names[place],
        _measure(structure, facet, place, n, clusters, influence, level),
        _finite(facet.error[place]),
        _finite(one_step_error(influence)[0]) if influence is not None else None,
        infit=shown(facet.fit.infit),
        infit_z=standardised(facet.fit.infit_z),
        outfit=shown(facet.fit.outfit),
        outfit_z=standardised(facet.fit.outfit_z),
        observed_average=Measured(total / n, n) if n else Measured(None, 0, reason="no rating"),
        fair_average=measured_or(float(facet.fair[place]), n, structure.reason or "no measure, or out of the model"),
        extreme="highest" if side == 1 else "lowest" if side == -1 else None,
    )


def _measure(
    structure: Structure, facet: Facet, place: int, n: int, clusters: int, influence: Floats | None, level: float
) -> Measured:
    value, side = float(facet.measure[place]), int(facet.extreme[place])
    if structure.reason is not None:
        return Measured(None, n, clusters, reason=structure.reason)
    if math.isnan(value):
        barren = "all its ratings are one label, or belong to steps or raters that are extreme"
        return Measured(None, n, clusters, reason=barren if n else "no rating")
    if side != 0:
        note = f"extreme: every rating is the {'highest' if side == 1 else 'lowest'} possible; measured by the rule"
        why = "an extreme total bounds its measure on one side only"
        return Measured(value, n, clusters, interval_reason=why, notes=(note,))
    if influence is not None:
        return with_jackknife(value, n, clusters, influence, level)
    # A video cannot be left out of its own measure, so its ratings must be taken as independent here.
    half = t_quantile(level, 10**9) * float(facet.error[place])
    interval = Interval(value - half, value + half, level, "information (normal)")
    return Measured(value, n, clusters, interval=interval)


def combination(
    structure: Structure, facet: Literal["rater", "step"], weights: Floats, *, level: float = 0.95
) -> Measured:
    """A weighted sum of severities (difficulties) with its jackknife interval.

    The caller has seen to it that it is estimable. No interval where one of its raters (steps) was met in fewer than
    `FEWEST_CLUSTERS` clusters: the sum is no firmer than its weakest part.
    """
    check_level(level)
    number = structure.table.rater if facet == "rater" else structure.table.step
    measure = structure.severity if facet == "rater" else structure.difficulty
    influence = structure.rater_influence() if facet == "rater" else structure.step_influence()
    used = np.flatnonzero(weights)
    mine = np.isin(number, used)
    value, clusters = float(weights[used] @ measure[used]), structure.clusters_of(mine)
    fewest = min((structure.clusters_of(number == one) for one in used), default=clusters)
    return with_jackknife(value, int(mine.sum()), clusters, influence[:, used] @ weights[used], level, fewest=fewest)


def with_jackknife(
    value: float, n: int, clusters: int, influence: Floats, level: float, *, fewest: int | None = None
) -> Measured:
    """The value with its t interval from leave-one-out changes; `fewest` are the clusters behind its weakest part."""
    error, degrees = one_step_error(influence)
    fewest = clusters if fewest is None else fewest
    if fewest < FEWEST_CLUSTERS:
        why = f"{fewest} clusters are fewer than {FEWEST_CLUSTERS}"
        return Measured(value, n, clusters, interval_reason=why)
    if not error > 0:
        return Measured(value, n, clusters, interval_reason="leaving out any video changes nothing (an anchor, say)")
    half = t_quantile(level, degrees) * error
    interval = Interval(value - half, value + half, level, "one-step jackknife by cluster (t)", replicates=clusters)
    return Measured(value, n, clusters, interval=interval)


def check_level(level: float) -> None:
    """Refuse a level that is no share between 0 and 1, as every interval does."""
    Jackknife(level)


def measured_or(value: float, n: int, reason: str) -> Measured:
    """The value, or the reason where it is NaN or infinite."""
    return Measured(float(value), n) if math.isfinite(value) else Measured(None, n, reason=reason)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
