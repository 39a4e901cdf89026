"""A row as the official evaluator sees it: the reference's side and the prediction, joined by position alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from siming.bench.medvid.columns import Task, task_of
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

    def fps(self) -> float:
        """Frames per second of the sampled frames; 1 where it is not given.

        Raises:
            ValueError, TypeError: It is no number.
        """
        return float(self.metadata.get("fps", 1.0))


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
    return Row(
        position=position,
        task=task_of(record.get("qa_type")),
        source=record.get("data_source") or record.get("dataset_name") or "Unknown",
        metadata=record.get("metadata", {}),
        structure=record.get("struc_info", []),
        question=str(question or "").replace("<video>\n", "").replace("<video>", "").strip(),
        reference=reference if reference is not None else "",
        answer=answer,
    )


def _said(record: Mapping[str, Any], who: Sequence[str]) -> Any:
    return next((turn.get("value") for turn in record.get("conversations", []) if turn.get("from") in who), None)


def _own_references(submission: Any) -> list[Mapping[str, Any]] | None:
    records = list(submission.values()) if isinstance(submission, Mapping) else submission
    if records and isinstance(records[0], Mapping) and all(name in records[0] for name in _MERGED):
        return list(records)
    return None
