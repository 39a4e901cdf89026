"""Dense video captioning (DVC): which events were found; how they are told is the judge's matter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from statistics import fmean
from typing import Any, Final, NamedTuple

from siming.bench.medvid.official.numbers import NUMBER
from siming.bench.medvid.official.row import Row, RowValue

THRESHOLDS: Final = (0.3, 0.5, 0.7)

_HEAD_TEXT = rf"({NUMBER})-({NUMBER})\s+seconds?:"
_HEAD = re.compile(rf"{_HEAD_TEXT}\s+")
_NEXT_LINE = re.compile(rf"\n(?={_HEAD_TEXT})")
_LOOSE_HEAD = re.compile(
    r"(?:\*\*Start Time:\*\*|Start\s*\(?Time\)?|Time\s*Range:|Time\s*Interval:|^)"
    r"\s*(\d+(?:\.\d*)?)\s*[-–]\s*(\d+(?:\.\d*)?)\s*second"
)
_LOOSE_TEXT = re.compile(r"(?:\*\*Description:\*\*|-)\s*(.+)")


class Event(NamedTuple):
    """A stretch in seconds and what happens in it."""

    start: float
    end: float
    caption: str


def read_events(answer: str) -> list[Event]:
    """Events of an answer; a second one on the same line, or behind a bullet, melts into the first.

    >>> read_events("1-2 seconds: cut: a\\n3-4 seconds: tie: b")
    [Event(start=1.0, end=2.0, caption='cut: a'), Event(start=3.0, end=4.0, caption='tie: b')]
    """
    events: dict[tuple[float, float], Event] = {}
    at = 0
    while head := _HEAD.search(answer, at):
        stop = _NEXT_LINE.search(answer, head.end())
        at = stop.start() if stop else len(answer)
        start, end = float(head[1]), float(head[2])
        events.setdefault((start, end), Event(start, end, answer[head.end() : at].strip().replace("\n", " ")))
    return list(events.values()) or _read_loose_events(answer)


def _read_loose_events(answer: str) -> list[Event]:
    """The fallback, line by line, for answers in which nothing else is found."""
    found = []
    for line in answer.strip().split("\n"):
        head = _LOOSE_HEAD.search(line)
        text = _LOOSE_TEXT.search(line, head.end()) if head else None
        if head and text:
            found.append(Event(float(head[1]), float(head[2]), text[1].strip().rstrip(".")))
    return found


def cut_overlaps(events: Sequence[Event]) -> list[Event]:
    """Where neighbours overlap, everything is cut at every end point; a piece is told by the longest event over it."""
    ordered = sorted(events, key=lambda event: event[:2])
    if all(one.end <= other.start for one, other in pairwise(ordered)):
        return ordered
    points = sorted({point for event in ordered for point in event[:2]})
    pieces: list[Event] = []
    over: list[tuple[float, int]] = []  # a heap, the longest event first and of equal ones the earlier
    begun = 0
    for start, end in pairwise(points):
        while begun < len(ordered) and ordered[begun].start <= start:
            heappush(over, (ordered[begun].start - ordered[begun].end, begun))
            begun += 1
        while over and ordered[over[0][1]].end < end:
            heappop(over)
        if over:
            pieces.append(Event(start, end, ordered[over[0][1]].caption))
    return pieces


def reference_events(structure: Any) -> list[Mapping[str, Any]]:
    """Events of the structured reference, in any of its three forms; those that lack a field are left out."""
    found = structure
    if isinstance(found, list) and found:
        if isinstance(found[0], list):
            found = found[0]
        elif isinstance(found[0], Mapping) and "dc_segments" in found[0]:
            found = found[0]["dc_segments"]
    if not isinstance(found, list):
        return []
    return [e for e in found if isinstance(e, Mapping) and all(name in e for name in ("start", "end", "caption"))]


def score_row(row: Row) -> RowValue:
    """F1 of precision and recall, each averaged over the thresholds; times are cut to whole frames first."""
    events = read_events(row.answer)
    fps = row.fps()
    shown = [(int(event.start * fps), int(event.end * fps)) for event in cut_overlaps(events)]
    wanted = [(int(float(e["start"]) * fps), int(float(e["end"]) * fps)) for e in reference_events(row.structure)]
    values: dict[str, Any] = {"segments": len(events)}
    if not shown or not wanted:
        return RowValue(row.position, "dvc", row.source, False, values)
    overlaps = [[stretch_iou(one, other) for other in wanted] for one in shown]
    precision = _mean_covered([max(row) for row in overlaps])
    recall = _mean_covered([max(column) for column in zip(*overlaps, strict=True)])
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return RowValue(row.position, "dvc", row.source, True, {**values, "f1": f1, "p": precision, "r": recall})


def _mean_covered(best: Sequence[float]) -> float:
    """Share of stretches whose best IoU lies above a threshold, averaged over the thresholds."""
    return fmean(sum(overlap > threshold for overlap in best) / len(best) for threshold in THRESHOLDS)


def stretch_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Overlap over the smaller of hull and summed lengths; end points are put in order first."""
    a, b = one if one[0] <= one[1] else one[::-1]
    c, d = other if other[0] <= other[1] else other[::-1]
    overlap = (b if b < d else d) - (a if a > c else c)
    if overlap <= 0:
        return 0.0
    hull = (b if b > d else d) - (a if a < c else c)
    return overlap / (min(hull, (b - a) + (d - c)) + 1e-8)
