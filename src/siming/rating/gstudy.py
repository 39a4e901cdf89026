"""A generalizability study of a dataset: where the differences between marks come from, and what more raters would buy.

The letters of a design are facets of the dataset: ``p`` attempts (with ``o``: candidates), ``r`` raters, ``i`` steps, ``s`` and
``t`` skills (a skill is a station), ``o`` occasions. What a design does not name is summed over (steps, skills) or averaged
(raters).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from siming.errors import LabelError, TaskError
from siming.metrics import Measured
from siming.metrics.generalizability import Design, GStudy, d_curve, d_study, g_study, read_design
from siming.metrics.resample import JACKKNIFE
from siming.rating.cells import MISSING, Floats, Grid, Ints
from siming.rating.plain import plain
from siming.rating.ratings import Ratings, final_points, read_ratings, source_name, step_names
from siming.rating.spreadsheet.note import in_both
from siming.rubric import N_LABELS, Dataset, Rubric

SCHEMA = "siming.g-study/1"

Score = Literal["marks", "points", "share", "labels"]
"""``marks``: points scaled so that the mean over the steps is the total in points of 100; ``points`` as on the sheets;
``share`` of each step's points, so that all steps count alike; ``labels`` 0 to 3."""
Method = Literal["auto", "anova", "henderson", "reml"]

FACETS = {
    "p": "attempts (candidates, where the design has o)",
    "i": "steps",
    "r": "raters",
    "s": "skills",
    "t": "skills, as stations",
    "o": "occasions",
}
"""What a letter of a design stands for."""


@dataclass(frozen=True)
class Component:
    """One source of variance."""

    effect: str
    facets: tuple[str, ...]
    variance: Measured
    share: float | None
    """Of the variance of a single score; estimates below 0 count as 0."""
    df: int | None
    mean_square: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One point of a D-study curve."""

    sizes: Mapping[str, float]
    e_rho2: Measured
    phi: Measured
    phi_lambda: Measured | None
    sem: Measured
    """Standard error of measurement of the mean score, in points of 100."""


@dataclass(frozen=True)
class Generalizability:
    """What `generalizability` returns."""

    source: str
    notes: tuple[str, ...]
    design: str
    method: str
    score: str
    """What was analysed: a `Score`, or ``total`` where the design has no steps."""
    per_100: float
    """Points of 100 in one unit of a mean score."""
    fixed: tuple[str, ...]
    cut: float | None
    """Pass mark, points of 100."""
    sizes: Mapping[str, float]
    n_scores: int
    n_missing: int
    components: tuple[Component, ...]
    coefficients: Mapping[str, Measured | None]
    curves: tuple[Point, ...]

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences in both languages."""
        from siming.rating.words import words_of

        out = {"schema": SCHEMA, **plain(self), **in_both(self.notes)}
        return {**out, "words": words_of(out)}


def generalizability(
    dataset: Dataset,
    *,
    design: str = "p x i x r",
    method: Method = "auto",
    score: Score = "share",
    fixed: Sequence[str] = (),
    cut: float | None = None,
    sizes: Mapping[str, Sequence[float]] | None = None,
    intervals: bool = True,
    notes: tuple[str, ...] = (),
) -> Generalizability:
    """Variance components, coefficients and D-study curve of the physicians' marks.

    Args:
        design: Such as ``p x i x r``; see `FACETS` and `siming.metrics.generalizability.read_design`.
        method: ``auto`` is analysis of variance for complete data and Henderson's method I for any other.
        score: What a single score is; where the design has no steps, the total in points of 100, whatever is asked.
        fixed: Facets whose conditions are all there are, such as ``i`` where every exam has these same steps.
        cut: Pass mark in points of 100, for Phi(lambda).
        sizes: Facet to the numbers of conditions of the curve; raters 1 to 4 by default.
        intervals: Whether to make intervals; with ``reml`` and missing scores they take a refit per candidate.

    Raises:
        LabelError: a design that cannot be read or estimated; with the mend.
        TaskError: a facet that a dataset does not have.
        DatasetError: no marks, or fewer than two raters where the design has raters.
    """
    read = _read(design)
    ratings = read_ratings(dataset, fewest=2 if "r" in read.facets else 0)
    table = _scores(ratings, read, score)
    try:
        study = g_study(
            table.values,
            design=design,
            facets=table.facets,
            object="p",
            cluster=table.cluster,
            method=method,
            interval=JACKKNIFE if intervals else None,
        )
    except LabelError as error:
        raise LabelError(_advice(str(error))) from error
    mean_cut = None if cut is None else cut / table.per_100
    decided = d_study(study, fixed=fixed, cut=mean_cut)
    curve = {facet: list(numbers) for facet, numbers in (sizes or {}).items()}
    if not curve and "r" in read.facets:
        curve = {"r": [1, 2, 3, 4]}
    points = d_curve(study, levels=curve, fixed=fixed, cut=mean_cut) if curve else ()
    return Generalizability(
        source=source_name(dataset),
        notes=notes + table.notes,
        design=design,
        method=study.method,
        score=table.score,
        per_100=table.per_100,
        fixed=decided.fixed,
        cut=cut,
        sizes=study.levels,
        n_scores=study.mean.n,
        n_missing=int(study.mean.left_out.get("missing", 0)),
        components=_components(study, read),
        coefficients={
            "universe_variance": decided.universe_variance,
            "relative_error": decided.relative_error,
            "absolute_error": decided.absolute_error,
            "sem": _sem(decided.absolute_error, table.per_100),
            "e_rho2": decided.e_rho2,
            "phi": decided.phi,
            "phi_lambda": decided.phi_cut,
        },
        curves=tuple(
            Point(
                {"p": study.levels["p"], **each.levels},
                each.e_rho2,
                each.phi,
                each.phi_cut,
                _sem(each.absolute_error, table.per_100),
            )
            for each in points
        ),
    )


@dataclass(frozen=True)
class _Scores:
    """Flat scores with their ids."""

    values: Floats
    facets: dict[str, Any]
    cluster: Ints
    per_100: float
    score: str
    notes: tuple[str, ...]


def _read(design: str) -> Design:
    read = read_design(design, object="p")
    unknown = [facet for facet in read.facets if facet not in FACETS]
    if unknown:
        known = "; ".join(f"{letter} {meaning}" for letter, meaning in FACETS.items())
        raise TaskError(
            f"design {design!r} has the facet {unknown[0]!r}, which a dataset does not have; it has {known}"
        )
    if "s" in read.facets and "t" in read.facets:
        raise TaskError(f"design {design!r} names skills twice, as s and as t; keep one of them")
    if "i" in read.facets and {"s", "t"} & set(read.facets) and not read.within["i"] & {"s", "t"}:
        raise TaskError(f"every step belongs to one skill, so in design {design!r} steps nest in skills; write (i:s)")
    return read


def _scores(ratings: Ratings, design: Design, score: Score) -> _Scores:
    """A score per cell of the design."""
    grid = ratings.grid
    attempts = {attempt.id: attempt for attempt in ratings.dataset.attempts}
    notes: tuple[str, ...] = ()
    if "r" in design.facets:
        sources = {name: column.points for name, column in ratings.columns.items()}
        labels = {name: column.labels for name, column in ratings.columns.items()}
        asked = {name: np.array([e is not None for e in column.entries]) for name, column in ratings.columns.items()}
    else:
        points, whose = final_points(ratings)
        sources, asked = {whose: points}, {whose: np.ones(grid.n, dtype=bool)}
        labels = {}
        notes = (f"the design has no raters: the marks are those of {_WHOSE.get(whose, whose)}",)
        if score == "labels":
            raise TaskError(
                "labels are each rater's own; give a design with r, or analyse the marks (--score marks)"
                if whose == "mean"
                else f"labels of {whose} alone are not analysed; give a design with r, or --score marks"
            )
    columns: dict[str, list[Any]] = {facet: [] for facet in design.facets}
    values, clusters = [], []
    per_100 = 1.0
    whole = "i" not in design.facets
    by_skill = bool({"s", "t"} & set(design.facets))
    for name, points in sources.items():
        if whole:
            unit, number, scores = _totals(grid, points, asked[name], by_skill)
        else:
            unit = np.flatnonzero(asked[name])
            number = grid.attempt[unit]
            scores, per_100 = _of_steps(grid, points, labels.get(name), unit, score, by_skill)
        ids = _ids(ratings, unit, number, name, by_skill or not whole)
        for facet in design.facets:
            columns[facet].append(ids[facet])
        values.append(scores)
        clusters.append(grid.attempt_cluster[number])
    facets = {facet: np.concatenate(parts) for facet, parts in columns.items()}
    cluster = np.concatenate(clusters)
    if "o" in design.facets:
        attempt = facets["p"]
        lacking = [
            a for a in np.unique(attempt).tolist() if attempts[a].candidate is None or attempts[a].occasion is None
        ]
        if lacking:
            raise TaskError(
                f"attempt {lacking[0]} names no candidate or no occasion, and the design has o; write both in attempts.jsonl"
            )
        facets["p"] = np.array([attempts[a].candidate for a in attempt.tolist()])
        facets["o"] = np.array([attempts[a].occasion for a in attempt.tolist()])
    return _Scores(np.concatenate(values), facets, cluster, per_100, "total" if whole else score, notes)


_WHOSE = {"mean": "all raters, averaged", "consensus": "the consensus"}


def _totals(grid: Grid, points: Floats, asked: Any, by_skill: bool) -> tuple[Ints, Ints, Floats]:
    """A cell of each unit (attempt, or attempt and skill), its attempt and its total in points of 100.

    A unit of which a step has no points has no total.
    """
    cells = np.flatnonzero(asked)
    _, first_of_part, part = np.unique(grid.part[cells], return_index=True, return_inverse=True)
    percent = 100 * np.bincount(part, weights=points[cells]) / np.bincount(part, weights=grid.max_points[cells])
    key = (grid.part if by_skill else grid.attempt)[cells]
    _, first, owner = np.unique(key, return_index=True, return_inverse=True)
    owner = owner[first_of_part]
    totals = np.bincount(owner, weights=percent) / np.bincount(owner)
    return cells[first], grid.attempt[cells[first]], totals


def _of_steps(
    grid: Grid, points: Floats, labels: Ints | None, cells: Ints, score: Score, by_skill: bool
) -> tuple[Floats, float]:
    """Scores of some cells, and how many points of 100 one unit of the mean score is."""
    if score == "labels":
        assert labels is not None
        own = labels[cells]
        return np.where(own == MISSING, np.nan, own), 100 / (N_LABELS - 1)
    if score == "share":
        return 100 * points[cells] / grid.max_points[cells], 1.0
    if score == "points":
        return points[cells], 100 * sum(len(r.steps) for r in grid.rubrics) / sum(map(_reachable, grid.rubrics))
    # The exam's total is the mean of the skills' percentages, and a mean over steps must come to the same.
    n_steps = sum(len(rubric.steps) for rubric in grid.rubrics)
    scale = {
        rubric.id: 100 * (len(rubric.steps) if by_skill else n_steps / len(grid.rubrics)) / _reachable(rubric)
        for rubric in grid.rubrics
    }
    return points[cells] * np.array([scale[grid.rubric[at].id] for at in cells.tolist()]), 1.0


def _reachable(rubric: Rubric) -> float:
    return sum(step.max_points for step in rubric.steps)


def _ids(ratings: Ratings, cells: Ints, attempt: Ints, rater: str, has_skill: bool) -> dict[str, Any]:
    grid = ratings.grid
    names = step_names(ratings.dataset)
    skill = np.array([grid.rubric[at].skill if has_skill else "" for at in cells.tolist()])
    return {
        "p": np.array([grid.attempts[at] for at in attempt.tolist()]),
        "i": np.array([names[grid.rubric[at].id, grid.steps[at].id] for at in cells.tolist()]),
        "r": np.full(len(cells), rater),
        "s": skill,
        "t": skill,
        "o": attempt,
    }


def _components(study: GStudy, design: Design) -> tuple[Component, ...]:
    shares = study.shares
    return tuple(
        Component(
            effect=effect.name,
            facets=tuple(facet for facet in design.facets if facet in effect.facets),
            variance=study.components[effect.name],
            share=shares[effect.name],
            df=study.degrees.get(effect.name),
            mean_square=study.mean_squares[effect.name].value if effect.name in study.mean_squares else None,
            notes=study.components[effect.name].notes,
        )
        for effect in design.effects
    )


def _sem(variance: Measured, per_100: float) -> Measured:
    if variance.value is None:
        return variance
    interval = variance.interval and replace(
        variance.interval,
        low=float(np.sqrt(max(variance.interval.low, 0))) * per_100,
        high=float(np.sqrt(max(variance.interval.high, 0))) * per_100,
    )
    return replace(variance, value=float(np.sqrt(variance.value)) * per_100, interval=interval)


def _advice(message: str) -> str:
    """The mend in the words of the command line as well."""
    if "method='henderson'" in message:
        return f"{message} (on the command line: --method henderson, --method reml, or leave --method out)"
    return message
