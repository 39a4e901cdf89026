"""Answers in JSON, in the shape asked for or in another that leaves no doubt.

Read are objects with an id and a value, objects from id to value (or to an object with the value), lists
of these under any key, and lists without ids that are exactly as long as the request.

Which objects count, when a reply holds several (drafts, corrections, one object per line): an object with several
answers starts afresh, so the last complete one wins; an object with a single answer adds to what stands, or corrects
it for its step. Of an object cut off by the end of the reply, each answer that is complete counts as such a single one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from siming.bench.clinical.found import Found, concerns
from siming.bench.clinical.jsontree import Node, Scalar, find_trees
from siming.bench.clinical.setting import Asks
from siming.bench.clinical.stepname import Kind, StepNames, kind_of_key
from siming.bench.clinical.value import Outcome, Question, points_given, points_in, verdict_in
from siming.rubric import Step

_REASON_LENGTH = 2000
_OF_AN_ANSWER: frozenset[Kind] = frozenset({"id", "points", "error", "correct", "verdict", "label", "reason"})


@dataclass
class JsonAnswers:
    """The answers that count, and how many earlier ones do not."""

    found: list[Found] = field(default_factory=list)
    replaced: int = 0
    """Answers of drafts that a later object replaced."""
    cut_off: bool = False


def answers_in_json(text: str, names: StepNames, asks: Asks) -> JsonAnswers:
    """The answers of all objects and lists in a text; none where there are no such."""
    answers = JsonAnswers()
    reader = _Reader(names, asks)
    for root in find_trees(text):
        answers.cut_off |= not root.closed
        for document in _documents(root):
            found = list(reader.read(document))
            if not concerns(found, names):
                continue
            if len(found) > 1:
                answers.replaced += len(answers.found)
                answers.found = found
            else:
                kept = [item for item in answers.found if item.ref != found[0].ref]
                answers.replaced += len(answers.found) - len(kept)
                answers.found = [*kept, *found]
    return answers


def _documents(root: Node) -> Iterator[Node]:
    """The outermost complete objects and lists; of an unfinished one its complete pairs, each by itself."""
    if root.closed:
        yield root
        return
    if root.kind == "{" and any(kind_of_key(key or "") in _OF_AN_ANSWER for key, _ in root.items):
        return  # the answer that was being written when the reply ended
    for key, value in root.items:
        if isinstance(value, Node) and not value.closed:
            yield from _documents(value)
        elif isinstance(value, Node) and key is None:
            yield value
        elif root.kind == "{":
            yield Node("{", [(key, value)], closed=True)


@dataclass(frozen=True)
class _Reader:
    names: StepNames
    asks: Asks

    @property
    def value_kinds(self) -> tuple[Kind, ...]:
        return ("points", "verdict") if self.asks == "points" else ("error", "correct", "verdict", "label")

    def read(self, node: Node) -> Iterator[Found]:
        """All answers inside a document, in order."""
        if node.kind == "[":
            yield from self.read_list(node)
            return
        kinds = [(kind_of_key(key or ""), value) for key, value in node.items]
        has_value = any(kind in self.value_kinds and not isinstance(value, Node) for kind, value in kinds)
        refs = [self.ref(v) for kind, v in kinds if kind == "id" and isinstance(v, str | float)]
        ref = next((ref for ref in refs if ref in self.names.known), next(iter(refs), None))
        if ref is not None and (has_value or ref in self.names.known):
            yield Found(ref, partial(self.of_object, node))
        elif not refs and has_value and len(self.names.asked) == 1:
            yield Found(self.names.asked[0], partial(self.of_object, node))
        else:
            yield from self.read_pairs(node)

    def read_pairs(self, node: Node) -> Iterator[Found]:
        """An object from steps to values, or a wrapper around such things."""
        for key, value in node.items:
            ref = self.names.find(key or "")
            if ref is not None and not (isinstance(ref, int) and isinstance(value, Node) and value.kind == "["):
                read = partial(self.of_object, value) if isinstance(value, Node) else partial(self.of_value, value)
                yield Found(ref, read)
            elif isinstance(value, Node):
                yield from self.read(value)

    def read_list(self, node: Node) -> Iterator[Found]:
        items = [value for _, value in node.items]
        n = len(self.names.asked)
        objects = [value for value in items if isinstance(value, Node)]
        if n > 1 and len(items) == len(objects) == n and all(self.is_nameless(value) for value in objects):
            # As many answers as questions and no ids: the order of asking is the only one they can be in.
            for step_id, value in zip(self.names.asked, objects, strict=True):
                yield Found(step_id, partial(self.of_object, value))
            return
        for value in objects:
            yield from self.read(value)

    def is_nameless(self, node: Node) -> bool:
        """Whether an object holds a value and does not say of which step."""
        kinds = [kind_of_key(key or "") for key, _ in node.items]
        return (
            any(kind in self.value_kinds for kind in kinds)
            and "id" not in kinds
            and not any(isinstance(value, Node) or self.names.find(key or "") for key, value in node.items)
        )

    def ref(self, named: str | float) -> str | int | None:
        if isinstance(named, float):
            return int(named) if named.is_integer() and 0 < named < 1000 else None
        return self.names.find(named) or (named[:60] or None)

    def of_object(self, node: Node, step: Step) -> Outcome:
        """The one outcome of an object about one step."""
        reason: str | None = None
        found: list[Outcome] = []
        verdicts: list[Outcome] = []
        other_scale = label = ""
        for key, value in node.items if node.kind == "{" else ():
            kind = kind_of_key(key or "")
            if kind == "reason" and isinstance(value, str):
                reason = value[:_REASON_LENGTH]
            elif kind in self.value_kinds:
                (verdicts if kind in ("verdict", "label") else found).append(self.of_value(value, step, kind=kind))
            elif kind == "max" and self.asks == "points" and isinstance(value, float):
                other_scale = f"max {value:g}" if value != step.max_points else ""
            elif kind == "label" and isinstance(value, str | float):
                label = f"{key} {value if isinstance(value, str) else f'{value:g}'}"
        # "result": "well done" beside "points": 3 is no second answer.
        outcome = agreed(found or verdicts or [self.nothing(label)])
        if other_scale and outcome.points is not None:
            outcome = Outcome(cause="other_scale", found=f"{outcome.points:g}, {other_scale}")
        return replace(outcome, reason=reason or outcome.reason)

    def of_value(self, value: Node | Scalar, step: Step, *, kind: Kind | None = None) -> Outcome:
        """One value, under the key of this kind or right beside the step's name (None)."""
        if value is None:
            return Outcome(cause="cannot_judge")
        if isinstance(value, Node):
            return self.nothing("{...}" if value.kind == "{" else "[...]")
        if self.asks == "points":
            if isinstance(value, bool):
                return self.nothing(str(value).lower())
            if isinstance(value, float):
                return points_given(value, step.max_points)
            return points_in(value, step.max_points) or self.nothing(value)
        asked: Question = "correct" if kind == "correct" else "error"
        if isinstance(value, str):
            return verdict_in(value, asked=asked) or self.nothing(value)
        # "verdict": true says neither what is true; 1 is an answer only where the key asks yes or no.
        if kind not in ("verdict", "label") and (isinstance(value, bool) or (kind and value in (0.0, 1.0))):
            return Outcome(wrong=bool(value) == (asked == "error"))
        return self.nothing(f"{value:g}" if isinstance(value, float) else str(value).lower())

    def nothing(self, found: str) -> Outcome:
        return Outcome(cause="not_a_number" if self.asks == "points" else "no_verdict", found=found[:60])


def agreed(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome that several answers about one step share; a contradiction where they share none."""
    first = outcomes[0]
    if all((o.points, o.wrong, o.cause) == (first.points, first.wrong, first.cause) for o in outcomes):
        return first
    said = " / ".join(_in_words(o) for o in outcomes[:4])
    return Outcome(cause="contradiction", found=said[:60])


def _in_words(outcome: Outcome) -> str:
    if outcome.points is not None:
        return f"{outcome.points:g}"
    if outcome.wrong is not None:
        return "error" if outcome.wrong else "correct"
    return outcome.found or str(outcome.cause)
