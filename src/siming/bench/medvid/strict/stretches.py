"""Stretches of time in answers, read tolerantly, and matched one to one.

Dashes of any kind, "to", "between 3 and 9", "start: 3, end: 9", units, clock times and JSON are all read; what ends
before it starts, or is no finite number, is no stretch.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

Stretch = tuple[float, float]

Pair = tuple[int, int, float]
"""Number of a wanted stretch, number of a shown one, and their IoU."""

POINT_S: Final = 0.5
"""A reference of no length is widened by so many seconds on either side; so is an answer of no length."""

MOST: Final = 2000
"""Stretches of one answer that are looked at. Whoever gives more is charged for all of them."""

FEW_PAIRS: Final = 400
"""Up to so many pairs are looked at one by one, which is faster than to call numpy."""

FEW_WAYS: Final = 500
"""Up to so many ways to choose are all tried."""

TIME = r"(?<![\d.:])\d+(?::\d{1,2}){0,2}(?:\.\d+)?"
"""Pattern of a time: plain seconds, ``m:s`` or ``h:m:s``; `seconds` reads it."""

_UNIT = r"(?:\s{0,3}(?:(?:seconds?|secs?|s)(?![a-z])\.?|秒))?"
_DASH = r"(?:-{1,2}>|[-‐-―−~～－→至到])"
_NAMED = r"(?:[\s_]?(?:time|at|s|sec|seconds))?[\s\"':=]{1,6}(?:at\s)?"

_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"({TIME}){_UNIT}(?:\s{{0,3}}{_DASH}\s{{0,3}}|\s{{1,3}}(?:to|until|through)\s{{1,3}})({TIME})",
        rf"between\s{{1,3}}({TIME}){_UNIT}\s{{1,3}}and\s{{1,3}}({TIME})",
        rf"\b(?:starts?|begins?){_NAMED}({TIME}){_UNIT}[\"'\s,;]{{1,6}}(?:and\s)?(?:it\s)?[\"']?ends?{_NAMED}({TIME})",
    )
)
_BRACKETED = re.compile(rf"[\[(]\s{{0,3}}({TIME}){_UNIT}\s{{0,3}},\s{{0,3}}({TIME}){_UNIT}\s{{0,3}}[\])]", re.I)


def read_stretches(answer: str) -> list[Stretch]:
    """Stretches in the order of the text, each once.

    >>> read_stretches("from 3s to 9 seconds; 0:12 – 1:05")
    [(3.0, 9.0), (12.0, 65.0)]
    >>> read_stretches("[[1.5, 2], [7, 3]]"), read_stretches('[{"start": 3.0, "end": 9.0}]')
    ([(1.5, 2.0)], [(3.0, 9.0)])
    """
    told = [match for form in _FORMS for match in form.finditer(answer)]
    found: dict[Stretch, None] = {}
    for match in sorted(told, key=lambda match: match.start()) or _BRACKETED.finditer(answer):
        start, end = seconds(match[1]), seconds(match[2])
        if start <= end < float("inf"):
            found[start, end] = None
    return list(found)


def seconds(text: str) -> float:
    """Seconds of a plain number or of ``m:s`` and ``h:m:s``.

    >>> seconds("1:02:03.5")
    3723.5
    """
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


def matched(wanted: Sequence[Stretch], shown: Sequence[Stretch], threshold: float) -> list[Pair]:
    """Pairs (wanted, shown, IoU) that reach the threshold: one to one, as many and as good as can be.

    >>> matched([(0, 10), (10, 20)], [(1, 10), (0, 20)], 0.3)
    [(0, 0, 0.9), (1, 1, 0.5)]
    """
    return best_pairs(overlapping(wanted, shown), threshold)


def overlapping(wanted: Sequence[Stretch], shown: Sequence[Stretch]) -> list[Pair]:
    """Every two stretches that overlap, with their IoU; those of no length are widened to points first."""
    a, b = [_widened(each) for each in wanted], [_widened(each) for each in shown[:MOST]]
    if len(a) * len(b) > FEW_PAIRS:
        return _many_overlapping(a, b)
    out = []
    for number, (start, end) in enumerate(a):
        for other, (begin, stop) in enumerate(b):
            inside = (end if end < stop else stop) - (start if start > begin else begin)
            if inside > 0:
                out.append((number, other, inside / ((end - start) + (stop - begin) - inside)))
    return out


def _many_overlapping(a: Sequence[Stretch], b: Sequence[Stretch]) -> list[Pair]:
    """The same, all at once."""
    one, other = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
    inside = np.minimum(one[:, None, 1], other[None, :, 1]) - np.maximum(one[:, None, 0], other[None, :, 0])
    union = (one[:, 1] - one[:, 0])[:, None] + (other[:, 1] - other[:, 0])[None, :] - inside
    rows, columns = np.nonzero(inside > 0)
    likeness = inside[rows, columns] / union[rows, columns]
    return list(zip(rows.tolist(), columns.tolist(), likeness.tolist(), strict=True))


def best_pairs(overlaps: Sequence[Pair], threshold: float) -> list[Pair]:
    """Of overlapping pairs those that reach the threshold, one to one: as many and as good as can be."""
    reaching = [pair for pair in overlaps if pair[2] >= threshold]
    if len({pair[0] for pair in reaching}) == len({pair[1] for pair in reaching}) == len(reaching):
        return reaching  # nearly always: no stretch has two to choose from
    n_of_wanted, n_of_shown = Counter(pair[0] for pair in reaching), Counter(pair[1] for pair in reaching)
    sure = [pair for pair in reaching if n_of_wanted[pair[0]] == n_of_shown[pair[1]] == 1]
    open_ = [pair for pair in reaching if n_of_wanted[pair[0]] > 1 or n_of_shown[pair[1]] > 1]
    choices = [[pair for pair in open_ if pair[0] == number] for number in dict.fromkeys(pair[0] for pair in open_)]
    few = math.prod(len(pairs) + 1 for pairs in choices) <= FEW_WAYS
    return sorted(sure + (_try_all(choices, frozenset())[1] if few else _assign(open_)))


def _try_all(choices: Sequence[Sequence[Pair]], taken: frozenset[int]) -> tuple[float, list[Pair]]:
    """The best worth that the choices allow, and how it is reached."""
    if not choices:
        return 0.0, []
    best, how = _try_all(choices[1:], taken)
    for pair in choices[0]:
        if pair[1] not in taken:
            worth, others = _try_all(choices[1:], taken | {pair[1]})
            if worth + 1 + pair[2] > best:
                best, how = worth + 1 + pair[2], [pair, *others]
    return best, how


def _assign(pairs: Sequence[Pair]) -> list[Pair]:
    """The same for many choices."""
    from scipy.optimize import linear_sum_assignment  # loading it costs as much as scoring thousands of answers

    rows = {number: place for place, number in enumerate(dict.fromkeys(pair[0] for pair in pairs))}
    columns = {number: place for place, number in enumerate(dict.fromkeys(pair[1] for pair in pairs))}
    worth = np.zeros((len(rows), len(columns)))
    found = {}
    for pair in pairs:
        worth[rows[pair[0]], columns[pair[1]]] = 1 + pair[2]
        found[rows[pair[0]], columns[pair[1]]] = pair
    chosen = zip(*linear_sum_assignment(worth, maximize=True), strict=True)
    return [found[at] for row, column in chosen if (at := (int(row), int(column))) in found]


def _widened(stretch: Stretch) -> Stretch:
    start, end = stretch
    return (start - POINT_S, end + POINT_S) if start == end else (start, end)
