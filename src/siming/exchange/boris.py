"""BORIS: one project with an ethogram of steps, an observation for each sheet, its evidence as state events.

A step's deductions are modifiers of its behaviour. Points, notes and status stand in the observation's independent
variables, which BORIS shows and lets people edit. The structure is that of projects which BORIS itself saves
(project_format_version 7.0).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from siming.exchange.authors import author_text
from siming.exchange.elan import deduction_on_tier
from siming.exchange.selection import Selection
from siming.rubric import Language, Rubric, Sheet, Step

FORBIDDEN = re.compile(r"[(|),`~]")
"""What BORIS does not take in a modifier."""
NONE = "None"
"""What BORIS writes where no modifier was chosen."""
STEP_VARIABLES = ("points", "status", "deductions", "void", "verdict", "note", "reason")
SHEET_VARIABLES = ("attempt", "rubric", "rubric_version", "author", "submitted_at", "global_rating")
_NUMERIC = ("points", "global_rating")
_PLAYERS = 8


def write_boris(selection: Selection) -> dict[str, bytes]:
    """One project with every sheet."""
    steps = [(rubric, step) for rubric in selection.rubrics for step in rubric.steps]
    observations: dict[str, dict[str, Any]] = {}
    for sheet in selection.sheets:
        name = _unused(f"{sheet.attempt} {sheet.rubric} {author_text(sheet.author)}", observations)
        observations[name] = _observation(sheet, selection)
    used = dict.fromkeys(name for each in observations.values() for name in each["independent_variables"])
    raters = dict.fromkeys(author_text(sheet.author) for sheet in selection.sheets)
    project = {
        "time_format": "hh:mm:ss",
        "project_date": _date(selection.latest),
        "project_name": selection.dataset.info.name,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {str(at): {"key": "", "name": name, "description": ""} for at, name in enumerate(raters)},
        "behaviors_conf": {
            str(at): _behaviour(rubric, step, selection.language) for at, (rubric, step) in enumerate(steps)
        },
        "observations": observations,
        "behavioral_categories": [rubric.id for rubric in selection.rubrics],
        "behavioral_categories_config": {
            str(at): {"name": rubric.id, "color": ""} for at, rubric in enumerate(selection.rubrics)
        },
        "independent_variables": {str(at): _variable(name) for at, name in enumerate(used)},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    text = json.dumps(project, ensure_ascii=False, indent=1, allow_nan=False)
    return {f"{selection.stem}.boris": (text + "\n").encode("utf-8")}


def _behaviour(rubric: Rubric, step: Step, language: Language) -> dict[str, Any]:
    shown = [each.id for each in step.deductions if is_modifier(each.id)]
    modifiers = {
        "0": {"name": "deduction", "description": "", "type": 0, "values": shown},
        "1": {"name": "interval", "description": "", "type": 2, "values": []},
    }
    return {
        "type": "State event",
        "key": "",
        "code": step.id,
        "description": step.title_in(language),
        "color": "",
        "category": rubric.id,
        "modifiers": modifiers,
        "excluded": "",
        "coding map": "",
    }


def is_modifier(text: str) -> bool:
    """Whether BORIS takes a text for a modifier, and gives it back unchanged."""
    return bool(text) and text == text.strip() and text != NONE and not FORBIDDEN.search(text)


def _variable(name: str) -> dict[str, str]:
    kind = "numeric" if name.split(" ", 1)[0] in _NUMERIC else "text"
    return {"label": name, "description": "", "type": kind, "default value": "", "possible values": ""}


def _observation(sheet: Sheet, selection: Selection) -> dict[str, Any]:
    attempt = selection.dataset.attempts_by_id[sheet.attempt]
    media = [attempt.video.path] if attempt.video else []
    length = {attempt.video.path: attempt.video.duration_s} if attempt.video and attempt.video.duration_s else {}
    return {
        "file": {str(player): media if player == 1 else [] for player in range(1, _PLAYERS + 1)},
        "type": "MEDIA",
        "date": _date(sheet.submitted_at),
        "description": "",
        "time offset": 0.0,
        "events": list(_events(sheet)),
        "observation time interval": [0, 0],
        "independent_variables": dict(_variables(sheet)),
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "scan_sampling_time": 0,
        "media_info": {
            "length": length,
            "fps": {},
            "hasVideo": dict.fromkeys(media, True),
            "hasAudio": {},
            "offset": {"1": 0.0},
        },
    }


def _events(sheet: Sheet) -> Iterator[list[Any]]:
    """A start and a stop for each piece of evidence, in order of time.

    BORIS pairs starts and stops of one behaviour, subject and modifiers in turn. Evidence that overlaps, or does not
    stand in order of time, is therefore numbered by the second modifier.
    """
    subject = author_text(sheet.author)
    events: list[list[Any]] = []
    for step_id, entry in sheet.steps.items():
        deduction = deduction_on_tier(entry)
        shown = deduction if deduction is not None and is_modifier(deduction) else NONE
        numbered = not _one_after_another(entry.evidence)
        for at, (start_s, end_s) in enumerate(entry.evidence, start=1):
            modifiers = f"{shown}|{at if numbered else NONE}"
            events += ([time_s, subject, step_id, modifiers, ""] for time_s in (start_s, end_s))
    yield from sorted(events, key=lambda event: float(event[0]))  # stable: a start stays before its own stop


def _one_after_another(evidence: Sequence[tuple[float, float]]) -> bool:
    times = [time_s for interval in evidence for time_s in interval]
    return all(first <= second for first, second in itertools.pairwise(times))


def _variables(sheet: Sheet) -> Iterator[tuple[str, str]]:
    yield "attempt", sheet.attempt
    yield "rubric", sheet.rubric
    yield "rubric_version", sheet.rubric_version
    yield "author", author_text(sheet.author)
    if sheet.submitted_at is not None:
        yield "submitted_at", sheet.submitted_at
    if sheet.global_rating is not None:
        yield "global_rating", str(sheet.global_rating)
    for step_id, entry in sheet.steps.items():
        yield f"points {step_id}", "" if entry.points is None else repr(entry.points)
        if entry.status != "judged":
            yield f"status {step_id}", entry.status
        deduction = deduction_on_tier(entry)
        if entry.deductions and not (deduction is not None and is_modifier(deduction)):
            yield f"deductions {step_id}", json.dumps(list(entry.deductions), ensure_ascii=False)
        if entry.void:
            yield f"void {step_id}", "yes"
        if entry.wrong is not None:
            yield f"verdict {step_id}", "wrong" if entry.wrong else "right"
        for name in ("note", "reason"):
            text = getattr(entry, name)
            if text is not None:
                yield f"{name} {step_id}", text


def _unused(name: str, taken: dict[str, Any]) -> str:
    found, at = name, 2
    while found in taken:
        found, at = f"{name} ({at})", at + 1
    return found


def _date(text: str | None) -> str:
    """A time as BORIS writes it, or the beginning of computing where none is known."""
    found = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text or "")
    return found[0] if found else "1970-01-01T00:00:00"
