"""CVS and SA, strict: a fixed set of things to grade, read with any separator, each unread one wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from siming.bench.medvid.data import Question
from siming.bench.medvid.official.cvs import COMPONENTS
from siming.bench.medvid.strict.value import Value, how_read
from siming.bench.medvid.times import number_in

ASPECTS: Final = (
    "Respect for tissue",
    "Suture/needle handling",
    "Time and motion",
    "Flow of operation",
    "Overall performance",
    "Quality of final product",
)

_NAMES: Final[Mapping[str, str]] = {
    **{name: name.replace("_", r"[\s_]") for name in COMPONENTS},
    **{name: re.sub(r"[ /]", r"[\\s_/&-]{1,3}", re.sub(" and ", " (?:and )?", name)) for name in ASPECTS},
}
_MARKS = r"[\s\"'*_`)(|\[{]{0,6}"
_WORD = rf"(?:(?:scored?|graded?|rating){_MARKS})?"
_GAP = rf"{_MARKS}(?:{_WORD}[→\-–—]|(?:[:：=]{_MARKS})?{_WORD}(?:[:：=]|is|of)?){_MARKS}"
_OUT_OF = r"(?:\s{0,3}(?:/|out\s{1,3}of)\s{0,3}(\d+))?"
_PATTERNS: Final = {
    name: re.compile(
        rf"{pattern}{_GAP}(\d+(?:\.\d+)?)(?![\d.]*\d)(?!\s?%)(?!\s{{1,3}}or\s{{1,3}}\d|[-–]\d){_OUT_OF}", re.IGNORECASE
    )
    for name, pattern in _NAMES.items()
}
_SCALE = re.compile(r"[(\[]\s{0,3}\d\s{0,3}(?:[-–—~]|to)\s{0,3}\d\s{0,3}[)\]]")
"""The range of grades, repeated from the question behind a name."""


def read_grades(answer: str, names: tuple[str, ...], allowed: range) -> dict[str, int]:
    """Whole grades by name. A name with two different grades, or with one off the scale, is not read.

    A grade "out of" something else than the scale's end is off the scale.

    >>> read_grades("**Two structures** = 2; cystic_plate: 1\\nHepatocystic triangle: 12", COMPONENTS, range(3))
    {'two_structures': 2, 'cystic_plate': 1}
    """
    out = {}
    answer = _SCALE.sub(" ", answer)
    for name in names:
        found = {(float(match[1]), int(match[2] or allowed[-1])) for match in _PATTERNS[name].finditer(answer)}
        if len(found) == 1 and (only := found.pop())[0] in allowed and only[1] == allowed[-1]:
            out[name] = int(only[0])
    return out


def score_cvs(question: Question, answer: str) -> Value:
    """Share of the three components whose grade is right."""
    return _score(question, answer, "cvs_assessment", "CVS_acc", "cvs_scores", COMPONENTS, range(3))


def score_sa(question: Question, answer: str) -> Value:
    """Share of the six aspects whose grade is right."""
    return _score(question, answer, "skill_assessment", "SA_acc", "skill_scores", ASPECTS, range(1, 6))


def _score(
    question: Question, answer: str, task: Any, column: str, field: str, names: tuple[str, ...], allowed: range
) -> Value:
    wanted = _reference(question, field, names, allowed)
    if not wanted:
        return Value(question, task, "unread", {}, left_out="the reference has no grades")
    read = read_grades(answer, tuple(wanted), allowed)
    right = sum(read.get(name) == grade for name, grade in wanted.items())
    return Value(question, task, how_read(answer, len(read), len(wanted)), {column: right / len(wanted)}, dict(read))


def _reference(question: Question, field: str, names: tuple[str, ...], allowed: range) -> dict[str, int]:
    structure = question.structure
    first = structure[0] if isinstance(structure, list) and structure else structure
    given = first.get(field) if isinstance(first, Mapping) else None
    if isinstance(given, Mapping):
        numbers = {name: number_in(given.get(name)) for name in names}
        whole = {name: int(grade) for name, grade in numbers.items() if grade is not None and grade in allowed}
        if whole:
            return whole
    return read_grades(question.reference or "", names, allowed)
