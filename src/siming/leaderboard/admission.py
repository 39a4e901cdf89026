"""What is asked of a submission before it stands on a board: everything that is wrong with it is said at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from siming.bench.medvid.data import Question, questions_of
from siming.bench.medvid.score import Given, read_given
from siming.bench.medvid.submission import Answer, answers_of, match
from siming.errors import SimingError
from siming.leaderboard.words import said

MOST_NAME: Final = 80
"""Characters of a name or an organisation."""

MOST_PREDICTION: Final = 100_000
"""Characters of one answer; the longest honest ones have a few thousand."""

FEWEST_OFFICIAL: Final = 100
"""Rows that the official board asks for."""

MOST_SHOWN: Final = 10


@dataclass(frozen=True)
class Admission:
    """What was found out about a submission."""

    reasons: tuple[str, ...]
    """Why it is refused; empty: it is admitted."""
    notes: tuple[Mapping[str, str], ...]
    """What a reader of the board should know, in both languages."""
    given: Given | None
    """What was read, where it could be."""


def examine(
    submission: Path,
    truth: Path,
    *,
    name: str,
    org: str,
    judged: Path | None = None,
    truth_sha256: str | None = None,
    taken: Mapping[str, str] | None = None,
    on_board: Mapping[str, str] | None = None,
) -> Admission:
    """Look a submission over.

    Args:
        submission, truth, judged: As in `siming.bench.medvid.score.score`.
        name, org: What it is to be called, and by whom it is submitted.
        truth_sha256: The board's own references; others are refused.
        taken: Names of the board as `same_name` sees them, to how they are written.
        on_board: SHA-256 of the submissions on the board, to their names.
    """
    reasons = [*_names(name, org)]
    if taken and same_name(name) in taken:
        reasons.append(f"the name {taken[same_name(name)]!r} is on the board already; take another, or add a version")
    try:
        given = read_given(submission, truth, judged=judged)
    except SimingError as error:
        return Admission((*reasons, str(error)), (), None)
    other_truth = truth_sha256 is not None and given.truth.sha256 != truth_sha256
    if truth_sha256 is not None and other_truth:
        reasons.append(
            f"{truth} has SHA-256 {given.truth.sha256[:12]}..., and this board scores against {truth_sha256[:12]}...; "
            "name the board's own file, or begin another board"
        )
    if on_board and given.submission.sha256 in on_board:
        reasons.append(f"the very same file is on the board already, as {on_board[given.submission.sha256]!r}")
    notes: list[Mapping[str, str]] = []
    try:
        answers = _answers(given)
        reasons += _predictions(answers)
    except SimingError as error:
        return Admission((*reasons, str(error)), (), given)
    if other_truth:
        return Admission(tuple(reasons), (), given)
    try:
        questions = questions_of(given.truth.content, where=given.truth.name)
    except SimingError as error:
        return Admission((*reasons, str(error)), (), given)
    found = match(questions, answers)
    reasons += _unmatched(questions, answers, found.missing, found.extra)
    if len(answers) < FEWEST_OFFICIAL:
        notes.append(said("note_few_rows", n=len(answers)))
    if found.moved:
        notes.append(said("note_moved", n=found.moved))
    if found.by_order:
        notes.append(said("note_by_order", n=found.by_order))
    if given.grades is None:
        notes.append(said("note_unjudged"))
    return Admission(tuple(reasons), tuple(notes), given)


def same_name(name: str) -> str:
    """What two names share that nobody can tell apart by reading.

    >>> same_name("Our  Model") == same_name("our model ")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _names(name: str, org: str) -> Iterator[str]:
    for what, text in (("name", name), ("organisation", org)):
        if not text.strip():
            yield f"the {what} is empty; say what the board shall show"
        elif len(text) > MOST_NAME:
            yield f"the {what} has {len(text)} characters, more than {MOST_NAME}; shorten it"
        hidden = sorted(
            {f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
        )
        if hidden:
            yield f"the {what} holds characters that nobody sees ({', '.join(hidden[:5])}); take them out"


def _answers(given: Given) -> list[Answer]:
    rows: Any = given.submission.content
    if not isinstance(rows, list):
        # An object keyed "0", "1", ... is how the official pipeline passes answers merged with references.
        rows = list(rows.values()) if isinstance(rows, dict) else [rows]
        first = f"{given.submission.name}: is no list; give a list of rows with id, qa_type and prediction"
        try:
            answers_of(rows[:MOST_SHOWN], where="its rows")
        except SimingError as error:
            raise type(error)(f"{first}; {error}") from error
        raise SimingError(first)
    return answers_of(rows, where=given.submission.name)


def _predictions(answers: Sequence[Answer]) -> Iterator[str]:
    no_text = [answer.position for answer in answers if not isinstance(answer.prediction, str)]
    if no_text:
        yield (
            f"{len(no_text)} predictions are no text (rows {_some(no_text)}); one is enough for the official evaluator "
            "to lose the whole task: write an empty text where the model said nothing"
        )
    long = [a.position for a in answers if isinstance(a.prediction, str) and len(a.prediction) > MOST_PREDICTION]
    if long:
        yield f"{len(long)} predictions have more than {MOST_PREDICTION} characters (rows {_some(long)}); shorten them"


def _unmatched(
    questions: Sequence[Question], answers: Sequence[Answer], missing: Sequence[int], extra: Sequence[int]
) -> Iterator[str]:
    if missing:
        yield (
            f"{len(missing)} of {len(questions)} questions have no answer (questions {_some(missing)}); give one row "
            "per question, with an empty prediction where the model said nothing"
        )
    if extra:
        yield (
            f"{len(extra)} of {len(answers)} rows answer no question (rows {_some(extra)}); copy id and qa_type from "
            "the benchmark's file"
        )


def _some(positions: Sequence[int]) -> str:
    more = f" and {len(positions) - MOST_SHOWN} more" if len(positions) > MOST_SHOWN else ""
    return ", ".join(map(str, positions[:MOST_SHOWN])) + more
