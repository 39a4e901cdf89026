"""What a rater has entered so far: the fold of his changes, and what follows from it.

A draft is plain data (it is kept as JSON and sent to the page) and holds only what was entered:

    {"steps": {rubric: {step: {"points", "blank", "deductions", "evidence", "note", "unsure"}}},
     "global_rating": {rubric: 1 to 5}, "bookmarks": [[s, text]], "played": [[s, s]]}

A change gives the whole new value of one field, so that playing it again changes nothing, and undoing it is a change
that gives the old value. Everything here is pure: no database, no clock.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siming.rubric import Author, Entry, Rubric, Sheet, check_sheet
from siming.rubric.labels import exact
from siming.store.blind.change import STEP_FIELDS, Field, Paper, is_cleared, merged

Draft = Mapping[str, Any]
BLANK_REASONS: tuple[tuple[str, str], ...] = (
    ("v", "not_in_view"),
    ("h", "hidden"),
    ("b", "blurred"),
    ("s", "no_sound"),
    ("c", "cut_off"),
    ("o", "another"),
)
"""Letter and code of the usual reasons for leaving a step unjudged; ``another`` is explained in the note."""


def value_of(draft: Draft, field: Field, rubric: str | None, step: str | None) -> Any:
    """What the draft holds for a field; None where nothing was entered."""
    if field in STEP_FIELDS:
        return draft.get("steps", {}).get(rubric, {}).get(step, {}).get(field)
    if field == "global_rating":
        return draft.get("global_rating", {}).get(rubric)
    return draft.get(field)


def applied(draft: Draft, field: Field, rubric: str | None, step: str | None, value: Any) -> dict[str, Any]:
    """The draft after a change; the one given stays as it is. None clears."""
    if field in STEP_FIELDS:
        path = ["steps", rubric, step, field]
    elif field == "global_rating":
        path = ["global_rating", rubric]
    else:
        path = [field]
    return _with(draft, path, None if is_cleared(field, value) else value)


def folded(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The draft that a log of events gives, from nothing; what was kept aside takes no part."""
    draft: dict[str, Any] = {}
    for event in events:
        if not event["aside"]:
            draft = applied(draft, event["field"], event["rubric"], event["step"], event["new"])
    return draft


def _with(draft: Draft, path: Sequence[str | None], value: Any) -> dict[str, Any]:
    """A copy of nested mappings with one value put in or, where it is None, taken out together with what it empties."""
    out = dict(draft)
    key = path[0] or ""
    inner = value if len(path) == 1 else (_with(out.get(key, {}), path[1:], value) or None)
    if inner is None:
        out.pop(key, None)
    else:
        out[key] = inner
    return out


# --- what a draft says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Total:
    """Points of one rubric, over the steps that were scored."""

    points: float
    max: float
    """What can be reached without the steps that were left blank on purpose."""
    left: int
    """Steps that are still open."""


def step_of(draft: Draft, rubric: str, step: str) -> Mapping[str, Any]:
    """What was entered for a step."""
    found: Mapping[str, Any] = draft.get("steps", {}).get(rubric, {}).get(step, {})
    return found


def is_open(entered: Mapping[str, Any]) -> bool:
    """Whether a step has neither points nor a reason for having none."""
    return entered.get("points") is None and entered.get("blank") is None


def n_done(draft: Draft) -> int:
    """Steps that are not open."""
    return sum(not is_open(entered) for steps in draft.get("steps", {}).values() for entered in steps.values())


def totals(draft: Draft, paper: Paper) -> dict[str, Total]:
    """Points, points within reach and open steps by rubric."""
    out = {}
    for rubric in paper.rubrics:
        entered = [(step, step_of(draft, rubric.id, step.id)) for step in rubric.steps]
        judged = [(step, e) for step, e in entered if e.get("blank") is None]
        out[rubric.id] = Total(
            points=float(sum(exact(e["points"]) for _, e in judged if e.get("points") is not None)),
            max=float(sum(exact(step.max_points) for step, _ in judged)),
            left=sum(is_open(e) for _, e in judged),
        )
    return out


def played_share(draft: Draft, duration_s: float | None) -> float | None:
    """Share of the video that was played; None where there is no video."""
    if not duration_s:
        return None
    return min(1.0, sum(end - start for start, end in merged(draft.get("played", []))) / duration_s)


def entries_of(draft: Draft, rubric: Rubric) -> dict[str, Entry]:
    """Entries of the steps that are not open, in the rubric's order. Where a step is both scored and left blank, blank
    counts; such a draft cannot be submitted."""
    out = {}
    for step in rubric.steps:
        entered = step_of(draft, rubric.id, step.id)
        if not is_open(entered):
            out[step.id] = _entry(entered)
    return out


def _entry(entered: Mapping[str, Any]) -> Entry:
    blank = entered.get("blank")
    plain: dict[str, Any] = {
        "deductions": entered.get("deductions", ()),
        "evidence": sorted((start, end) for start, end in entered.get("evidence", ())),
        "note": entered.get("note"),
    }
    if blank is None:
        plain["points"] = entered["points"]
    else:
        plain |= {"status": blank["status"], "reason": blank["reason"] or None}
    if entered.get("unsure"):
        plain["unsure"] = True
    return Entry.model_validate(plain)


def sheets_of(
    draft: Draft,
    rubrics: Sequence[Rubric],
    *,
    attempt: str,
    author: Author,
    submitted_at: str | None = None,
    marks: Mapping[str, Any] | None = None,
) -> tuple[Sheet, ...]:
    """The draft as sheets, one per rubric.

    Args:
        attempt: The attempt's code.
        marks: Fields that every sheet carries besides, such as that a machine helped.

    Raises:
        SheetError: steps are open.
    """
    out = []
    for rubric in rubrics:
        sheet = Sheet.model_validate(
            {
                "attempt": attempt,
                "rubric": rubric.id,
                "rubric_version": rubric.version,
                "author": author,
                "steps": entries_of(draft, rubric),
                "submitted_at": submitted_at,
                "global_rating": draft.get("global_rating", {}).get(rubric.id),
                **(marks or {}),
            }
        )
        check_sheet(sheet, rubric)
        out.append(sheet)
    return tuple(out)


def snapshot_sha256(draft: Draft, rubrics: Sequence[Rubric]) -> str:
    """The digest by which device and server make sure that they hold the same; `static/rate/snapshot.js` computes it too.

    Numbers go in as whole thousandths of a point and millionths of a second, because languages print fractions
    differently. Bookmarks and what was played are no part of it.
    """
    lines = [
        _snapshot_line(rubric.id, step.id, step_of(draft, rubric.id, step.id))
        for rubric in rubrics
        for step in rubric.steps
    ]
    impressions = draft.get("global_rating", {})
    whole = ["siming.snapshot/1", lines, [[rubric.id, impressions.get(rubric.id)] for rubric in rubrics]]
    return hashlib.sha256(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8")).hexdigest()


def _snapshot_line(rubric: str, step: str, entered: Mapping[str, Any]) -> list[Any]:
    points, blank = entered.get("points"), entered.get("blank") or {}
    return [
        rubric,
        step,
        None if points is None else math.floor(points * 1000 + 0.5),
        blank.get("status"),
        blank.get("reason"),
        sorted(entered.get("deductions", [])),
        sorted(
            [math.floor(start * 1e6 + 0.5), math.floor(end * 1e6 + 0.5)] for start, end in entered.get("evidence", [])
        ),
        entered.get("note", ""),
        entered.get("unsure", False),
    ]
