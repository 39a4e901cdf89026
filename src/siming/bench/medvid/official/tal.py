"""Temporal action localisation (TAL; TAG on the board): segments in the answer against reference spans."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

from siming.bench.medvid.official.numbers import NUMBER
from siming.bench.medvid.official.row import Row, RowValue

Segment = tuple[float, float]

THRESHOLDS: Final = (0.3, 0.5)

_DASH = re.compile(rf"({NUMBER})\s*-\s*({NUMBER})")
_TO = re.compile(rf"({NUMBER})(?:s| second| seconds)?\s*to\s*({NUMBER})", re.IGNORECASE)
_CLOCK = re.compile(r"(?<!\d)(\d+):(\d+):(\d+)\s+to\s+(\d+):(\d+):(\d+)", re.IGNORECASE)


def read_segments(answer: str) -> list[Segment]:
    """Segments in seconds, in the order of the text.

    Any two numbers with a hyphen between them are one. Only where there is none, "from 3 to 9" and clock times
    count, and the first of these rules also bites inside a clock text.

    >>> read_segments("3-5-9"), read_segments("00:00:05 to 00:00:12")
    ([(3.0, 5.0)], [(5.0, 0.0), (5.0, 12.0)])
    """
    found = [(float(start), float(end)) for start, end in _DASH.findall(answer)]
    if found:
        return found
    found = [(round(float(start), 2), round(float(end), 2)) for start, end in _TO.findall(answer)]
    for clock in _CLOCK.findall(answer):
        h, m, s, h2, m2, s2 = map(int, clock)
        found.append((float(h * 3600 + m * 60 + s), float(h2 * 3600 + m2 * 60 + s2)))
    return found


def reference_spans(structure: Any) -> list[tuple[Any, Any]]:
    """Spans of the structured reference; none where it is no list, or its blocks have none.

    Raises:
        TypeError, KeyError: A block or a span of another form, which loses the task.
    """
    if not isinstance(structure, list):
        return []
    return [(span["start"], span["end"]) for block in structure if "spans" in block for span in block["spans"]]


def score_row(row: Row) -> RowValue:
    """The row's mean IoU of matched pairs, 0 where there is none; missed and surplus segments cost nothing."""
    segments = read_segments(row.answer)
    fps = row.fps()
    hash(fps)  # rows are grouped by it
    shown = [(start * fps, end * fps) for start, end in segments]
    wanted = [(float(start * fps), float(end * fps)) for start, end in reference_spans(row.structure)]
    values: dict[str, Any] = {"pred": [list(segment) for segment in segments]}
    for threshold in THRESHOLDS:
        matched = matched_overlaps(wanted, shown, threshold)
        name = str(threshold).replace(".", "")
        values[f"miou{name}"] = fmean(matched) if matched else 0.0
        values[f"recall{name}"] = len(matched) / len(wanted) if wanted else 0.0
    return RowValue(row.position, "tal", row.source, True, values)


def matched_overlaps(wanted: Sequence[Segment], shown: Sequence[Segment], threshold: float) -> list[float]:
    """IoU of each wanted span with the best segment still free, where that reaches the threshold."""
    free = list(range(len(shown)))
    out = []
    for span in wanted:
        best, best_overlap = None, 0.0
        for number in free:
            overlap = hull_iou(span, shown[number])
            if overlap > best_overlap:
                best, best_overlap = number, overlap
        if best is not None and best_overlap >= threshold:
            free.remove(best)
            out.append(best_overlap)
    return out


def hull_iou(one: Segment, other: Segment) -> float:
    """Overlap over hull; a span of no length can therefore never be hit."""
    hull = max(one[1], other[1]) - min(one[0], other[0])
    overlap = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return overlap / hull if hull > 0 else 0.0
