"""The answer a model is asked for: its JSON schema, and a sheet written as such an answer.

Prompt, schema and reader (`reply.py`) change together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from siming.bench.clinical.setting import Asks
from siming.bench.request import Request
from siming.rubric import Entry, Rubric, Sheet, wrong_of_entry

VALUE_KEYS: Mapping[Asks, str] = {"points": "points", "errors": "error"}
"""The key of a step's value in the answer."""


def answer_schema(steps: Sequence[str], asks: Asks) -> dict[str, Any]:
    """JSON schema of the answer: one object per step, null where the step cannot be judged.

    Only keywords that the strict modes of model servers accept: every property is required, nothing else
    is allowed, and the range of points is left to the reader.
    """
    value = {"type": ["number", "null"]} if asks == "points" else {"type": ["boolean", "null"]}
    key = VALUE_KEYS[asks]
    return {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string", "enum": list(steps)},
                        key: value,
                        "reason": {"type": "string"},
                    },
                    "required": ["id", key, "reason"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["steps"],
        "additionalProperties": False,
    }


def answer_text(sheets: Sequence[Sheet], request: Request, rubrics: Sequence[Rubric], asks: Asks) -> str:
    """Sheets written as a model would answer this request: what `read_reply` reads back exactly.

    A step that the sheets do not judge is answered with null and the sheet's reason.

    Args:
        sheets: The sheets of the request's attempt, one per rubric; others are passed over.
        rubrics: The rubrics of the request's steps.
    """
    entries: dict[str, Entry] = {}
    for sheet in sheets:
        if sheet.attempt == request.attempt:
            entries.update(sheet.steps)
    rubric_of = {step.id: rubric for rubric in rubrics for step in rubric.steps}
    steps = []
    for step_id in request.steps:
        entry = entries.get(step_id, Entry(status="cannot_judge", reason="not on the sheet"))
        value: float | bool | None = entry.points
        if asks == "errors":
            rubric = rubric_of[step_id]
            value = wrong_of_entry(entry, rubric.get_step(step_id), rubric)
        elif value is not None and value == int(value):
            value = int(value)
        steps.append({"id": step_id, VALUE_KEYS[asks]: value, "reason": entry.reason or entry.note or ""})
    return json.dumps({"steps": steps}, ensure_ascii=False)
