"""Strict mode: every question asked is in the denominator, and every number has its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from siming.bench.medvid.columns import COLUMNS, Task
from siming.bench.medvid.data import Question
from siming.bench.medvid.encoder import Encoder, installed_encoder
from siming.bench.medvid.means import mean_by_video
from siming.bench.medvid.official.captions import ASPECTS, Grades, JudgedPair
from siming.bench.medvid.strict import dvc, grades, nap, stg, tal
from siming.bench.medvid.strict.value import Reading, Value
from siming.bench.medvid.submission import Answer, Matched, match
from siming.metrics.measured import Measured

LOWEST_GRADE = 1.0
"""What an empty caption is worth to the judge's columns."""

MOST_CHARACTERS = 100_000
"""So much of an answer is looked at: fifty times the longest honest one."""

BESIDE = ("TAG_F1@0.3", "TAG_F1@0.5", "STG_coverage")
"""Numbers shown beside the ten columns."""


@dataclass(frozen=True)
class StrictScore:
    """What a submission is worth."""

    columns: Mapping[str, Measured]
    """The ten columns, and those of `BESIDE`: means over all questions of a task."""
    per_source: Mapping[str, Mapping[str, Measured]]
    """Column to source to its mean."""
    macro: Mapping[str, float]
    """Column to the mean of its sources' means, in which a small source weighs as much as a large one."""
    readings: Mapping[Task, Mapping[Reading, int]]
    """How much of the answers could be read."""
    matched: Matched
    rows: Sequence[Value]


def score_strict(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    *,
    grades_of: Mapping[str, Grades] | None = None,
    encoder: Callable[[], Encoder] = installed_encoder,
) -> StrictScore:
    """Score a submission so that neither silence nor noise nor order pays.

    Args:
        grades_of: The judge's grades by `JudgedPair.key`; without them the judged columns are undefined.
        encoder: Opens the sentence encoder; called only if a next action in other words needs it.
    """
    found = match(questions, answers)
    texts = [_text(answer) for answer in found.answers]
    rows = _rows(questions, texts, found.answers, grades_of, encoder)
    columns, per_source, macro = {}, {}, {}
    of_task: dict[str, dict[str, list[Value]]] = {}
    for row in rows:
        of_task.setdefault(row.task, {}).setdefault(row.question.source, []).append(row)
    judged = grades_of is not None
    for name in (*COLUMNS, *BESIDE):
        by_source = of_task.get(_task_of_column(name), {})
        columns[name] = _column([row for own in by_source.values() for row in own], name, judged=judged)
        per_source[name] = {
            source: _column(own, name, judged=judged)
            for source, own in sorted(by_source.items())
            if any(name in row.columns for row in own)
        }
        means = [measured.value for measured in per_source[name].values() if measured.value is not None]
        if means:
            macro[name] = fmean(means)
    readings: dict[Task, Counter[Reading]] = {}
    for row in rows:
        readings.setdefault(row.task, Counter())[row.reading] += 1
    return StrictScore(columns, per_source, macro, readings, found, rows)


def strict_pairs(questions: Sequence[Question], answers: Sequence[Answer]) -> list[JudgedPair]:
    """The pairs of texts that strict mode wants graded."""
    out: list[JudgedPair] = []
    for question, answer in zip(questions, match(questions, answers).answers, strict=True):
        text = _text(answer)
        if question.task == "dvc":
            out += dvc.pairs_to_judge(question, text)
        elif question.task in ("vs", "rc") and text.strip() and question.reference:
            out.append(JudgedPair(question.position, None, question.task, question.reference, text))
    return out


def compare(one: StrictScore, other: StrictScore) -> dict[str, Measured]:
    """Column by column the first submission's mean less the second's, on the same questions, interval by video.

    Source: paired differences, jackknife by cluster.
    """
    out = {}
    for name in (*COLUMNS, *BESIDE):
        second = {row.question.position: row.columns[name] for row in other.rows if name in row.columns}
        both = [row for row in one.rows if name in row.columns and row.question.position in second]
        if not both:
            out[name] = Measured(None, 0, 0, reason="no question counts in this column for both")
            continue
        column = COLUMNS.get(name)
        span = column.high - column.low if column else 1.0
        out[name] = mean_by_video(
            [row.columns[name] - second[row.question.position] for row in both],
            [row.question.video for row in both],
            bounds=(-span, span),
        )
    return out


def _text(answer: Answer | None) -> str:
    if answer is None or not isinstance(answer.prediction, str):
        return ""
    # JSON can carry half a surrogate pair, which is no text to an encoder or a judge.
    return answer.prediction[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _rows(
    questions: Sequence[Question],
    texts: Sequence[str],
    answers: Sequence[Answer | None],
    grades_of: Mapping[str, Grades] | None,
    encoder: Callable[[], Encoder],
) -> list[Value]:
    next_actions = [(q, text) for q, text in zip(questions, texts, strict=True) if q.task == "next_action"]
    by_position = {value.question.position: value for value in nap.score_rows(next_actions, encoder)}
    out = []
    for question, text, answer in zip(questions, texts, answers, strict=True):
        value = by_position.get(question.position) or _value(question, text, grades_of)
        if value is not None:
            unsaid: Reading | None = (
                "missing" if answer is None else None if isinstance(answer.prediction, str) else "not text"
            )
            out.append(replace(value, reading=unsaid) if unsaid else value)
    return out


def _value(question: Question, text: str, grades_of: Mapping[str, Grades] | None) -> Value | None:
    match question.task:
        case "tal":
            return tal.score_row(question, text)
        case "stg":
            return stg.score_row(question, text)
        case "cvs_assessment":
            return grades.score_cvs(question, text)
        case "skill_assessment":
            return grades.score_sa(question, text)
        case "dvc":
            value = dvc.score_row(question, text)
            if grades_of is None or value.left_out:
                return value
            judged = dvc.judged_value(question, text, grades_of)
            return replace(value, columns={**value.columns, "DVC_llm": judged}) if judged is not None else value
        case "vs" | "rc":
            return _caption(question, text, grades_of)
    return None


def _caption(question: Question, text: str, grades_of: Mapping[str, Grades] | None) -> Value:
    task: Task = "vs" if question.task == "vs" else "rc"
    if not question.reference:
        return Value(question, task, "unread", {}, left_out="the reference is empty")
    if not text.strip():
        return Value(question, task, "empty", {} if grades_of is None else {f"{task.upper()}_llm": LOWEST_GRADE})
    if grades_of is None:
        return Value(question, task, "read", {})
    given = grades_of.get(JudgedPair(question.position, None, task, question.reference, text).key)
    if given is None:
        return Value(question, task, "read", {}, left_out="the judge failed")
    return Value(question, task, "read", {f"{task.upper()}_llm": fmean(given[aspect] for aspect in ASPECTS)})


def _task_of_column(name: str) -> Task:
    column = COLUMNS.get(name)
    return column.task if column else "stg" if name.startswith("STG") else "tal"


def _column(rows: Sequence[Value], name: str, *, judged: bool) -> Measured:
    """The mean over rows of the column's task."""
    column = COLUMNS.get(name)
    counted = [row for row in rows if name in row.columns]
    left_out = dict(Counter(row.left_out or "the judge failed" for row in rows if name not in row.columns))
    if not counted:
        missing = bool(column and column.judged and not judged)
        reason = "the judge has not run" if missing else "no question of this task counts"
        return Measured(None, 0, 0, left_out={} if missing else left_out, reason=reason)
    low, high = (column.low, column.high) if column else (0.0, 1.0)
    measured = mean_by_video(
        [row.columns[name] for row in counted], [row.question.video for row in counted], bounds=(low, high)
    )
    return replace(measured, left_out=left_out)
