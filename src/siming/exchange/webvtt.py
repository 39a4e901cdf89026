"""WebVTT: what was judged, as captions over the video, for the one who is to learn from it. Out only.

The candidate is shown the result, the consensus, in the voice of its role. Who rated and what raters wrote is shown only
where their authors are asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from siming.exchange.escape import shown
from siming.exchange.nothing import NothingToShowError
from siming.exchange.selection import Selection
from siming.exchange.texts import texts
from siming.rubric import Attempt, Entry, Sheet, Step

_SHORTEST_S = 2.0
"""A caption is to be read: what was seen in an instant still stands this long."""


def write_webvtt(selection: Selection) -> dict[str, bytes]:
    """One file of captions for each attempt that has a consensus; or a sheet of the authors that were asked for.

    Raises:
        NothingToShowError: no attempt has.
    """
    shown_sheets = {attempt.id: _shown(selection, attempt) for attempt in selection.attempts}
    if not any(shown_sheets.values()):
        raise NothingToShowError(
            f"dataset {selection.dataset.info.name!r} has no consensus, and captions show nobody's own sheet unless asked; "
            "name the authors (--author KIND:NAME)",
            code="no_consensus",
        )
    return {
        f"{selection.stems[attempt.id]}.{selection.language}.vtt": _document(
            selection, attempt, shown_sheets[attempt.id]
        )
        for attempt in selection.attempts
        if shown_sheets[attempt.id]
    }


def _shown(selection: Selection, attempt: Attempt) -> list[Sheet]:
    sheets = selection.sheets_of(attempt.id)
    return sheets if selection.authors_named else [sheet for sheet in sheets if sheet.author.kind == "consensus"]


def _document(selection: Selection, attempt: Attempt, sheets: Sequence[Sheet]) -> bytes:
    words: Mapping[str, str] = texts(selection.language)["captions"]
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
    of_consensus = sheet.author.kind == "consensus"
    who = _escaped(words[sheet.author.kind] if of_consensus or not sheet.author.name else sheet.author.name)
    lines = [f"<v {who}><b>{_escaped(step.title_in(selection.language))}</b>: {_mark(step, entry, words)}</v>"]
    for deduction_id in entry.deductions:
        found = step.find_deduction(deduction_id)
        when = "" if found is None else (found.when_zh if zh and found.when_zh else found.when)
        lines.append(f"− {_escaped(when or deduction_id)}")
    # Why a step of a consensus cannot be judged may be a rater's own words.
    told = (entry.note,) if of_consensus else (entry.note, entry.reason)
    lines += [_escaped(text) for text in told if text and shown(text)]
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
