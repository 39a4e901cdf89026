"""Leaderboard mode: the official evaluator's numbers, its defects among them, to the last bit that it prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from siming.bench.medvid.columns import COLUMNS, Task, printed, stored
from siming.bench.medvid.encoder import Encoder, installed_encoder
from siming.bench.medvid.official import captions, cvs, dvc, nap, sa, stg, tal
from siming.bench.medvid.official.captions import Grades, JudgedPair
from siming.bench.medvid.official.row import Row, RowValue, merge
from siming.errors import MissingExtraError

JUDGED: Final[tuple[Task, ...]] = ("dvc", "vs", "rc")


@dataclass(frozen=True, slots=True)
class OfficialScore:
    """What the official evaluator says of a submission."""

    full: Mapping[str, float]
    """Column to value in full precision, under the official names; columns of tasks that broke are not there."""
    per_source: Mapping[str, Mapping[str, float]]
    """Column to source to value."""
    rows: Sequence[RowValue]
    """In order of position; rows of a task that broke are not there."""
    counts: Mapping[str, int]
    """Rows in each column's denominator."""
    task_errors: Mapping[Task, str] = field(default_factory=dict)
    """Tasks lost whole to one row, with the error as the evaluator prints it."""
    merged: bool = False
    """The upload brought its own references, and was scored against those."""
    pairs: Sequence[JudgedPair] = ()
    """What the judge was asked, where grades were given."""

    @property
    def printed(self) -> dict[str, float]:
        """Four decimals, as the evaluator prints them."""
        return {name: printed(value) for name, value in self.full.items()}

    @property
    def stored(self) -> dict[str, float]:
        """All ten columns as the board keeps them: rounded twice, and 0 for what is missing."""
        return {name: stored(self.full[name]) if name in self.full else 0.0 for name in COLUMNS}


def score_official(
    truth: Sequence[Any],
    submission: Any,
    *,
    grades: Mapping[str, Grades] | None = None,
    encoder: Callable[[], Encoder] = installed_encoder,
) -> OfficialScore:
    """Score as the leaderboard does.

    Args:
        truth: The reference's JSON list.
        submission: The submission's JSON: matched by position alone.
        grades: The judge's grades by `JudgedPair.key`; without them the judged columns are missing.
        encoder: Opens the sentence encoder; called only if a next action in free text needs it.

    Raises:
        TaskError: A submission of another length, or a row without ``prediction``.
        MissingExtraError: The sentence encoder is needed and not installed.
    """
    rows, merged = merge(truth, submission)
    values: list[RowValue] = []
    errors: dict[Task, str] = {}
    for task, score in _scorers(encoder).items():
        own = [row for row in rows if row.task == task]
        try:
            values += score(own)
        except MissingExtraError:
            raise
        except Exception as error:  # noqa: BLE001: whatever breaks a row loses its whole task, as it does there
            errors[task] = _error_line(task, error)
    pairs: list[JudgedPair] = []
    if grades is not None:
        pairs = _pairs(rows, errors)
        rows = [row for row in rows if row.task not in errors]
    full, per_source, counts = _columns([value for value in values if value.task not in errors])
    if grades is not None:
        judged = captions.judged_columns(rows, pairs, grades)
        full |= {name: judged[COLUMNS[name].key] for name in COLUMNS if COLUMNS[name].key in judged}
        counts |= {name: _n_graded(pairs, grades, COLUMNS[name].task) for name in full if COLUMNS[name].judged}
        dense = [row for row in rows if row.task == "dvc"]
        if dense:
            per_source["DVC_llm"] = captions.dvc_per_source(dense, pairs, grades)
    ordered = {name: full[name] for name in COLUMNS if name in full}
    return OfficialScore(ordered, per_source, sorted(values, key=lambda v: v.position), counts, errors, merged, pairs)


def official_pairs(truth: Sequence[Any], submission: Any) -> list[JudgedPair]:
    """The pairs of texts that the official evaluator would have judged; none of a task that one row breaks."""
    return _pairs(merge(truth, submission)[0], {})


def _pairs(rows: Sequence[Row], errors: dict[Task, str]) -> list[JudgedPair]:
    """Pairs in the order of the rows. Judged and unjudged columns of a task break together."""
    pairs: list[JudgedPair] = []
    for task in JUDGED:
        if task not in errors:
            try:
                pairs += captions.pairs_to_judge(row for row in rows if row.task == task)
            except Exception as error:  # noqa: BLE001: as for the scorers
                errors[task] = _error_line(task, error)
    return sorted(pairs, key=lambda pair: pair.position)


def _error_line(task: Task, error: Exception) -> str:
    return f"Error running {task} evaluation: {error}"


def _scorers(encoder: Callable[[], Encoder]) -> dict[Task, Callable[[Sequence[Row]], list[RowValue]]]:
    def each(score_row: Callable[[Row], RowValue]) -> Callable[[Sequence[Row]], list[RowValue]]:
        return lambda rows: [score_row(row) for row in rows]

    return {
        "dvc": each(dvc.score_row),
        "tal": each(tal.score_row),
        "next_action": lambda rows: nap.score_rows(rows, encoder),
        "stg": each(stg.score_row),
        "skill_assessment": each(sa.score_row),
        "cvs_assessment": each(cvs.score_row),
    }


def _columns(values: Sequence[RowValue]) -> tuple[dict[str, float], dict[str, dict[str, float]], dict[str, int]]:
    full: dict[str, float] = {}
    per_source: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    for name, column in COLUMNS.items():
        own = [value for value in values if value.task == column.task]
        if column.judged or not own:
            continue
        sources: dict[str, list[RowValue]] = {}
        for value in own:
            sources.setdefault(value.source, []).append(value)
        of, pooled = _RULES[name]
        by_source = {source: of(rows) for source, rows in sources.items()}
        full[name] = pooled(by_source, sources)
        per_source[name] = {source: value for source, value in by_source.items() if value is not None}
        counts[name] = sum(value.counted for value in own)
    return full, per_source, counts


Sources = Mapping[str, Sequence[RowValue]]
Pool = Callable[[Mapping[str, float | None], Sources], float]


def _mean(field_name: str) -> Callable[[Sequence[RowValue]], float | None]:
    def of(rows: Sequence[RowValue]) -> float | None:
        counted = [row.values[field_name] for row in rows if row.counted]
        return math.fsum(counted) / len(counted) if counted else None

    return of


def _balanced(rows: Sequence[RowValue]) -> float | None:
    """Mean over components of their accuracy in the rows where they were read."""
    marks: dict[str, list[int]] = {}
    for row in rows:
        for name, mark in row.values["correct"].items():
            marks.setdefault(name, []).append(mark)
    return fmean(fmean(given) for given in marks.values()) if marks else None


def _by_counted(by_source: Mapping[str, float | None], sources: Sources) -> float:
    return _weighted(by_source, {source: sum(row.counted for row in rows) for source, rows in sources.items()})


def _by_all(by_source: Mapping[str, float | None], sources: Sources) -> float:
    """A source's mean stands for all its rows, those that could not be read too."""
    return _weighted(by_source, {source: len(rows) for source, rows in sources.items()})


def _by_right(by_source: Mapping[str, float | None], sources: Sources) -> float:
    counts = {source: sum(row.counted for row in rows) for source, rows in sources.items()}
    right = sum(round((value or 0.0) * counts[source]) for source, value in by_source.items())
    return right / sum(counts.values()) if sum(counts.values()) else 0.0


def _macro(by_source: Mapping[str, float | None], sources: Sources) -> float:
    return fmean(value or 0.0 for value in by_source.values()) if sources else 0.0


def _weighted(by_source: Mapping[str, float | None], weights: Mapping[str, int]) -> float:
    total = sum(weights.values())
    return math.fsum((value or 0.0) * weights[source] for source, value in by_source.items()) / total if total else 0.0


FIELDS: Mapping[str, str] = {
    "NAP_acc": "correct",
    "STG_mIoU": "miou",
    "TAG_mIoU@0.3": "miou03",
    "TAG_mIoU@0.5": "miou05",
    "DVC_F1": "f1",
}
"""Columns that are means of one number per row, and its name in the row's values."""

_RULES: Mapping[str, tuple[Callable[[Sequence[RowValue]], float | None], Pool]] = {
    "CVS_acc": (_balanced, _macro),
    "NAP_acc": (_mean(FIELDS["NAP_acc"]), _by_right),
    "SA_acc": (_balanced, _macro),
    "STG_mIoU": (_mean(FIELDS["STG_mIoU"]), _by_counted),
    "TAG_mIoU@0.3": (_mean(FIELDS["TAG_mIoU@0.3"]), _by_counted),
    "TAG_mIoU@0.5": (_mean(FIELDS["TAG_mIoU@0.5"]), _by_counted),
    "DVC_F1": (_mean(FIELDS["DVC_F1"]), _by_all),
}


def _n_graded(pairs: Sequence[JudgedPair], grades: Mapping[str, Grades], task: Task) -> int:
    return sum(pair.task == task and pair.key in grades for pair in pairs)
