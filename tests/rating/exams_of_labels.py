"""Exams in memory whose labels, times and severities a test chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from siming.rubric import Attempt, Author, Dataset, DatasetInfo, Entry, Rubric, RubricRef, Sheet, Step
from siming.rubric.rubric import DeficientBand, MinorBand, OrdinalMap

POINT_IS_LABEL = OrdinalMap(
    name="a-point-is-a-label", minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="1")
)


def rubric_of(n_steps: int, skill: str = "CPR") -> Rubric:
    """Steps of 3 points, so that points are labels."""
    return Rubric(
        id=skill.lower(),
        version="1",
        title=skill,
        title_zh=skill,
        skill=skill,
        ordinal_map=POINT_IS_LABEL,
        steps=tuple(
            Step(id=f"{skill.lower()}{i:02d}", order=i, title=f"step {i}", title_zh=f"步骤{i}", max_points=3)
            for i in range(1, n_steps + 1)
        ),
    )


def sheet_of(
    rubric: Rubric,
    attempt: str,
    rater: str,
    labels: Sequence[int | None],
    *,
    kind: str = "physician",
    order: int | None = None,
    grade: int | None = None,
) -> Sheet:
    """One sheet; None where the rater could not judge. `order` counts minutes of one working day."""
    began = datetime(2026, 3, 2, 8)
    return Sheet(
        attempt=attempt,
        rubric=rubric.id,
        rubric_version=rubric.version,
        author=Author(kind=kind, name=rater),
        steps={
            step.id: Entry(status="cannot_judge", reason="hidden") if label is None else Entry(points=float(label))
            for step, label in zip(rubric.steps, labels, strict=True)
        },
        submitted_at=None if order is None else (began + timedelta(minutes=order)).isoformat(),
        global_rating=grade,
    )


def dataset_of(
    sheets: Sequence[Sheet], rubrics: Sequence[Rubric], *, sites: Mapping[str, str] | None = None
) -> Dataset:
    """The sheets' attempts, each judged by all the rubrics."""
    refs = tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics)
    info = DatasetInfo(name="tests", version="1", licence="CC0-1.0", rubrics=refs, provenance="made by a test")
    attempts = [
        Attempt(id=name, rubrics=refs, site=(sites or {}).get(name)) for name in sorted({s.attempt for s in sheets})
    ]
    return Dataset(Path("tests"), info, {rubric.id: rubric for rubric in rubrics}, attempts, sheets)


def rasch_labels(
    rng: np.random.Generator, ability: np.ndarray, difficulty: np.ndarray, severity: np.ndarray
) -> np.ndarray:
    """Labels 0 to 3 of the partial credit model; thresholds 1 logit apart; arrays broadcast."""
    where = np.asarray(ability - difficulty - severity)[..., None]
    logit = np.cumsum(np.concatenate([np.zeros_like(where), where - np.array([-1.0, 0.0, 1.0])], axis=-1), axis=-1)
    p = np.exp(logit - logit.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return (rng.random(where.shape) > np.cumsum(p, axis=-1)).sum(axis=-1)


def write_marks(path: Path, *, n: int = 40, seed: int = 1) -> Path:
    """A spreadsheet of n attempts at two sites, rated by a strict and a mild rater in orders of their own."""
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(0, 1, n), np.linspace(-1, 1, 8)
    lines = ["attempt,rater,site,submitted_at,global_rating," + ",".join(f"step{i}" for i in range(1, 9))]
    for rater, severity in (("Wei", 0.5), ("Okafor", -0.5)):
        order = rng.permutation(n)
        for number in range(n):
            labels = rasch_labels(rng, ability[number], difficulty, np.array(severity))
            grade = 1 + round(float(labels.mean()) * 4 / 3)
            when = datetime(2026, 3, 2, 8) + timedelta(minutes=5 * int(order[number]))
            site = "north" if number % 2 else "south"
            lines.append(f"A-{number:03d},{rater},{site},{when.isoformat()},{grade}," + ",".join(map(str, labels)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
