"""Stretches of time in answers, read tolerantly, and matched one to one.

Dashes of any kind, "to", units before or behind, clock times and JSON pairs are all read; what ends before it
starts, or is no finite number, is no stretch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Stretch = tuple[float, float]

POINT_S: Final = 0.5
"""A reference of no length is widened by so many seconds on either side; so is an answer of no length."""

MOST: Final = 2000
"""Stretches of one answer that are looked at. Whoever gives more is charged for all of them."""

_TIME = r"(?<![\d.:])\d+(?::\d{1,2}){0,2}(?:\.\d+)?"
_UNIT = r"(?:\s{0,3}(?:seconds?|secs?|s)\b\.?)?"
_JOIN = r"(?:\s{0,3}[-‐-―−~～至到]\s{0,3}|\s{1,3}(?:to|until|through|and)\s{1,3}|\s{0,3},\s{0,3})"
STRETCH: Final = rf"({_TIME}){_UNIT}{_JOIN}({_TIME}){_UNIT}"

_PLAIN = re.compile(
    rf"({_TIME}){_UNIT}(?:\s{{0,3}}[-‐-―−~～至到]\s{{0,3}}|\s{{1,3}}(?:to|until|through)\s{{1,3}})({_TIME})", re.I
)
_BRACKETED = re.compile(r"[\[(]\s{0,3}(\d+(?:\.\d+)?)\s{0,3},\s{0,3}(\d+(?:\.\d+)?)\s{0,3}[\])]")


def read_stretches(answer: str) -> list[Stretch]:
    """Stretches in the order of the text, each once.

    >>> read_stretches("from 3s to 9 seconds; 0:12 – 1:05")
    [(3.0, 9.0), (12.0, 65.0)]
    >>> read_stretches("[[1.5, 2], [7, 3]]")
    [(1.5, 2.0)]
    """
    pattern = _PLAIN if _PLAIN.search(answer) else _BRACKETED
    found: dict[Stretch, None] = {}
    for match in pattern.finditer(answer):
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


def overlaps(wanted: Sequence[Stretch], shown: Sequence[Stretch]) -> NDArray[np.float64]:
    """IoU of every two stretches, shape (n_wanted, n_shown); those of no length are widened to points first."""
    a, b = _widened(wanted), _widened(shown)
    inside = np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0])
    inside = np.maximum(inside, 0.0)
    union = (a[:, 1] - a[:, 0])[:, None] + (b[:, 1] - b[:, 0])[None, :] - inside
    out: NDArray[np.float64] = inside / union
    return out


def matched(wanted: Sequence[Stretch], shown: Sequence[Stretch], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (wanted, shown, IoU) that reach the threshold: one to one, as many and as good as can be."""
    if not wanted or not shown:
        return []
    likeness = overlaps(wanted, shown[:MOST])
    worth = np.where(likeness >= threshold, 1 + likeness, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(r), int(c), float(likeness[r, c])) for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0]


def _widened(stretches: Sequence[Stretch]) -> NDArray[np.float64]:
    out = np.array(stretches, dtype=np.float64).reshape(-1, 2)
    points = out[:, 0] == out[:, 1]
    out[points] += (-POINT_S, POINT_S)
    return out
