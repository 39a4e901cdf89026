"""Submissions: a JSON list of answers. Read with distrust, matched by what was asked and not by where it stands."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siming.bench.medvid.data import Question, read_json_list
from siming.bench.medvid.keys import key_of
from siming.errors import DatasetError

MOST_BYTES = 200_000_000
"""A larger submission is refused: 6,245 honest answers take about one million bytes."""

REFERENCE_FIELDS = ("gnd", "struc_info")
"""Fields that a submitter has no business with."""

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of a submission."""

    position: int
    id: str
    qa_type: str
    question: str | None
    """SHA-256 of the question's words, where the submission carries it (ours do)."""
    prediction: Any
    """A string in honest submissions; anything else is scored as a wrong answer and reported."""


@dataclass(frozen=True)
class Matched:
    """A submission held against the questions."""

    answers: tuple[Answer | None, ...]
    """One place per question, None where nothing answers it."""
    missing: tuple[int, ...]
    """Positions of questions without an answer."""
    extra: tuple[int, ...]
    """Positions of rows that answer no question."""
    moved: int
    """Answers that do not stand where their question does; scoring by position would have misread them."""
    by_order: int
    """Answers to questions that share id and type with others, dealt in order because nothing else tells them apart."""

    @property
    def complete(self) -> bool:
        """Whether every question has its answer, and every answer its question."""
        return not self.missing and not self.extra


def read_submission(path: Path | str, *, most_bytes: int = MOST_BYTES) -> list[Answer]:
    """Read a submission.

    Raises:
        DatasetError: All reasons at once: not a list, rows without `id`, `qa_type` or `prediction`, rows that bring
            references of their own.
    """
    return answers_of(read_json_list(Path(path), most_bytes=most_bytes), where=str(path))


def answers_of(rows: Sequence[Any], *, where: str) -> list[Answer]:
    """The answers in a JSON list that was read already. Errors as in `read_submission`."""
    complaints = list(_complaints(rows))
    if complaints:
        shown = "; ".join(complaints[:MOST_SHOWN])
        more = f"; and {len(complaints) - MOST_SHOWN} more" if len(complaints) > MOST_SHOWN else ""
        raise DatasetError(f"{where}: {shown}{more}")
    return [
        Answer(position, row["id"], row["qa_type"], _question_hash(row), row["prediction"])
        for position, row in enumerate(rows)
    ]


def _complaints(rows: Sequence[Any]) -> Iterator[str]:
    if not rows:
        yield "holds no rows; a submission has one per question"
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            yield f"row {position} is {type(row).__name__}, wanted an object with id, qa_type and prediction"
            continue
        for name in ("id", "qa_type"):
            if not isinstance(row.get(name), str):
                yield f"row {position} has no text `{name}`; copy it from the question"
        if "prediction" not in row:
            yield f"row {position} has no `prediction`; write an empty text where the model said nothing"
        own = [name for name in REFERENCE_FIELDS if name in row]
        if own:
            yield (
                f"row {position} brings references of its own ({', '.join(own)}); references come from the benchmark "
                "alone: leave only id, qa_type and prediction"
            )


def _question_hash(row: Mapping[str, Any]) -> str | None:
    if isinstance(row.get("question_sha256"), str):
        return str(row["question_sha256"])
    if isinstance(row.get("question"), str):
        return key_of("", "", row["question"]).question
    return None


def match(questions: Sequence[Question], answers: Sequence[Answer]) -> Matched:
    """Give every question its answer: by id, type and question; by order only among those that share all that is told.

    A row without the question's hash is matched by id and type, which 6,245 questions of the test set share in
    5,644 pairs; within such a pair answers are dealt in their order.
    """
    told = all(answer.question is not None for answer in answers)
    waiting: dict[tuple[str, ...], deque[Question]] = defaultdict(deque)
    for question in questions:
        waiting[tuple(question.key) if told else (question.id, question.qa_type)].append(question)
    shared = {name for name, found in waiting.items() if len(found) > 1}
    found: list[Answer | None] = [None] * len(questions)
    place = {question.position: number for number, question in enumerate(questions)}
    extra, moved, by_order = [], 0, 0
    for answer in answers:
        name = (answer.id, answer.qa_type, answer.question or "") if told else (answer.id, answer.qa_type)
        if not waiting.get(name):
            extra.append(answer.position)
            continue
        question = waiting[name].popleft()
        found[place[question.position]] = answer
        moved += answer.position != question.position
        by_order += name in shared
    missing = tuple(q.position for q, answer in zip(questions, found, strict=True) if answer is None)
    return Matched(tuple(found), missing, tuple(extra), moved, by_order)


def write_submission(path: Path, questions: Sequence[Question], predictions: Mapping[int, str]) -> None:
    """Write a submission in the official order, one row per question, empty text where there is no prediction.

    Beside the three official fields each row carries the hash of its question, which the official evaluator ignores
    and siming matches by.

    Args:
        predictions: By position of the question.
    """
    rows = [(question.position, question.id, question.qa_type, question.key.question) for question in questions]
    _write(path, rows, predictions)


def fill_form(form: Path, predictions: Mapping[int, str], out: Path) -> None:
    """Write a submission from an empty one that `write_submission` made, so that the data need not be at hand.

    Raises:
        DatasetError: The form is no submission.
    """
    _write(out, [(row.position, row.id, row.qa_type, row.question) for row in read_submission(form)], predictions)


def _write(path: Path, rows: Sequence[tuple[int, str, str, str | None]], predictions: Mapping[int, str]) -> None:
    from siming.rubric.files import write_text  # brings the contracts' checker, which no scorer needs

    plain = [
        {"id": row_id, "qa_type": qa_type, "prediction": predictions.get(position, ""), "question_sha256": question}
        for position, row_id, qa_type, question in rows
    ]
    write_text(path, json.dumps(plain, indent=1) + "\n")  # ASCII: a half surrogate of a reply fits in no UTF-8
