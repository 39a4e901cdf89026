"""The ten columns of the leaderboard and the tasks they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Task = Literal["tal", "stg", "next_action", "dvc", "cvs_assessment", "skill_assessment", "vs", "rc"]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of the leaderboard."""

    name: str
    """As the board prints it."""
    key: str
    """As the evaluator's own output calls it."""
    task: Task
    low: float
    high: float
    judged: bool = False
    """Whether a language model's grades go into it."""


_ALL = (
    Column("CVS_acc", "cvs_acc", "cvs_assessment", 0, 1),
    Column("NAP_acc", "nap_acc", "next_action", 0, 1),
    Column("SA_acc", "sa_acc", "skill_assessment", 0, 1),
    Column("STG_mIoU", "stg_miou", "stg", 0, 1),
    Column("TAG_mIoU@0.3", "tag_miou_03", "tal", 0, 1),
    Column("TAG_mIoU@0.5", "tag_miou_05", "tal", 0, 1),
    Column("DVC_F1", "dvc_f1", "dvc", 0, 1),
    Column("DVC_llm", "dvc_llm", "dvc", 1, 5, judged=True),
    Column("VS_llm", "vs_llm", "vs", 1, 5, judged=True),
    Column("RC_llm", "rc_llm", "rc", 1, 5, judged=True),
)

COLUMNS: Final[Mapping[str, Column]] = {column.name: column for column in _ALL}
"""Name to column, in the board's order."""

_EXACT: Final[Mapping[str, Task]] = {
    "tal": "tal",
    "stg": "stg",
    "next_action": "next_action",
    "cvs_assessment": "cvs_assessment",
    "skill_assessment": "skill_assessment",
    "dc": "dvc",
}
_BY_PART: Final[Mapping[str, Task]] = {"dense_captioning": "dvc", "video_summary": "vs", "region_caption": "rc"}


def task_of(qa_type: object) -> Task | None:
    """The task of a question type; None where no task has it, and then nobody scores the row.

    >>> task_of("dense_captioning_gpt"), task_of("tal"), task_of("TAL")
    ('dvc', 'tal', None)
    """
    if not isinstance(qa_type, str):
        return None
    if qa_type in _EXACT:
        return _EXACT[qa_type]
    return next((task for part, task in _BY_PART.items() if part in qa_type), None)


def printed(value: float) -> float:
    """A column as the evaluator prints it: four decimals."""
    return float(f"{value:.4f}")


def stored(value: float) -> float:
    """A column as the board keeps it: what was printed, rounded once more to three decimals.

    >>> stored(0.42651), round(0.42651, 3)
    (0.426, 0.427)
    """
    return round(printed(value), 3)
