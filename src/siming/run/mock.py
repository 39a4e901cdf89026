"""Models made of a few lines, for trying the pipe without a model: deterministic, offline, blind."""

from __future__ import annotations

import difflib
import json
import random
from collections.abc import Mapping
from typing import Any, Literal, get_args

from siming.bench.request import Request, TextPart
from siming.errors import TaskError
from siming.run.backend import Answer, Backend, Shown, Shows
from siming.run.options import Options

MockKind = Literal["random", "zero", "garbage", "refuse"]
"""random: an answer of the right shape, drawn per request. zero: the right shape, every step 0 points or wrong.
Where no shape is asked for they say some of the question's own words, or 0.
garbage: no answer in it. refuse: declines. (Full points for all is `baseline:all-correct`, which knows the rubric.)"""


class MockOptions(Options):
    """What a mock can be told."""

    seed: int = 0
    pictures: bool = False
    """Whether frames are cut for it, as for a real model."""


class MockBackend(Backend):
    """Answers at once, without looking."""

    def __init__(self, kind: str, options: MockOptions) -> None:
        """
        Raises:
            TaskError: There is no such mock.
        """
        if kind not in get_args(MockKind):
            near = difflib.get_close_matches(kind, get_args(MockKind), n=1)
            advice = f"did you mean 'mock:{near[0]}'?" if near else f"there are {', '.join(get_args(MockKind))}"
            raise TaskError(f"there is no mock {kind!r}; {advice}")
        self.model = f"mock:{kind}"
        self.options: Mapping[str, Any] = options.to_plain()
        self._kind = kind
        self._settings = options

    def shows(self, request: Request) -> Shows:
        return "frames" if self._settings.pictures else "nothing"

    async def answer(self, request: Request, shown: Shown) -> Answer:
        if self._kind == "refuse":
            return Answer("refused", None, "content_filter", error="this mock declines everything")
        if self._kind == "garbage":
            return Answer("ok", "The candidate did rather well, all things considered.", "stop")
        # Seeded per request: an answer must not depend on which others were asked, nor in which order.
        rng = random.Random(f"{self._settings.seed} {request.id}")  # noqa: S311
        if not request.answer_schema:
            return Answer("ok", _words_of(request, rng) if self._kind == "random" else "0", "stop")
        value = instance_of(request.answer_schema, rng if self._kind == "random" else None)
        return Answer("ok", json.dumps(value, ensure_ascii=False), "stop")


def _words_of(request: Request, rng: random.Random) -> str:
    """A few of the request's own words in some order: no shape was asked for."""
    words = " ".join(part.text for part in request.parts if isinstance(part, TextPart)).split()
    return " ".join(rng.sample(words, min(12, len(words))))


def instance_of(schema: Mapping[str, Any], rng: random.Random | None) -> Any:
    """A value that fits a JSON schema of the kind siming asks with; drawn, or the worst where there is no `rng`.

    An array of objects with an enumerated property gets one object for each of its values: every step once.

    >>> step = {"id": {"enum": ["cpr01", "cpr02"]}, "points": {"type": ["number", "null"]}}
    >>> instance_of({"type": "array", "items": {"type": "object", "properties": step}}, None)
    [{'id': 'cpr01', 'points': 0}, {'id': 'cpr02', 'points': 0}]
    """
    if "enum" in schema:
        return rng.choice(schema["enum"]) if rng else schema["enum"][0]
    kind = schema.get("type")
    kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object":
        return {name: instance_of(part, rng) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        item = schema.get("items", {})
        properties = item.get("properties", {})
        listed = next((name for name, part in properties.items() if "enum" in part), None)
        if listed is None:
            return [instance_of(item, rng)]
        return [instance_of(item, rng) | {listed: value} for value in properties[listed]["enum"]]
    if kind in ("number", "integer"):
        return rng.randint(0, 1) if rng else 0  # 1 is admissible wherever a step is worth anything
    if kind == "boolean":
        return rng.random() < 0.5 if rng else True
    return "" if kind == "string" else None
