"""WebVTT: what was judged, as captions over the video, for the one who is to learn from it. Out only."""

from __future__ import annotations

from collections.abc import Mapping

from siming.exchange.escape import shown
from siming.exchange.selection import Selection
from siming.exchange.texts import texts
from siming.rubric import Attempt, Entry, Sheet, Step

_SHORTEST_S = 2.0
"""A caption is to be read: what was seen in an instant still stands this long."""


def write_webvtt(selection: Selection) -> dict[str, bytes]:
    """One file of captions for each attempt that has a sheet."""
    return {
        f"{selection.stems[attempt.id]}.{selection.language}.vtt": _document(selection, attempt)
        for attempt in selection.attempts
        if selection.sheets_of(attempt.id)
    }


def _document(selection: Selection, attempt: Attempt) -> bytes:
    words: Mapping[str, str] = texts(selection.language)["captions"]
    sheets = selection.sheets_of(attempt.id)
    cues: list[tuple[float, float, str]] = []
    untimed: list[str] = []
    for sheet in sheets:
        rubric = selection.dataset.rubrics[sheet.rubric]
        for step in rubric.steps:
            entry = sheet.steps.get(step.id)
            if entry is None:
                continue
            text = _caption(sheet, step, entry, selection, words)
            times = entry.evidence or attempt.segments.get(step.id, ())
            cues += [(start_s, end_s, text) for start_s, end_s in times if 0 <= start_s <= end_s < 360_000]
            if not times:
                untimed.append(f"{step.id} {shown(step.title_in(selection.language))}")
    blocks = [f"WEBVTT {_escaped(attempt.id)}", f"NOTE {words['disclaimer']}"]
    if untimed:
        blocks.append(f"NOTE {words['untimed']} {'; '.join(dict.fromkeys(untimed))}".replace("-->", "→"))
    for at, (start_s, end_s, text) in enumerate(sorted(cues), start=1):
        end_s = max(end_s, start_s + _SHORTEST_S)
        blocks.append(f"{at}\n{_clock(start_s)} --> {_clock(end_s)}\n{text}")
    return ("\n\n".join(blocks) + "\n").encode("utf-8")


def _caption(sheet: Sheet, step: Step, entry: Entry, selection: Selection, words: Mapping[str, str]) -> str:
    zh = selection.language == "zh"
    who = _escaped(sheet.author.name or words[sheet.author.kind])
    lines = [f"<v {who}><b>{_escaped(step.title_in(selection.language))}</b>: {_mark(step, entry, words)}</v>"]
    for deduction_id in entry.deductions:
        found = step.find_deduction(deduction_id)
        when = "" if found is None else (found.when_zh if zh and found.when_zh else found.when)
        lines.append(f"− {_escaped(when or deduction_id)}")
    lines += [_escaped(text) for text in (entry.note, entry.reason) if text and shown(text)]
    return "\n".join(lines)


def _mark(step: Step, entry: Entry, words: Mapping[str, str]) -> str:
    if entry.points is not None:
        return words["points"].format(points=f"{entry.points:g}", max=f"{step.max_points:g}")
    if entry.wrong is not None:
        return words["wrong" if entry.wrong else "right"]
    return words[entry.status]


def _escaped(text: str) -> str:
    """One line of words in a cue: nothing in it is markup, and it cannot end the cue."""
    return shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time_s: float) -> str:
    ms = round(time_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
