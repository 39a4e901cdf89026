"""A row as the official evaluator sees it: the reference's side and the prediction, joined by position alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from siming.bench.medvid.columns import Task, task_of
from siming.bench.medvid.official.source import UNKNOWN, source_of
from siming.errors import TaskError

_MERGED = ("question", "gnd", "struc_info")
"""Fields of a first row that make the evaluator take an upload for already merged with its references."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its answer. Nothing is checked: what breaks the evaluator must break here too."""

    position: int
    task: Task | None
    source: str
    metadata: Any
    structure: Any
    """`struc_info`: the reference in structured form."""
    question: str
    reference: Any
    """The reference answer's text."""
    answer: Any
    """The prediction, a string in honest submissions."""

    def fps(self) -> Any:
        """Frames per second of the sampled frames; 1 where it is not given. What is no text is taken as it stands.

        Raises:
            ValueError: A text that is no number.
        """
        given = self.metadata.get("fps", 1.0)
        return float(given) if isinstance(given, str) else given

    def video_id(self) -> Any:
        """Raises KeyError where the recording is not named."""
        return self.metadata["video_id"]

    def first_block(self) -> Any:
        """The first item of the structured reference, of whatever form; an empty one where there is none."""
        return self.structure[0] if self.structure and len(self.structure) > 0 else {}


@dataclass(frozen=True, slots=True)
class RowValue:
    """What one row contributes."""

    position: int
    task: Task
    source: str
    counted: bool
    values: Mapping[str, Any] = field(default_factory=dict)
    """What was read and how it scored, under the names of the golden files."""


def merge(truth: Sequence[Any], submission: Any) -> tuple[list[Row], bool]:
    """Rows in the reference's order, and whether the upload brought its own references.

    Raises:
        TaskError: A submission of another length, or a row without ``prediction``; the evaluator stops there too.
    """
    own = _own_references(submission)
    if own is not None:
        return [
            _row(number, record, record.get("gnd"), record.get("answer")) for number, record in enumerate(own)
        ], True
    if len(submission) != len(truth):
        raise TaskError(
            f"Length mismatch: predictions ({len(submission)}) != ground truth ({len(truth)}). "
            "Predictions must be in the same order as ground truth."
        )
    for number, answer in enumerate(submission):
        if not isinstance(answer, Mapping) or "prediction" not in answer:
            raise TaskError(f"Prediction at index {number} missing 'prediction' field")
    return [
        _row(number, record, _said(record, ("gpt", "assistant")), answer["prediction"])
        for number, (record, answer) in enumerate(zip(truth, submission, strict=True))
    ], False


def _row(position: int, record: Mapping[str, Any], reference: Any, answer: Any) -> Row:
    question = record.get("question") if "question" in record else _said(record, ("human", "user"))
    question = str(question or "").replace("<video>\n", "").replace("<video>", "").strip()
    task, metadata = task_of(record.get("qa_type")), record.get("metadata", {})
    video_id = metadata.get("video_id", "") if isinstance(metadata, Mapping) else ""
    return Row(
        position=position,
        task=task,
        source=source_of(task, _named_source(record), str(video_id), question),
        metadata=metadata,
        structure=record.get("struc_info", []),
        question=question,
        reference=reference,
        answer=answer,
    )


def _named_source(record: Mapping[str, Any]) -> str:
    named = [record.get(field, UNKNOWN) for field in ("data_source", "dataset_name")]
    return next((str(name) for name in named if name and name != UNKNOWN), UNKNOWN)


def _said(record: Mapping[str, Any], who: Sequence[str]) -> Any:
    """The last thing that one of them said; an empty text where they said nothing."""
    said = [turn.get("value", "") for turn in record.get("conversations", []) if turn.get("from") in who]
    return said[-1] if said else ""


def _own_references(submission: Any) -> list[Mapping[str, Any]] | None:
    records = list(submission.values()) if isinstance(submission, Mapping) else submission
    if records and isinstance(records[0], Mapping) and all(name in records[0] for name in _MERGED):
        return list(records)
    return None
