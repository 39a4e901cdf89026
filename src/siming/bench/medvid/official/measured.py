"""The official columns with intervals: the very numbers of the evaluator, and how far they hang on single videos."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from siming.bench.medvid.columns import COLUMNS, Column
from siming.bench.medvid.means import mean_by_video
from siming.bench.medvid.official.captions import ASPECTS, Grades, JudgedPair
from siming.bench.medvid.official.row import RowValue
from siming.bench.medvid.official.run import FIELDS, OfficialScore
from siming.metrics.cells import Floats
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, measure
from siming.metrics.statistic import OfSums, Statistic, ratio

NOT_A_NUMBER = "not a number: one box with a coordinate that is none makes the whole column none"
NO_QUESTION = "no question of this task"
NO_JUDGE = "the judge has not run"
NOT_COUNTED = "not counted by the evaluator"


def measured_columns(
    score: OfficialScore, videos: Sequence[str], grades: Mapping[str, Grades] | None = None
) -> dict[str, Measured]:
    """Every column of the board: the evaluator's value, and an interval from leaving out one video at a time.

    The value is computed anew without each video, by the column's own rule: where a rule leaves unread answers out of
    its denominator, so does each of the values without a video.

    Args:
        videos: The recording of each row, by position.
        grades: The judge's, as they were given to the scorer.
    """
    return {name: _column(column, score, videos, grades) for name, column in COLUMNS.items()}


def _column(
    column: Column, score: OfficialScore, videos: Sequence[str], grades: Mapping[str, Grades] | None
) -> Measured:
    name = column.name
    if name not in score.full:
        reason = score.task_errors.get(column.task) or (NO_JUDGE if column.judged and grades is None else NO_QUESTION)
        return Measured(None, 0, reason=reason)
    value = score.full[name]
    rows = [row for row in score.rows if row.task == column.task]
    counted = _denominator(column, rows, score.pairs, grades or {})
    left_out = {} if column.judged else {NOT_COUNTED: len(rows) - counted} if len(rows) > counted else {}
    if not math.isfinite(value):
        return Measured(None, counted, left_out=left_out, reason=NOT_A_NUMBER)
    found = _found(column, rows, score.pairs, videos, grades or {})
    if found is None or found.value is None:
        return Measured(value, counted, interval_reason="no answer is in the denominator", left_out=left_out)
    return replace(found, value=value, n=counted, left_out=left_out)


def _denominator(
    column: Column, rows: Sequence[RowValue], pairs: Sequence[JudgedPair], grades: Mapping[str, Grades]
) -> int:
    """Rows, or calls of the judge, that the column stands on."""
    if column.judged:
        return sum(pair.task == column.task and pair.key in grades for pair in pairs)
    if column.task in ("cvs_assessment", "skill_assessment"):
        return sum(bool(row.values.get("correct")) for row in rows)
    return sum(row.counted for row in rows)


def _found(
    column: Column,
    rows: Sequence[RowValue],
    pairs: Sequence[JudgedPair],
    videos: Sequence[str],
    grades: Mapping[str, Grades],
) -> Measured | None:
    """The column's rule over the videos, with its interval; None where no answer counts."""
    if column.judged:
        given = [(pair, fmean(grades[pair.key][a] for a in ASPECTS)) for pair in pairs
                 if pair.task == column.task and pair.key in grades]  # fmt: skip
        if column.name == "DVC_llm":
            sums = _Sums(videos, [row.source for row in rows], [row.position for row in rows])
            for pair, mark in given:
                sums.add(pair.position, f"{pair.threshold}", mark)
            return sums.measured(column, _source_share)
        return _mean(column, [(pair.position, mark) for pair, mark in given], videos)
    if column.task in ("cvs_assessment", "skill_assessment"):
        sums = _Sums(videos, [row.source for row in rows], [row.position for row in rows])
        for row in rows:
            for part, mark in row.values["correct"].items():
                sums.add(row.position, part, mark)
        return sums.measured(column, _source_mean)
    if column.name == "DVC_F1":
        sums = _Sums(videos, [row.source for row in rows], [row.position for row in rows])
        for row in rows:
            if row.counted:
                sums.add(row.position, "f1", row.values["f1"])
        return sums.measured(column, _source_share)
    field = FIELDS[column.name]
    return _mean(column, [(row.position, row.values[field]) for row in rows if row.counted], videos)


def _mean(column: Column, marks: Sequence[tuple[int, float]], videos: Sequence[str]) -> Measured | None:
    if not marks:
        return None
    of_rows = [videos[position] for position, _ in marks]
    return mean_by_video([mark for _, mark in marks], of_rows, bounds=(column.low, column.high))


Combine = Callable[[Floats, Floats], Floats]
"""Values by source, and the number of rows of each, both (batch, n_sources), to one value per batch."""


def _source_mean(values: Floats, rows: Floats) -> Floats:
    """Each source that has rows weighs the same."""
    return ratio(np.where(rows > 0, values, 0).sum(axis=1), (rows > 0).sum(axis=1).astype(float))


def _source_share(values: Floats, rows: Floats) -> Floats:
    """Each source stands for all its rows, those that could not be read too."""
    return ratio((values * rows).sum(axis=1), rows.sum(axis=1))


class _Sums:
    """Marks by video, source and part: a source is worth the mean over its parts of their mean marks, 0 with none."""

    def __init__(self, videos: Sequence[str], sources: Sequence[str], positions: Sequence[int]) -> None:
        self._source = dict(zip(positions, sources, strict=True))
        self._videos = videos
        self._marks: list[tuple[int, str, float]] = []

    def add(self, position: int, part: str, mark: float) -> None:
        """One mark of one row."""
        self._marks.append((position, part, mark))

    def measured(self, column: Column, combine: Combine) -> Measured | None:
        """The column, and what it would be without each video in turn."""
        if not self._marks:
            return None
        videos = {video: number for number, video in enumerate(dict.fromkeys(self._videos[p] for p in self._source))}
        sources = {source: number for number, source in enumerate(dict.fromkeys(self._source.values()))}
        parts = {part: number for number, part in enumerate(dict.fromkeys(part for _, part, _ in self._marks))}
        v, s, k = len(videos), len(sources), len(parts)
        marks, counts, rows = np.zeros((v, s, k)), np.zeros((v, s, k)), np.zeros((v, s))
        for position, source in self._source.items():
            rows[videos[self._videos[position]], sources[source]] += 1
        for position, part, mark in self._marks:
            at = (videos[self._videos[position]], sources[self._source[position]], parts[part])
            marks[at] += mark
            counts[at] += 1
        units = np.concatenate([marks.reshape(v, -1), counts.reshape(v, -1), rows], axis=1)

        def of(sums: Floats) -> Floats:
            mark, count = sums[:, : s * k].reshape(-1, s, k), sums[:, s * k : 2 * s * k].reshape(-1, s, k)
            seen = count > 0
            means = np.where(seen, mark / np.where(seen, count, 1), 0).sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
            return combine(means, sums[:, 2 * s * k :])

        statistic = Statistic(
            of=OfSums(units, of),
            n=len(self._source),
            n_clusters=v,
            floats_per_replicate=units.shape[1],
            why_undefined="no answer is in the denominator",
            bounds=(column.low, column.high),
        )
        return measure(statistic, JACKKNIFE)
