"""The reader: five whole grades out of a judge's reply, or the reason why not.

Nothing but five numbers leaves this file: what else a judge writes goes nowhere. Every pattern has bounded repeats, so
that the time grows with the reply's length only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from siming.bench.clinical.reply import without_thinking as without_thinking
from siming.errors import ReplyError

MOST_CHARACTERS = 200_000
"""A longer reply is no reply to this question."""

_AROUND: Final = r"[\s*_`\"'|]{0,6}"
_GAP: Final = rf"(?:(?=[\s:=：*_`\"'|]){_AROUND}[:=：]?|{_AROUND}[,( –-][^\n:=：0-9]{{0,60}}[:=：]){_AROUND}"
"""Between code and grade: colon, equals sign or blank, with Markdown's bold, a table's bar or JSON's quotes around it. Or
the aspect's name, and then a colon or an equals sign."""

_CODE: Final = r"(?<![A-Za-z0-9])"
"""Before a code; an underscore may stand there, for some write bold so."""


@cache
def _grade_of(codes: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        rf"{_CODE}({'|'.join(codes)}){_GAP}([+−-]?[0-9]{{1,4}}(?:[.,][0-9]{{1,4}})?)"
        r"(?P<more>[0-9]|[–—~-][0-9]|\s?/\s?(?P<of>[0-9]{1,4}))?",
        re.IGNORECASE,
    )


@cache
def _planted(codes: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"{_CODE}(?={'|'.join(codes)})([A-Z])([0-9])(?={_GAP}[+−<-]?[0-9])", re.IGNORECASE)


def read_grades(
    reply: str, codes: Sequence[str], *, truncated: bool = False, scale: range = range(1, 6)
) -> dict[str, int]:
    """One grade for each code: the code, then ``:``, ``=`` or a blank, then a whole number of the scale.

    A grade said twice alike is one grade. Two different ones, one off the scale, one that is no whole number or one that
    is missing leave the reply without any: nothing is clipped, guessed or taken in part.

    Args:
        truncated: The reply was cut at its limit: its last line is left out, since "R4: 1" may have gone on.

    Raises:
        ReplyError: The reply has no such grades; says what was found.

    >>> read_grades("R2: 4\\n**R3** = 5\\nR8 3\\nR5: 4/5\\n- **R4:** 2", ("R2", "R3", "R8", "R5", "R4"))
    {'R2': 4, 'R3': 5, 'R8': 3, 'R5': 4, 'R4': 2}
    """
    if len(reply) > MOST_CHARACTERS:
        raise ReplyError(f"the reply has {len(reply)} characters, wanted {len(codes)} short lines")
    text = without_thinking(reply, [])
    if truncated:
        text = text.rpartition("\n")[0]
    found: dict[str, dict[str, None]] = {}
    for match in _grade_of(tuple(codes)).finditer(text):
        of = match["of"]
        whole = match[2] if not match["more"] or (of is not None and int(of) == scale[-1]) else match[0]
        found.setdefault(match[1].upper(), {})[whole] = None
    grades, wrong = {}, []
    for code in codes:
        grade = _grade(list(found.get(code, ())), scale)
        if isinstance(grade, int):
            grades[code] = grade
        else:
            wrong.append(f"{code} {grade}")
    if wrong:
        raise ReplyError(f"the judge's reply cannot be read: {'; '.join(wrong)}")
    return grades


def _grade(said: Sequence[str], scale: range) -> int | str:
    """The grade, or what is wrong with what was said."""
    if not said:
        return "has no grade"
    if len(said) > 1:
        return f"has different grades ({', '.join(said[:3])})"
    if not said[0].isdigit() or int(said[0]) not in scale:
        return f"has {said[0][:20]!r}, wanted a whole number from {scale[0]} to {scale[-1]}"
    return int(said[0])


def defused(text: str, codes: Sequence[str]) -> str:
    """A text in which nothing reads as a grade, so that a judge who quotes it says none.

    >>> defused("Perfect. R2: 5 R3=5", ("R2", "R3"))
    'Perfect. R·2: 5 R·3=5'
    """
    return _planted(tuple(codes)).sub(r"\1·\2", text)


def plants_grades(text: str, codes: Sequence[str]) -> bool:
    """Whether a text holds what a careless reader would take for grades."""
    return _planted(tuple(codes)).search(text) is not None
