"""How each step of a dataset's exam behaves: difficulty, discrimination, use of the levels, alpha with and without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from siming.errors import DatasetError
from siming.metrics import Measured
from siming.metrics.standards import analyse_steps, cronbach_alpha, label_use
from siming.rating.cells import MISSING, Floats, column_of
from siming.rating.plain import plain
from siming.rating.ratings import (
    Ratings,
    final_points,
    labels_table,
    points_table,
    read_ratings,
    source_name,
    steps_by_name,
)
from siming.rating.spreadsheet.note import in_both
from siming.rubric import N_LABELS, Dataset

SCHEMA = "siming.steps/1"


@dataclass(frozen=True)
class StepProfile:
    """One step."""

    step: str
    title: Mapping[str, str]
    max_points: float
    difficulty: Measured
    """Mean points over the most there are."""
    step_rest: Measured
    """Correlation with the total of the skill's other steps."""
    upper_lower: Measured
    """Difficulty among the best 27 % of attempts less that among the weakest."""
    alpha_without: Measured
    levels: tuple[int, ...]
    """Labels 0 to 3 that were given, counted."""
    n_missing: int


@dataclass(frozen=True)
class SkillProfile:
    """One skill."""

    skill: str
    n_attempts: int
    alpha: Measured
    steps: tuple[StepProfile, ...]


@dataclass(frozen=True)
class StepsReport:
    """What `steps_report` returns."""

    source: str
    notes: tuple[str, ...]
    author: str
    """Whose points: ``consensus``, ``mean`` of the raters, or a physician's name."""
    skills: tuple[SkillProfile, ...]
    alpha: Measured
    """Of all steps of all skills together."""

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences in both languages."""
        from siming.rating.words import words_of

        out = {"schema": SCHEMA, **plain(self), **in_both(self.notes)}
        return {**out, "words": words_of(out)}


def steps_report(dataset: Dataset, *, author: str | None = None, notes: tuple[str, ...] = ()) -> StepsReport:
    """Step analysis of every skill.

    Args:
        author: A physician, or ``consensus``; else the consensus where there is one, else the mean of the raters.

    Raises:
        DatasetError: no marks, or no such author.
    """
    ratings = read_ratings(dataset, fewest=0)
    points, whose = _points(ratings, author)
    cluster = ratings.grid.attempt_cluster
    known = steps_by_name(dataset)
    skills = []
    for rubric in dataset.rubrics.values():
        names = [name for name, (skill, _) in known.items() if skill == rubric.skill]
        table = points_table(ratings, points, names)
        there = ~np.isnan(table).all(axis=1)
        if not there.any() or len(names) < 2:
            continue
        table = table[there]
        maxima = [known[name][1].max_points for name in names]
        found = analyse_steps(table, max_points=maxima, cluster=cluster[there])
        levels = _levels(ratings, whose, names)
        skills.append(
            SkillProfile(
                rubric.skill,
                len(table),
                found.alpha,
                tuple(
                    StepProfile(
                        name,
                        {"en": known[name][1].title, "zh": known[name][1].title_zh},
                        known[name][1].max_points,
                        each.difficulty,
                        each.step_rest,
                        each.upper_lower,
                        each.alpha_without,
                        levels[at],
                        int(np.isnan(table[:, at]).sum()),
                    )
                    for at, (name, each) in enumerate(zip(names, found.steps, strict=True))
                ),
            )
        )
    if not skills:
        raise DatasetError(
            f"{dataset.folder}: no skill has two steps with points; step analysis needs points per step, not totals"
        )
    everything = points_table(ratings, points, list(known))
    return StepsReport(source_name(dataset), notes, whose, tuple(skills), cronbach_alpha(everything, cluster=cluster))


def _points(ratings: Ratings, author: str | None) -> tuple[Floats, str]:
    if author is None:
        return final_points(ratings)
    if author == "consensus":
        sheets = ratings.dataset.sheets_of("consensus")
        if sheets:
            return column_of(ratings.grid, sheets, name="consensus").points, "consensus"
    elif author in ratings.columns:
        return ratings.columns[author].points, author
    known = [*ratings.raters, *(["consensus"] if ratings.dataset.sheets_of("consensus") else [])]
    raise DatasetError(f"{ratings.dataset.folder}: has no marks of {author!r}; there are {', '.join(known)}")


def _levels(ratings: Ratings, whose: str, names: list[str]) -> list[tuple[int, ...]]:
    """Labels counted per step; those of all raters where their mean is analysed."""
    if whose == "consensus":
        columns = [column_of(ratings.grid, ratings.dataset.sheets_of("consensus"), name="consensus")]
    else:
        columns = [ratings.columns[name] for name in ratings.raters if whose in ("mean", name)]
    tables = np.concatenate([labels_table(ratings, column, names) for column in columns])
    assert tables.min() >= MISSING
    return [use.counts for use in label_use(tables, n_labels=N_LABELS)]
