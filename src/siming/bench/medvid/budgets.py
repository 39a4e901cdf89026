"""How many tokens an answer may have, by task. Too few cut it silently: four boxes of five still look like an answer."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from siming.bench.medvid.columns import Task
from siming.bench.medvid.data import Question

DEFAULTS: Final[Mapping[Task, int]] = {
    "tal": 256,
    "stg": 512,
    "next_action": 48,
    "cvs_assessment": 96,
    "skill_assessment": 128,
    "dvc": 512,
    "vs": 320,
    "rc": 160,
}
"""What a team of the 2026 challenge ended with after measuring budgets on 897 validation rows."""

ROOM: Final = 1.25
"""Times the longest reference: an answer may be wordier than that and still be right."""

_TOKENS = re.compile(r"\d|[^\W\d_]+|[^\w\s]|_")


def budgets(questions: Sequence[Question]) -> dict[Task, int]:
    """Tokens by task: the default, or more where the references of these questions are longer.

    One number for a whole task, never one for a row: a limit made from a row's own reference would tell how long the
    right answer is.
    """
    out = dict(DEFAULTS)
    for question in questions:
        if question.task is not None and question.reference:
            wanted = math.ceil(ROOM * most_tokens(question.reference) / 32) * 32
            out[question.task] = max(out[question.task], wanted)
    return out


def most_tokens(text: str) -> int:
    """An estimate of a text's tokens that errs upwards: each digit and sign one, words one per four letters.

    >>> most_tokens("1.0 seconds: [12, 34]")
    13
    """
    total = 0
    for piece in _TOKENS.findall(text):
        total += math.ceil(len(piece) / 4) if piece.isascii() else len(piece)
    return total
