"""Skill assessment (SA): aspects graded 1 to 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from siming.bench.medvid.official.row import Row, RowValue

_OUT_OF_FIVE = re.compile(r"(?<!\d)(\d+)/5")
_GRADE = re.compile(r":\s*(\d+)/5")
_LEVELS = {"n": "novice", "beginner": "novice", "i": "intermediate", "e": "expert", "advanced": "expert"}


def read_aspects(answer: str) -> dict[str, int]:
    """Grades by aspect, the name spelt as in the answer. Only a comma parts aspects.

    >>> read_aspects("Score: Time and motion: 3/5, Flow: 2 / 5")
    {'Time and motion': 3}
    """
    found: dict[str, int] = {}
    for part in map(str.strip, answer.split(",")):
        for grade in _GRADE.finditer(part):
            name = part[part.rfind(":", 0, grade.start()) + 1 : grade.start()]
            if name:
                found[name.strip()] = int(grade[1])
                break
    return found


def level_of(answer: str) -> str | None:
    """Skill level from the mean of all grades out of five; None where there is none."""
    grades = [int(grade) for grade in _OUT_OF_FIVE.findall(answer)]
    if not grades:
        return None
    mean = fmean(grades)
    return "novice" if mean <= 2 else "intermediate" if mean <= 3.5 else "expert"


def reference_of(row: Row) -> tuple[Mapping[str, Any], str | None]:
    """Grades and level of the reference, each from its structure or, where that lacks it, from its text."""
    given = row.first_block()
    level = (given.get("skill_level") or "").strip().lower()
    wanted_level = _LEVELS.get(level, level) or level_of(row.reference)
    return (given.get("skill_scores") or read_aspects(row.reference)) if wanted_level else {}, wanted_level


def score_row(row: Row) -> RowValue:
    """Which of the aspects that were read are right; a row without any grade out of five leaves the mean.

    Raises:
        TypeError: A grade of the reference that is no number and is asked for, because differences are taken.
    """
    row.video_id()
    level = level_of(row.answer)
    wanted, wanted_level = reference_of(row) if level else ({}, None)
    if level is None or wanted_level is None:
        return RowValue(row.position, "skill_assessment", row.source, False, {"parsed": {}, "correct": {}})
    read = read_aspects(row.answer)
    correct = {name: int(read[name] - wanted[name] == 0) for name in wanted if name in read}
    values = {"parsed": read, "correct": correct, "level_correct": int(level == wanted_level)}
    return RowValue(row.position, "skill_assessment", row.source, True, values)
