"""Which pairs of texts a submission needs graded, each with the recording it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from siming.bench.medvid.data import questions_of
from siming.bench.medvid.official.captions import JudgedPair
from siming.bench.medvid.official.row import merge
from siming.bench.medvid.official.run import official_pairs
from siming.bench.medvid.strict.run import strict_pairs
from siming.bench.medvid.submission import answers_of
from siming.errors import TaskError

For = Literal["leaderboard", "strict", "both"]
"""Scores that the grades are meant for. The two modes match events by different rules."""

FOR: Final[tuple[For, ...]] = get_args(For)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pair to be judged."""

    pair: JudgedPair
    video: str
    """Recording where the pair first occurs; pairs of one recording are not independent."""


def pairs_wanted(truth: Sequence[Any], submission: Any, *, purpose: For = "both") -> list[Wanted]:
    """Every different pair once, in the order of the questions.

    Args:
        truth, submission: The JSON of both files.

    Raises:
        TaskError: The official evaluator stops at this submission, so that leaderboard mode has no judged columns.
        DatasetError: For strict mode: rows that are not what they must be.
    """
    found: list[Wanted] = []
    if purpose in ("leaderboard", "both"):
        found += _official(truth, submission)
    if purpose in ("strict", "both"):
        questions = questions_of(truth, where="the truth")
        videos = {question.position: question.video for question in questions}
        pairs = strict_pairs(questions, answers_of(submission, where="the submission"))
        found += [Wanted(pair, videos[pair.position]) for pair in pairs]
    return list(_once(found))


def _official(truth: Sequence[Any], submission: Any) -> list[Wanted]:
    try:
        merged = merge(truth, submission)[1]
        pairs = official_pairs(truth, submission)
    except TaskError as error:
        raise TaskError(f"leaderboard mode: {error} To judge what there is, give --for strict") from error
    own = list(submission.values()) if isinstance(submission, Mapping) else submission
    records = own if merged else truth
    return [Wanted(pair, _video(records[pair.position])) for pair in pairs]


def _video(record: Mapping[str, Any]) -> str:
    metadata = record.get("metadata")
    named = metadata.get("video_id") if isinstance(metadata, Mapping) else None
    return str(named or str(record.get("id", "")).split("&&")[0])


def _once(wanted: Iterable[Wanted]) -> Iterable[Wanted]:
    seen: set[str] = set()
    for each in wanted:
        key = each.pair.key
        if key not in seen:
            seen.add(key)
            yield each
