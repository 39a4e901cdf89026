"""What one cell of a mark says: a number, a share of the maximum, a reason why there is none, or nonsense."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from siming.rating.cells import CANNOT_JUDGE, NOT_APPLICABLE

EMPTY = "empty"
ABSENT = "absent"

_WHY = {
    EMPTY: "nan none null",
    ABSENT: "缺考 未考 未到 缺席 弃考 旷考 absent no-show noshow did-not-attend dna abs",
    CANNOT_JUDGE: "无法评分 无法评价 无法判断 无法评判 不能评分 未评 na n/a n.a. - -- — – − / cannot-judge "
    "cannot-rate unable-to-judge not-assessable not-assessed",
    NOT_APPLICABLE: "不适用 无此步骤 not-applicable",
}
_WHY_OF = {word: why for why, words in _WHY.items() for word in words.split()}

_DATE = re.compile(
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}.*|\d{1,2}月\d{1,2}日?|\d{1,2}-[A-Za-z]{3}(?:-\d+)?|[A-Za-z]{3}-\d{1,2}|\d{1,2}:\d\d.*"
)
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+"
_POINTS = re.compile(rf"({_NUMBER})\s*(?:分|points?|pts?\.?|marks?)?", re.IGNORECASE)
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_OUT_OF = re.compile(rf"({_NUMBER})\s*(?:/|out of|of)\s*({_NUMBER})\s*(?:分|points?|pts?\.?|marks?)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell says; exactly one of `value`, `why` and `problem` is set."""

    value: float | None = None
    """Points or label; per cent of the maximum where `percent` is set."""
    why: str | None = None
    """Why there is no value: `EMPTY`, `ABSENT`, cannot judge, not applicable."""
    problem: str | None = None
    """What is wrong with the cell, and the mend: ``found ...; mend``."""
    percent: bool = False
    out_of: float | None = None
    """The denominator of ``3/4``: what the sheet holds for the maximum."""


@lru_cache(maxsize=65536)
def read_cell(text: str) -> Reading:
    """Read a cell, in plain letters. Signs that look like digits are not taken for digits.

    >>> read_cell("2,5").value, read_cell("3/4").out_of, read_cell("缺考").why, read_cell("75%").percent
    (2.5, 4.0, 'absent', True)
    """
    if not text:
        return Reading(why=EMPTY)
    why = why_missing(text)
    if why is not None:
        return Reading(why=why)
    if _THOUSANDS.fullmatch(text):
        whole, _, rest = text.partition(",")
        return Reading(
            problem=f"found {text!r}, which is {whole}.{rest} or {whole}{rest}; write it with a point or without a comma"
        )
    if found := _POINTS.fullmatch(text):
        return Reading(value=_number(found[1]))
    if found := _PERCENT.fullmatch(text):
        return Reading(value=_number(found[1]), percent=True)
    if found := _OUT_OF.fullmatch(text):
        return Reading(value=_number(found[1]), out_of=_number(found[2]))
    return Reading(problem=f"found {_shown(text)}, {_advice(text)}")


@lru_cache(maxsize=65536)
def why_missing(text: str) -> str | None:
    """Why there is no mark, where the cell is a word for that.

    >>> why_missing("Absent."), why_missing("(缺考)"), why_missing("3")
    ('absent', 'absent', None)
    """
    if text in _WHY_OF:
        return _WHY_OF[text]
    bare = re.sub(r"[\s_]+", "-", re.sub(r"^[(\[【]+|[)\]】.。!]+$", "", text.casefold()).strip())
    return _WHY_OF.get(bare)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _advice(text: str) -> str:
    if text.startswith("="):
        return "a formula without a stored result; open the file in a spreadsheet program, let it compute, and save it"
    if text.startswith("#"):
        return "an error of the spreadsheet; correct its formula or write the points"
    if _DATE.fullmatch(text):
        return "a date or time, as spreadsheets make of 3/4; format the column as text or number and write the points again"
    if "\ufffd" in text:
        return "characters lost in an earlier conversion; export the sheet again as UTF-8"
    if re.fullmatch(rf"[-−–]\s*(?:{_NUMBER})", text):
        return "a number below 0; write the points that are left, not those taken off"
    return "not a number; write the points, leave the cell empty, or write 缺考 (absent) or NA (cannot judge)"
