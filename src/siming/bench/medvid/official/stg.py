"""Spatio-temporal grounding (STG): boxes at given times."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from siming.bench.medvid.official.numbers import NUMBER
from siming.bench.medvid.official.row import Row, RowValue

Box = list[float]

_HEAD = re.compile(rf"({NUMBER})\s+seconds:\s*\[")
_DOUBLE = re.compile(r"\[\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]\]")
_NOTHING: Box = [0, 0, 0, 0]


def read_boxes(answer: str, reference_times: list[str]) -> dict[str, Box]:
    """Boxes by the time that stands before them, as shortest float text.

    Where no time stands before a box, whole-number boxes in double brackets are dealt to the reference's times.

    >>> read_boxes("10 seconds: [1, 2, 3, 4.5] 1.25 seconds: [1, 2]", [])
    {'10.0': [1.0, 2.0, 3.0, 4.5], '1.25': [1.0, 2.0, 3.0, 4.5]}
    """
    boxes: dict[str, Box] = {}
    previous: Box | None = None
    found_any = False
    at = 0
    while head := _HEAD.search(answer, at):
        end = answer.find("]", head.end())
        if end < 0:
            break
        at = end + 1
        if end == head.end():
            continue  # nothing between the brackets is no entry
        found_any = True
        box = _box(answer[head.end() : end])
        box = previous if box is None else box
        if box is not None:
            boxes[str(float(head[1]))] = box
            previous = box
    if found_any:
        return boxes
    dealt = [[float(number) for number in box] for box in _DOUBLE.findall(answer)]
    return dict(zip(reference_times, dealt, strict=False))


def _box(content: str) -> Box | None:
    try:
        box = [float(piece.strip().lstrip("[")) for piece in content.split(",")]
    except ValueError:
        return None
    return box if len(box) == 4 else None


def reference_boxes(structure: Any) -> Mapping[str, Any] | None:
    """Time to box of the structured reference; None where it has no usable form."""
    boxes = _taken_for_boxes(structure)
    return boxes if isinstance(boxes, Mapping) and boxes else None


def _taken_for_boxes(structure: Any) -> Any:
    """What the evaluator takes for a mapping of boxes, and breaks on where it is none."""
    if isinstance(structure, list) and structure:
        first = structure[0]
    else:
        first = structure if isinstance(structure, Mapping) else {}
    return first["bbox_dict"] if isinstance(first, Mapping) and "bbox_dict" in first else first


def score_row(row: Row) -> RowValue:
    """Mean box IoU over the reference's times; a missing box is silently the one before."""
    fps = row.fps()  # does not matter here, but breaks the task where it is a text that is no number
    wanted = _taken_for_boxes(row.structure)
    shown = read_boxes(row.answer, list(wanted.keys()))
    overlaps = []
    previous: Any = _NOTHING
    for time, box in wanted.items():
        own: Any = shown.get(f"{float(time):.1f}")
        own = previous if own is None or own == _NOTHING else own
        previous = own
        if _is_box(own) and _is_box(box):
            overlaps.append(box_iou(own, box))
    if not overlaps:
        return RowValue(row.position, "stg", row.source, False)
    hash(fps)  # counted rows are grouped by it
    return RowValue(row.position, "stg", row.source, True, {"miou": float(np.mean(overlaps))})


def _is_box(box: Any) -> bool:
    return isinstance(box, list) and len(box) == 4 and all(isinstance(side, int | float) for side in box)


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of [x1, y1, x2, y2]; a coordinate that is no number makes it none either."""
    if all(map(math.isfinite, (*one, *other))):
        # What numpy would do, without its cost for eight numbers.
        (a1, a2, a3, a4), (b1, b2, b3, b4) = map(float, one), map(float, other)
        inner = max(0.0, min(a3, b3) - max(a1, b1)) * max(0.0, min(a4, b4) - max(a2, b2))
        whole = (a3 - a1) * (a4 - a2) + (b3 - b1) * (b4 - b2) - inner
        if math.isfinite(inner) and math.isfinite(whole):
            return inner / max(whole, 1e-6)
    a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        sides = np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]))
        inside = sides.prod()
        union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inside
        return float(inside / np.maximum(union, 1e-6))
