"""The pages about single attempts: steps with everyone's points and reasons, events, raw replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from siming.bench.cautions import texts
from siming.bench.cells import Answers
from siming.rating.cells import MISSING, Column, Grid, column_of
from siming.rubric import Attempt, Dataset, Entry, Event, Language, Rubric, Step

LONGEST_REPLY = 20_000
"""Characters of a raw reply that a report carries."""


def attempt_pages(
    dataset: Dataset,
    grid: Grid,
    reference: Column,
    physicians: Mapping[str, Column],
    answers: Sequence[Answers],
) -> list[dict[str, Any]]:
    """One plain dict per attempt, sorted by id."""
    cells = np.split(np.arange(grid.n), np.flatnonzero(np.diff(grid.attempt)) + 1)
    events: dict[str, list[Event]] = {}
    for event in dataset.events:
        events.setdefault(event.attempt, []).append(event)
    replies = {a.name: _replies_by_attempt(a) for a in answers}
    examiner = column_of(grid, dataset.sheets_of("examiner"), name="examiner")
    return [
        {
            "id": attempt_id,
            "video": attempt.video.path if attempt.video else None,
            "duration_s": attempt.video.duration_s if attempt.video else None,
            "rubrics": [f"{ref.id} {ref.version}" for ref in attempt.rubrics],
            "steps": [_step(grid, int(i), attempt, reference, examiner, physicians, answers) for i in own],
            "events": _events(events.get(attempt_id, []), dataset.rubrics_of(attempt)),
            "replies": [reply for a in answers for reply in replies[a.name].get(attempt_id, [])],
        }
        for attempt_id, own in zip(grid.attempts, cells, strict=True)
        for attempt in (dataset.attempts_by_id[attempt_id],)
    ]


def _step(
    grid: Grid,
    i: int,
    attempt: Attempt,
    reference: Column,
    examiner: Column,
    physicians: Mapping[str, Column],
    answers: Sequence[Answers],
) -> dict[str, Any]:
    step = grid.steps[i]
    # Where the examiner came to the same points, his reasons say why in full.
    same = _points(examiner, i) is not None and _points(examiner, i) == _points(reference, i)
    explained = examiner.entries[i] if same else reference.entries[i]
    return {
        "step": step.id,
        "title": step.title,
        "title_zh": step.title_zh,
        "max_points": step.max_points,
        "segments": [list(stretch) for stretch in attempt.segments.get(step.id, ())],
        "reference": {
            "points": _points(reference, i),
            "label": _number(reference.labels[i]),
            "wrong": None if reference.wrong[i] == MISSING else bool(reference.wrong[i]),
            "reason_en": _reasons(explained, step, "en"),
            "reason_zh": _reasons(explained, step, "zh"),
        },
        "raters": [
            {"name": name, "points": _points(column, i)}
            for name, column in physicians.items()
            if column.entries[i] is not None
        ],
        "predictions": [
            {
                "entry": a.name,
                "points": _points(a.column, i),
                "wrong": None if a.column.wrong[i] == MISSING else bool(a.column.wrong[i]),
                "label": _number(a.column.labels[i]),
                "why": a.words.get(i) or a.column.why[i],
                "missing": None if a.answered[i] else a.column.why[i],
            }
            for a in answers
            if a.asked[i]
        ],
    }


def _reasons(entry: Entry | None, step: Step, language: Language) -> list[str]:
    """Why the reference took points: the author's own sentences, else the deductions he ticked."""
    if entry is None:
        return []
    say = texts(language)["reference"]
    if entry.status != "judged":
        return [f"{say[entry.status]}: {entry.reason}" if entry.reason else say[entry.status]]
    if entry.reasons and entry.reasons.get(language):
        return list(entry.reasons[language])
    found = [say["void"]] if entry.void else []
    for deduction_id in entry.deductions:
        deduction = step.find_deduction(deduction_id)
        if deduction is not None:
            found.append((deduction.when_zh if language == "zh" else None) or deduction.when)
    return [*found, entry.note] if entry.note else found


def _events(events: Sequence[Event], rubrics: Sequence[Rubric]) -> list[dict[str, Any]]:
    titles: dict[str, tuple[str, str]] = {
        signal: (title, texts("zh")["signals"][signal]) for signal, title in texts("en")["signals"].items()
    }
    for rubric in rubrics:
        titles |= {step.id: (step.title, step.title_zh) for step in rubric.steps}
        titles |= {kind.id: (kind.title, kind.title_zh) for kind in rubric.events}
    return [
        {
            "action": event.action,
            "start_s": event.start_s,
            "end_s": event.end_s,
            "title": titles.get(event.action, (event.action, event.action))[0],
            "title_zh": titles.get(event.action, (event.action, event.action))[1],
        }
        for event in sorted(events, key=lambda event: (event.start_s, event.end_s, event.id))
    ]


def _replies_by_attempt(answers: Answers) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for request in answers.run.requests:
        prediction = answers.run.predictions.get(request.id)
        if prediction is None:
            continue
        text = prediction.text if prediction.text is not None else prediction.error
        out.setdefault(request.attempt, []).append(
            {
                "entry": answers.name,
                "request": request.id,
                "status": prediction.status,
                "text": (text or "")[:LONGEST_REPLY],
                "frames": list(prediction.frames),
                "shown_s": list(prediction.shown_s),
            }
        )
    return out


def _points(column: Column, i: int) -> float | None:
    return None if np.isnan(column.points[i]) else float(column.points[i])


def _number(label: np.int64) -> int | None:
    return None if label == MISSING else int(label)
