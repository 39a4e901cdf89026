"""Many-facet Rasch measurement: how severe each rater is, how hard each step, how able each video, on one scale.

ln(P_k / P_k-1) = theta_video - d_step,k - c_rater        (logits)
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats
from siming.metrics.measured import Measured
from siming.metrics.rasch.connectivity import Connectivity
from siming.metrics.rasch.facets import Facet, FacetMeasure, check_level, combination, facet_measures, measured_or
from siming.metrics.rasch.fit import EXTREME_SHIFT, Method, PopulationOf, Structure, fit_structure
from siming.metrics.rasch.joint import Population
from siming.metrics.rasch.marginal import SMALLEST_SPREAD, means_of_raters
from siming.metrics.rasch.quality import (
    Separation,
    equal_by_chi_square,
    equal_by_jackknife,
    fit_ratings,
    mean_squares,
    separate,
)
from siming.metrics.rasch.scale import Thresholds
from siming.metrics.rasch.table import Flags, read_rating_table

JOINT_NOTE = (
    "joint ML: measures lie too far from 0, by about L / (L - 1) with L ratings per video; the marginal fit does not"
)


@dataclass(frozen=True, slots=True)
class RaschFit:
    """What `many_facet_rasch` returns."""

    method: Method
    thresholds: Thresholds
    raters: tuple[FacetMeasure, ...]
    """Higher is more severe."""
    steps: tuple[FacetMeasure, ...]
    """Higher is harder."""
    videos: tuple[FacetMeasure, ...]
    """Higher is better."""
    step_thresholds: Mapping[Hashable, tuple[float | None, ...]]
    """d_step,k for k = 1, 2, ...; None where the step never uses label k or the one below."""
    rater_separation: Separation
    step_separation: Separation
    video_separation: Separation
    connectivity: Connectivity
    video_mean: Measured
    """Mean of the videos in logits, under marginal ML."""
    video_sd: Measured
    log_likelihood: Measured
    notes: tuple[str, ...]
    structure: Structure = field(repr=False, compare=False)
    """The arrays behind it, for drift, groups and adjustment."""

    def rater(self, name: Hashable) -> FacetMeasure:
        """The rater of that name; KeyError where there is none."""
        return {rater.name: rater for rater in self.raters}[name]


def many_facet_rasch(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
    thresholds: Thresholds = "partial_credit",
    method: Method = "marginal",
    population: PopulationOf = "by_rater",
    rater_anchors: Mapping[Hashable, float] | None = None,
    step_anchors: Mapping[Hashable, float] | None = None,
    level: float = 0.95,
) -> RaschFit:
    """Severity of raters, difficulty of steps and ability of videos from ordered labels.

    Severities sum to 0 and difficulties sum to 0 (inside each connected group, see `connectivity`), unless anchors
    fix the origin; the videos are free. A label that nobody gave a step is a null category there.

    **Extreme scores.** A video, rater or step whose every rating is the highest possible (or the lowest) is kept and
    flagged: its measure is the one at which the model expects a total 0.3 points further inwards. A step without variation
    borrows the average thresholds of the steps that use every label.

    Args:
        labels: Labels in [0, n_labels), one per rating; -1 or None where missing.
        video, step, rater: Ids of each rating.
        n_labels: Length of the scale.
        cluster: Candidate of each rating, where one candidate has several videos; the jackknife leaves out candidates.
        thresholds: ``partial_credit`` gives each step thresholds of its own, ``rating_scale`` shares them.
        method: ``marginal`` takes the videos as a normal sample. ``joint`` estimates each one and stretches the scale.
        population: Of the marginal fit. ``by_rater`` lets the videos' mean follow who judged them, so that severities rest on
            shared videos; ``one`` is sharper and right only where the raters' videos were drawn by lot.
        rater_anchors, step_anchors: Measures in logits to hold fixed, such as severities from an earlier exam.
        level: Of the intervals.

    Raises:
        LabelError: Labels off the scale, arrays of different length, a cell rated twice by one rater, an unknown
            option, or an anchor of someone who rated nothing.

    Source: Linacre 1989; partial credit, Masters 1982; rating scale, Andrich 1978; marginal ML, Bock and Aitkin 1981,
    with the second derivatives of Louis 1982.

    >>> labels = [0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1]
    >>> fit = many_facet_rasch(labels, video=[1, 1, 2, 2, 3, 3] * 2, step=["a"] * 6 + ["b"] * 6,
    ...                        rater=["Wei", "Okafor"] * 6, n_labels=2)
    >>> [(rater.name, round(rater.measure.value, 2)) for rater in fit.raters]
    [('Okafor', -0.36), ('Wei', 0.36)]
    """
    table = read_rating_table(labels, video=video, step=step, rater=rater, n_labels=n_labels, cluster=cluster)
    structure = fit_structure(
        table,
        thresholds=thresholds,
        method=method,
        population=population,
        rater_anchors=rater_anchors,
        step_anchors=step_anchors,
    )
    return report(structure, level=level)


def report(structure: Structure, *, level: float = 0.95) -> RaschFit:
    """Everything `RaschFit` holds, from the fitted arrays."""
    check_level(level)
    table = structure.table
    chosen = fit_ratings(structure) if structure.reason is None else np.zeros(table.n, dtype=bool)
    raters = mean_squares(structure, chosen, table.rater[chosen], len(table.raters))
    steps = mean_squares(structure, chosen, table.step[chosen], len(table.steps))
    videos = mean_squares(structure, chosen, table.video[chosen], len(table.videos))
    theta = structure.theta
    usual = (structure.active.extreme_video == 0) & ~np.isnan(theta)
    average = float(theta[usual].mean()) if usual.any() else math.nan
    # With anchors severities need not average 0, and an average rater is what 'fair' means.
    centre = float(np.nanmean(structure.severity)) if np.isfinite(structure.severity).any() else 0.0
    step_fair = structure.expected_labels(np.array(average), np.array(centre))
    facets = (
        Facet(
            table.raters,
            table.rater,
            structure.severity,
            structure.rater_influence(),
            structure.active.extreme_rater,
            raters,
            structure.fair_average(np.array(average), structure.severity),
            raters.error,
        ),
        Facet(
            table.steps,
            table.step,
            structure.difficulty,
            structure.step_influence(),
            structure.active.extreme_step,
            steps,
            step_fair,
            steps.error,
        ),
        Facet(
            table.videos,
            table.video,
            theta,
            None,
            structure.active.extreme_video,
            videos,
            structure.fair_average(theta, np.array(centre)),
            structure.theta_error,
        ),
    )
    by_rater, by_step, by_video = (facet_measures(structure, facet, level) for facet in facets)
    population = structure.solution.population if structure.reason is None else None
    undefined = structure.reason or "only the marginal fit has one"
    log_likelihood = structure.solution.log_likelihood if structure.reason is None else math.nan
    return RaschFit(
        structure.method,
        structure.thresholds,
        raters=by_rater,
        steps=by_step,
        videos=by_video,
        step_thresholds=_thresholds(structure),
        **_separations(structure, raters.error, steps.error, usual),
        connectivity=structure.connectivity,
        video_mean=measured_or(population.mean if population else math.nan, len(table.videos), undefined),
        video_sd=measured_or(population.sd if population else math.nan, len(table.videos), undefined),
        log_likelihood=measured_or(log_likelihood, structure.active.table.n, undefined),
        notes=_notes(structure),
        structure=structure,
    )


def _separations(structure: Structure, rater_error: Floats, step_error: Floats, usual: Flags) -> dict[str, Separation]:
    """Separation of each facet: refused where severities (difficulties) of several groups have several origins."""
    active, parts = structure.active, structure.connectivity
    severity = np.where(active.extreme_rater == 0, structure.severity, np.nan)
    difficulty = np.where(active.extreme_step == 0, structure.difficulty, np.nan)
    theta = np.where(usual, structure.theta, np.nan)

    def unlinked(groups: int) -> str | None:
        if structure.reason is not None:
            return structure.reason
        return None if groups <= 1 else f"not linked: {parts.explanation}"

    return {
        "rater_separation": separate(
            severity,
            rater_error,
            "raters",
            homogeneity=equal_by_jackknife(structure, "rater"),
            unlinked=unlinked(len(parts.raters)),
        ),
        "step_separation": separate(
            difficulty,
            step_error,
            "steps",
            homogeneity=equal_by_jackknife(structure, "step"),
            unlinked=unlinked(len(parts.steps)),
        ),
        "video_separation": separate(
            theta,
            structure.theta_error,
            "videos",
            homogeneity=equal_by_chi_square(theta, structure.theta_error),
            unlinked=unlinked(max(len(parts.raters), len(parts.steps))),
        ),
    }


def severity_contrast(fit: RaschFit, first: Hashable, second: Hashable, *, level: float = 0.95) -> Measured:
    """How much more severe the first rater is than the second, in logits.

    Returns:
        None with a reason where no chain of shared videos links the two, or where one of them is extreme.

    Raises:
        LabelError: A rater without any rating.

    Source: statistic D3 of the specification.
    """
    structure = fit.structure
    table = structure.table
    place = {name: number for number, name in enumerate(table.raters)}
    n = int(np.isin(table.rater, [place[name] for name in (first, second) if name in place]).sum())
    if structure.reason is not None:
        return Measured(None, n, reason=structure.reason)
    for name in (first, second):
        if name in place and structure.active.extreme_rater[place[name]]:
            return Measured(None, n, reason=f"every rating of rater {name!r} is extreme, so no contrast is measured")
    refusal = structure.connectivity.refusal(first, second)
    if refusal is not None:
        return Measured(None, n, reason=refusal)
    weights = np.zeros(len(table.raters))
    weights[place[first]] += 1
    weights[place[second]] -= 1
    return combination(structure, "rater", weights, level=level)


def _notes(structure: Structure) -> tuple[str, ...]:
    notes = [JOINT_NOTE] if structure.method == "joint" else []
    if not structure.connectivity.connected:
        notes.append(structure.connectivity.explanation)
    population = structure.solution.population
    if population is not None:
        notes.extend(_population_notes(structure, population))
    if population is not None and population.sd_within <= SMALLEST_SPREAD * 1.01:
        notes.append(f"the videos differ no more than chance makes them; their SD is held at {SMALLEST_SPREAD} logits")
    n_extreme = int((structure.active.extreme_video != 0).sum())
    if n_extreme:
        notes.append(f"{n_extreme} videos are extreme; measured by the {EXTREME_SHIFT:g} points rule and flagged")
    return tuple(notes)


def _population_notes(structure: Structure, population: Population) -> list[str]:
    if population.x.shape[1] > 1:
        return ["raters judged different videos, so each rater's videos have a mean of their own"]
    if means_of_raters(structure.active).shape[1] > 1:
        return [
            "raters judged different videos, which are taken as one population: a rater who met weak candidates "
            "is called severe in part for it"
        ]
    return []


def _thresholds(structure: Structure) -> dict[Hashable, tuple[float | None, ...]]:
    steps = structure.table.steps
    with np.errstate(invalid="ignore"):
        between = np.diff(structure.cumulated, axis=1)
    if structure.reason is not None:
        between = np.full_like(between, np.nan)
    return {
        name: tuple(float(value) if math.isfinite(value) else None for value in row)
        for name, row in zip(steps, between, strict=True)
    }
