"""STG, strict: a box for each time that was asked, none carried over from before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from siming.bench.medvid.data import Question
from siming.bench.medvid.official.stg import box_iou, reference_boxes
from siming.bench.medvid.strict.stretches import seconds
from siming.bench.medvid.strict.value import Value, how_read
from siming.bench.medvid.times import number_in

TOLERANCE_S: Final = 0.051
"""How far a box's time may lie from the one asked: what a second decimal rounded away amounts to."""

MOST: Final = 2000
"""Boxes of one answer that are looked at."""

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
_BOX = rf"[\[(]{{1,2}}\s{{0,3}}({_NUMBER})\s{{0,3}},\s{{0,3}}({_NUMBER})\s{{0,3}},\s{{0,3}}({_NUMBER})\s{{0,3}},\s{{0,3}}({_NUMBER})\s{{0,3}}[\])]"
_TIMED = re.compile(
    r"(?<![\d.:])(?<!\d,)(\d+(?::\d{1,2}){0,2}(?:\.\d+)?)\"?\s{0,3}"
    rf"(?:(?:seconds?|secs?|s|秒)\s{{0,3}}[:：=\-–—]?|[:：=])\s{{0,3}}{_BOX}",
    re.IGNORECASE,
)
_BARE = re.compile(_BOX)

FARTHEST: Final = 1e5
"""No picture is so wide: a coordinate beyond is none, and cannot make a column overflow."""


def read_boxes(answer: str, times: list[float]) -> dict[float, list[float]]:
    """Boxes by time; boxes without any time are dealt to the times asked where there are as many of them.

    >>> read_boxes("1.25 s: [1, 2, 3, 4] 2 Seconds : (1, 2, 3, nan)", [])
    {1.25: [1.0, 2.0, 3.0, 4.0]}
    """
    timed = {}
    for number, match in enumerate(_TIMED.finditer(answer)):
        if number == MOST:
            break
        box = [float(side) for side in match.groups()[1:]]
        if all(abs(side) <= FARTHEST for side in box):
            timed[seconds(match[1])] = box
    if timed:
        return timed
    bare = [[float(side) for side in match.groups()] for match in _BARE.finditer(answer)]
    whole = all(abs(side) <= FARTHEST for box in bare for side in box)
    return dict(zip(times, bare, strict=True)) if whole and len(bare) == len(times) else {}


def score_row(question: Question, answer: str) -> Value:
    """Mean IoU over the reference's times; a time without a box counts 0."""
    wanted = _reference(question.structure)
    if not wanted:
        return Value(question, "stg", "unread", {}, left_out="the reference has no boxes")
    shown = read_boxes(answer, list(wanted))
    times = np.array(list(shown)) if shown else np.empty(0)
    overlaps = []
    given = 0
    for time, box in wanted.items():
        near = int(np.abs(times - time).argmin()) if len(times) else -1
        if near >= 0 and abs(times[near] - time) <= TOLERANCE_S:
            given += 1
            overlaps.append(box_iou(shown[float(times[near])], box))
        else:
            overlaps.append(0.0)
    columns = {"STG_mIoU": float(np.mean(overlaps)), "STG_coverage": given / len(wanted)}
    return Value(question, "stg", how_read(answer, given, len(wanted)), columns, {"boxes": given, "asked": len(wanted)})


def _reference(structure: Any) -> dict[float, list[float]]:
    """Times and boxes that are whole; null boxes and boxes of texts ask for nothing."""
    found: Mapping[str, Any] = reference_boxes(structure) or {}
    out = {}
    for time, box in found.items():
        at = number_in(time)
        sides = [number_in(side) for side in box] if isinstance(box, list) else []
        numbers = [side for side in sides if side is not None]
        if at is not None and len(sides) == len(numbers) == 4:
            out[at] = numbers
    return out
