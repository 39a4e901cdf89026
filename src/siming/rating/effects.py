"""Rater effects of a dataset: who is severe and by how much, what else the raters do, and what rests on it.

Everything stands on one fit (many-facet Rasch, partial credit) of the labels that physicians gave. Nothing here changes a
sheet: adjusted totals are advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from siming.errors import TaskError
from siming.metrics import Interval, Measured, Metric, get_metric
from siming.metrics.rasch import RaschFit, many_facet_rasch, severity_contrast
from siming.metrics.rasch.scale import probabilities
from siming.metrics.raters import differential_functioning, intra_rater, rater_habits
from siming.rating.cells import MISSING, column_of
from siming.rating.drift import Drift, drift_of
from siming.rating.links import Latent, Links, latent_of, links_of, marks_by_label
from siming.rating.plain import plain
from siming.rating.ratings import Ratings, attempt_values, read_ratings, source_name, step_names, steps_by_name
from siming.rating.spreadsheet.note import in_both
from siming.rubric import N_LABELS, Dataset

SCHEMA = "siming.rater-effects/1"
REPEAT_METRICS = ("raw_agreement", "qwk", "ac2")


@dataclass(frozen=True)
class Group:
    """Raters whose severities can be compared."""

    raters: tuple[str, ...]
    n_videos: int


@dataclass(frozen=True)
class Connection:
    """Which raters can be compared at all."""

    connected: bool
    groups: tuple[Group, ...]
    explanation: str


@dataclass(frozen=True)
class RaterEffect:
    """One rater."""

    rater: str
    n_ratings: int
    severity: Measured
    """Logits; higher is more severe. Measured from the mean of the raters of the same group."""
    fair_average: Measured
    """Mean label, 0 to 3, that he would give an average attempt."""
    marks: Measured
    """Points of 100 that his severity adds to (or, below 0, takes from) an attempt's total."""
    infit: Measured
    outfit: Measured
    infit_z: Measured
    outfit_z: Measured
    extreme: str | None
    habits: Mapping[str, Measured]
    level_use: tuple[float, ...]


@dataclass(frozen=True)
class Contrast:
    """Two raters."""

    first: str
    second: str
    difference: Measured
    """Logits by which the first is more severe; None with the reason where no chain of shared videos links them."""
    marks: Measured
    """The same in points of 100 on this exam: what the second gives more than the first."""


@dataclass(frozen=True)
class StepMeasure:
    """One step."""

    step: str
    skill: str
    title: Mapping[str, str]
    difficulty: Measured
    infit: Measured
    outfit: Measured
    extreme: str | None


@dataclass(frozen=True)
class AttemptMeasure:
    """One attempt."""

    attempt: str
    ability: Measured
    extreme: bool


@dataclass(frozen=True)
class GroupEffect:
    """Whether a rater treats one group of attempts otherwise than the other raters do."""

    group: str
    """The field, such as ``site``."""
    rater: str
    value: str
    other: str
    contrast: Measured
    """Logits by which he is more severe towards `value` than towards `other`, beyond the average rater."""


@dataclass(frozen=True)
class Repeat:
    """One rater against himself."""

    rater: str
    metrics: Mapping[str, Measured]


@dataclass(frozen=True)
class Effects:
    """What `rater_effects` returns."""

    source: str
    notes: tuple[str, ...]
    connectivity: Connection
    raters: tuple[RaterEffect, ...]
    contrasts: tuple[Contrast, ...]
    separation: Mapping[str, Mapping[str, Measured]]
    steps: tuple[StepMeasure, ...]
    attempts: tuple[AttemptMeasure, ...]
    drift: Drift
    groups: tuple[GroupEffect, ...]
    groups_reason: str | None
    repeats: tuple[Repeat, ...]
    repeats_reason: str | None
    links: Links
    latent: Latent

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences of each section in both languages."""
        from siming.rating.words import words_of

        out = {
            "schema": SCHEMA,
            **plain(self),
            **in_both(self.notes),
            "drift": self.drift.to_plain(),
            "links": self.links.to_plain(),
        }
        return {**out, "words": words_of(out)}


def rater_effects(
    dataset: Dataset,
    *,
    pass_mark: float | None = None,
    block: int = 50,
    by: str = "site",
    notes: tuple[str, ...] = (),
    seed: int = 0,
) -> Effects:
    """Severity, habits, drift, differential functioning, repeats, adjustment and consensus check of the physicians.

    Args:
        pass_mark: Points of 100 from which an attempt passes; without it no decision is spoken of.
        block: Attempts per stretch of a rater's own order in which drift is sought; at least two stretches are made.
        by: Field of the attempts whose groups are compared, such as ``site``.
        notes: What the reader of the source had to say.
        seed: Of the random orders behind the cumulative sums.

    Raises:
        DatasetError: fewer than two physicians.
        TaskError: a block below 5, or a pass mark off the scale.
    """
    if block < 5:
        raise TaskError(f"block is {block}; give 5 attempts or more to a stretch")
    if pass_mark is not None and not 0 <= pass_mark <= 100:
        raise TaskError(f"pass_mark is {pass_mark:g}; give points of 100")
    ratings = read_ratings(dataset, fewest=2)
    ids = ratings.ids()
    fit = many_facet_rasch(ratings.label, **ids, n_labels=N_LABELS)
    groups, why_no_groups = _groups(ratings, by)
    repeats, why_no_repeats = _repeats(ratings)
    slope = marks_per_logit(ratings, fit)
    return Effects(
        source=source_name(dataset),
        notes=(*notes, *fit.notes),
        connectivity=_connectivity(ratings, fit),
        raters=_raters(ratings, fit, slope),
        contrasts=tuple(
            Contrast(first, second, found, in_marks(found, slope))
            for first, second in combinations(ratings.raters, 2)
            for found in [severity_contrast(fit, first, second)]
        ),
        separation={
            "raters": plain(fit.rater_separation),
            "attempts": plain(fit.video_separation),
            "steps": plain(fit.step_separation),
        },
        steps=_steps(dataset, fit),
        attempts=tuple(AttemptMeasure(str(v.name), v.measure, v.extreme is not None) for v in fit.videos),
        drift=drift_of(ratings, block=block, seed=seed),
        groups=groups,
        groups_reason=why_no_groups,
        repeats=repeats,
        repeats_reason=why_no_repeats,
        links=links_of(ratings, fit, pass_mark=pass_mark),
        latent=latent_of(ratings),
    )


def marks_per_logit(ratings: Ratings, fit: RaschFit) -> float | None:
    """Points of 100 that one logit of severity takes from the mean total, around the middle rater."""
    structure = fit.structure
    if structure.reason is not None:
        return None
    inside = structure.active.step_in
    theta = structure.theta[np.isfinite(structure.theta)]
    centre = float(np.nanmean(structure.severity))
    marks = marks_by_label(ratings, structure.table.steps)[inside]
    steep = structure.scale.steepness()[inside]

    def total(severity: float) -> float:
        where = np.repeat((theta - severity)[:, None], len(marks), axis=1)
        return float((probabilities(where, structure.cumulated[inside], steep) * marks).sum(axis=(1, 2)).mean())

    return (total(centre - 0.25) - total(centre + 0.25)) / 0.5


def in_marks(measured: Measured, slope: float | None) -> Measured:
    """Logits as points of 100 at a fixed exchange rate."""
    if measured.value is None or slope is None:
        return Measured(None, measured.n, reason=measured.reason or "no marks per logit are known")
    interval = measured.interval
    if interval is not None:
        low, high = sorted((interval.low * slope, interval.high * slope))
        interval = Interval(low, high, interval.level, interval.method, replicates=interval.replicates)
    return Measured(
        measured.value * slope,
        measured.n,
        measured.n_clusters,
        interval=interval,
        interval_reason=measured.interval_reason,
        notes=(f"{slope:.3g} points of 100 per logit on this exam",),
    )


def _connectivity(ratings: Ratings, fit: RaschFit) -> Connection:
    groups = tuple(
        Group(
            tuple(map(str, members)),
            len(
                np.unique(ratings.attempt[np.isin(ratings.rater, list(map(str, members))) & (ratings.label != MISSING)])
            ),
        )
        for members in fit.connectivity.raters
    )
    return Connection(fit.connectivity.connected, groups, fit.connectivity.explanation)


def _raters(ratings: Ratings, fit: RaschFit, slope: float | None) -> tuple[RaterEffect, ...]:
    habits = {habit.rater: habit for habit in rater_habits(ratings.label, **ratings.ids(), n_labels=N_LABELS)}
    return tuple(
        RaterEffect(
            rater=str(each.name),
            n_ratings=each.measure.n,
            severity=each.measure,
            fair_average=each.fair_average,
            marks=in_marks(each.measure, None if slope is None else -slope),
            infit=each.infit,
            outfit=each.outfit,
            infit_z=each.infit_z,
            outfit_z=each.outfit_z,
            extreme=each.extreme,
            habits={
                "residual_correlation": habits[each.name].within_video,
                "across_raters": habits[each.name].across_raters,
                "halo": habits[each.name].halo,
                "entropy": habits[each.name].entropy,
                "threshold_spread": habits[each.name].threshold_spread,
            },
            level_use=habits[each.name].level_use,
        )
        for each in fit.raters
    )


def _steps(dataset: Dataset, fit: RaschFit) -> tuple[StepMeasure, ...]:
    found = {str(each.name): each for each in fit.steps}
    return tuple(
        StepMeasure(
            name,
            skill,
            {"en": step.title, "zh": step.title_zh},
            found[name].measure,
            found[name].infit,
            found[name].outfit,
            found[name].extreme,
        )
        for name, (skill, step) in steps_by_name(dataset).items()
        if name in found
    )


def _groups(ratings: Ratings, by: str) -> tuple[tuple[GroupEffect, ...], str | None]:
    values = {attempt.id: getattr(attempt, by, None) for attempt in ratings.dataset.attempts}
    rated = {values[attempt] for attempt in np.unique(ratings.attempt).tolist()} - {None}
    if not rated:
        return (), f"no attempt has a {by!r}"
    if len(rated) < 2:
        return (), f"all attempts have one {by}, {rated.pop()!r}"
    known = attempt_values(ratings.dataset, by)
    group = np.array([known[attempt] or "" for attempt in ratings.attempt.tolist()])
    kept = group != ""
    ids = {name: array[kept] for name, array in ratings.ids().items()}
    pairs = differential_functioning(ratings.label[kept], **ids, group=group[kept], n_labels=N_LABELS)
    return (
        tuple(
            GroupEffect(by, str(rater), str(pair.first), str(pair.second), contrast)
            for pair in pairs
            for rater, contrast in pair.contrasts.items()
        ),
        None,
    )


def _repeats(ratings: Ratings) -> tuple[tuple[Repeat, ...], str | None]:
    """From second sheets for one attempt, and from one recording entered as two attempts."""
    first_of: dict[str, str] = {}
    same: dict[str, str] = {}
    for attempt in ratings.dataset.attempts:
        sha256 = attempt.video.sha256 if attempt.video else None
        same[attempt.id] = first_of.setdefault(sha256, attempt.id) if sha256 else attempt.id
    labels, video, rater, step = [ratings.label], [ratings.attempt], [ratings.rater], [ratings.step]
    sitting = [np.zeros(len(ratings.label), dtype=np.int64)]
    count: dict[tuple[str, str, str], int] = {}
    names = step_names(ratings.dataset)
    for sheet in ratings.repeats:
        key = (sheet.author.name, sheet.attempt, sheet.rubric)
        count[key] = count.get(key, 0) + 1
        column = column_of(ratings.grid, [sheet], name=sheet.author.name)
        own = np.flatnonzero([entry is not None for entry in column.entries])
        labels.append(column.labels[own])
        video.append(np.full(len(own), sheet.attempt))
        rater.append(np.full(len(own), sheet.author.name))
        step.append(np.array([names[ratings.grid.rubric[at].id, ratings.grid.steps[at].id] for at in own]))
        sitting.append(np.full(len(own), count[key]))
    ids = np.concatenate(video)
    canonical = np.array([same[name] for name in ids.tolist()])
    # A recording entered twice counts as a later sitting than every sheet of the first entry.
    occasion = np.concatenate(sitting) + (len(ratings.repeats) + 1) * (canonical != ids)
    if not len(ratings.repeats) and (canonical == ids).all():
        return (), "no rater judged an attempt twice (neither two sheets nor one recording under two ids)"
    options = {
        "video": canonical,
        "rater": np.concatenate(rater),
        "occasion": occasion,
        "step": np.concatenate(step),
        "n_labels": N_LABELS,
        "cluster": canonical,
    }
    metrics: dict[str, Metric] = {name: get_metric(name) for name in REPEAT_METRICS}
    found = {name: intra_rater(metric, np.concatenate(labels), **options) for name, metric in metrics.items()}
    return tuple(
        Repeat(str(name), {metric: values[name] for metric, values in found.items()}) for name in ratings.raters
    ), None
