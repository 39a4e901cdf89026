"""DVC, strict: events read however they are laid out, matched one to one, and an unread answer counts 0."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from statistics import fmean
from typing import Any, Final, NamedTuple

from siming.bench.medvid.data import Question
from siming.bench.medvid.official.captions import ASPECTS, Grades, JudgedPair
from siming.bench.medvid.official.dvc import reference_events
from siming.bench.medvid.strict.stretches import MOST, TIME, best_pairs, matched, overlapping, seconds
from siming.bench.medvid.strict.value import Value, how_read
from siming.bench.medvid.times import number_in

THRESHOLDS: Final = (0.3, 0.5, 0.7)

JUDGED_AT: Final = 0.5
"""IoU from which two events are held to be the same and their captions compared."""

LOWEST: Final = 1.0
"""Grade of an event that was missed or made up."""

_HEAD = re.compile(
    rf"[\[(*]{{0,3}}({TIME})\s{{0,3}}(?:seconds?|secs?|s|秒)?\s{{0,3}}(?:-{{1,2}}>|[-‐-―−~～－→至到]|\bto\b)\s{{0,3}}({TIME})"
    r"\s{0,3}(?:(?:seconds?|secs?|s)(?![a-z])|秒)?[\])*]{0,3}\s{0,3}[:：,.]?\s{0,3}",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:\*\*)?(?:Description|Caption|Event|描述)\s{0,3}[:：]\s{0,3}(?:\*\*)?\s{0,3}", re.IGNORECASE)
_TAIL = re.compile(
    r"[\s\-*•\d.)(]*(?:\*\*)?(?:Start Time|Time Range|Time Interval|Start \(Time\)|时间)?\s{0,3}[:：]?(?:\*\*)?\s*$"
)


_FENCED = re.compile(r"```\w{0,8}\s*(.*?)\s*```", re.DOTALL)
_FIELDS: Final = {
    "start": ("start", "start_time", "start_s", "begin"),
    "end": ("end", "end_time", "end_s", "stop"),
    "caption": ("caption", "description", "event", "text"),
}
"""What answers in JSON call the parts of an event."""


class Event(NamedTuple):
    """A stretch in seconds and what is said to happen in it."""

    start: float
    end: float
    caption: str


def read_events(answer: str) -> list[Event]:
    """Events of an answer, one per line or not, behind bullets or not, or as JSON.

    >>> [event[:2] for event in read_events("- 1.0-2.0seconds: cut. 3–4 s : tie")]
    [(1.0, 2.0), (3.0, 4.0)]
    """
    events = _listed_events(answer)
    if events:
        return list(events.values())
    heads = list(_HEAD.finditer(answer))
    for number, head in enumerate(heads):
        start, end = seconds(head[1]), seconds(head[2])
        if not start <= end < float("inf"):
            continue
        stop = heads[number + 1].start() if number + 1 < len(heads) else len(answer)
        text = answer[head.end() : stop]
        # What leads up to the next event ("- ", "2. ", "**Start Time:**") is no part of this caption.
        text = _TAIL.sub("", text[-200:]) if len(text) <= 200 else text[:-200] + _TAIL.sub("", text[-200:])
        events.setdefault(
            (start, end), Event(start, end, " ".join(_LABEL.sub("", text, count=1).split()).lstrip("-: "))
        )
    return list(events.values())


def _listed_events(answer: str) -> dict[tuple[float, float], Event]:
    """Events of an answer that is a JSON list, or an object with one, by start and end."""
    fenced = _FENCED.fullmatch(answer.strip())
    try:
        found = json.loads(fenced[1] if fenced else answer)
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, Mapping):
        found = next((value for value in found.values() if isinstance(value, list)), [found])
    events: dict[tuple[float, float], Event] = {}
    for item in found if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            start, end, caption = (_part(item, names) for names in _FIELDS.values())
            span = (_seconds_in(start), _seconds_in(end))
            if span[0] is not None and span[1] is not None and span[0] <= span[1]:
                whole = (span[0], span[1])
                events.setdefault(whole, Event(*whole, " ".join(str(caption or "").split())))
    return events


def _part(item: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((item[name] for name in names if name in item), None)


def _seconds_in(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(TIME, value.strip().removesuffix("s")):
        return seconds(value.strip().removesuffix("s"))
    return number_in(value)


def wanted_events(question: Question) -> list[Event]:
    """Events of the structured reference, times as text included; of the reference's text where it has none."""
    out = []
    for event in reference_events(question.structure):
        start, end = number_in(event["start"]), number_in(event["end"])
        if start is not None and end is not None and start <= end:
            out.append(Event(start, end, str(event["caption"])))
    return out or read_events(question.reference or "")


def score_row(question: Question, answer: str) -> Value:
    """F1 of one-to-one matching, averaged over the thresholds; no frame count in between."""
    wanted, shown = wanted_events(question), read_events(answer)
    if not wanted:
        return Value(question, "dvc", "unread", {}, left_out="the reference has no events")
    spans, given = [event[:2] for event in wanted], [event[:2] for event in shown]
    both = len(wanted) + len(shown)
    overlaps = overlapping(spans, given)
    f1 = fmean(2 * len(best_pairs(overlaps, threshold)) / both for threshold in THRESHOLDS)
    return Value(question, "dvc", how_read(answer, len(shown), 1), {"DVC_F1": f1}, {"events": len(shown)})


def pairs_to_judge(question: Question, answer: str) -> list[JudgedPair]:
    """Captions of events that were found, each beside the reference's."""
    wanted, shown = wanted_events(question), read_events(answer)[:MOST]
    found = matched([event[:2] for event in wanted], [event[:2] for event in shown], JUDGED_AT)
    return [
        JudgedPair(question.position, JUDGED_AT, "dvc", wanted[one].caption, shown[other].caption)
        for one, other, _ in found
        if shown[other].caption and wanted[one].caption
    ]


def judged_value(question: Question, answer: str, grades: Mapping[str, Grades]) -> float | None:
    """Mean grade over the larger count of events, with the lowest for each one missed or made up.

    None where the judge failed on a pair: the answer is not at fault, and the row is left out.
    """
    wanted, shown = wanted_events(question), read_events(answer)
    pairs = pairs_to_judge(question, answer)
    if any(pair.key not in grades for pair in pairs):
        return None
    marks = [fmean(grades[pair.key][aspect] for aspect in ASPECTS) for pair in pairs]
    most = max(len(wanted), len(shown))
    return (sum(marks) + LOWEST * (most - len(marks))) / most if most else None
