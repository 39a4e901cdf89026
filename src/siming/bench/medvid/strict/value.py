"""What a row is worth in strict mode: a number for every question that was asked, and why it is low."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from siming.bench.medvid.columns import Task
from siming.bench.medvid.data import Question

Reading = Literal["read", "partly read", "unread", "empty", "not text", "missing"]
"""How much of an answer was found: everything asked for, some of it, nothing, an empty text, no text, no row."""


@dataclass(frozen=True, slots=True)
class Value:
    """One row's values by column."""

    question: Question
    task: Task
    reading: Reading
    columns: Mapping[str, float]
    """Every column of the task that the row counts in; unread answers count with the lowest value."""
    read: Mapping[str, Any] = field(default_factory=dict)
    """What was read out of the answer."""
    left_out: str | None = None
    """Why the row counts in no column, where the fault is the reference's or the judge's and not the answer's."""

    def to_plain(self) -> dict[str, Any]:
        """As it stands in the JSON of a score."""
        plain: dict[str, Any] = {
            "position": self.question.position,
            "id": self.question.id,
            "qa_type": self.question.qa_type,
            "task": self.task,
            "source": self.question.source,
            "video": self.question.video,
            "reading": self.reading,
            "columns": dict(self.columns),
            "read": dict(self.read),
        }
        return {**plain, "left_out": self.left_out} if self.left_out else plain


def how_read(answer: str, found: int, asked: int) -> Reading:
    """The reading of a text in which so many of the things asked for were found."""
    if not answer.strip():
        return "empty"
    return "unread" if found == 0 else "read" if found >= asked else "partly read"
