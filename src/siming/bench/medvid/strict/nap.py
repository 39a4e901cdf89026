"""NAP, strict: a label counts if the answer says it; likeness counts only if it is near; the rest is unmapped, wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from siming.bench.medvid.data import Question
from siming.bench.medvid.encoder import Encoder
from siming.bench.medvid.labels import (
    fixed_labels,
    longest_procedure_in,
    newer_wording,
    older_wordings,
    procedure_labels,
)
from siming.bench.medvid.strict.value import Value

NEAR: Final = 0.7
"""Cosine from which an answer in other words counts as its nearest label."""

CLEAR: Final = 0.05
"""How far the next label has to stay behind."""

MOST_CHARACTERS: Final = 400
"""A longer answer names no action."""


@dataclass(frozen=True, slots=True)
class _Read:
    label: str | None
    via: str


def score_rows(asked: Sequence[tuple[Question, str]], encoder: Callable[[], Encoder]) -> list[Value]:
    """1 where the answer's label is the reference's, 0 anywhere else."""
    open_lists = _open_lists([question for question, _ in asked])
    lists = [_labels(question, open_lists) for question, _ in asked]
    read: list[_Read | None] = []
    for (question, answer), labels in zip(asked, lists, strict=True):
        said = said_labels(answer, [*labels, *_older(question.source, labels)])
        if len(said) == 1:
            read.append(_Read(newer_wording(question.source, said[0]), "said"))
        elif said or not answer.strip() or len(answer) > MOST_CHARACTERS:
            read.append(_Read(None, "unmapped"))
        else:
            read.append(None)
    _by_likeness(asked, lists, read, encoder)
    return [_value(question, answer, found) for (question, answer), found in zip(asked, read, strict=True)]


def said_labels(answer: str, labels: Sequence[str]) -> list[str]:
    """The one label that an answer is, or else all that it names, whatever its case and punctuation.

    Who names several has not decided, and is not helped out by likeness.

    >>> said_labels("The next step: Tying.", ["cutting", "tying"]), said_labels("cut or tie", ["cutting", "tying"])
    (['tying'], [])
    """
    said = f" {_words(answer[: MOST_CHARACTERS + 1])} "
    known = {_words(label): label for label in labels}
    if said.strip() in known:
        return [known[said.strip()]]
    if len(answer) > MOST_CHARACTERS:
        return []
    named = [words for words in known if f" {words} " in said]
    # A label inside a longer one that is named too ("check" in "check and secure the tubing") is not named itself.
    alone = [words for words in named if not any(words != other and f" {words} " in f" {other} " for other in named)]
    return [known[words] for words in alone]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower().replace("_", " ")))


def _labels(question: Question, open_lists: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if question.source == "NurViD":
        labels: tuple[str, ...] = procedure_labels(longest_procedure_in(question.question))
    else:
        labels = fixed_labels(question.source) or open_lists[question.source]
    own = newer_wording(question.source, (question.reference or "").strip())
    return labels if own in labels or not own else (*labels, own)


def _open_lists(questions: Sequence[Question]) -> dict[str, tuple[str, ...]]:
    """Sources without a fixed list: the references of all their questions, which no submission can change."""
    found: dict[str, set[str]] = {}
    for question in questions:
        found.setdefault(question.source, set()).add((question.reference or "").strip())
    return {source: tuple(sorted(labels - {""})) for source, labels in found.items()}


def _older(source: str, labels: Sequence[str]) -> list[str]:
    return [old for old, new in older_wordings(source).items() if new in labels]


def _by_likeness(
    asked: Sequence[tuple[Question, str]],
    lists: Sequence[tuple[str, ...]],
    read: list[_Read | None],
    encoder: Callable[[], Encoder],
) -> None:
    """Fill the places still open."""
    free = [number for number, found in enumerate(read) if found is None]
    if not free:
        return
    texts = list(dict.fromkeys(text for number in free for text in (asked[number][1], *lists[number])))
    vectors = dict(zip(texts, encoder().encode(texts), strict=True))
    for number in free:
        likeness = np.array([vectors[label] for label in lists[number]]) @ vectors[asked[number][1]]
        order = np.argsort(-likeness, kind="stable")
        behind = likeness[order[0]] - likeness[order[1]] if len(order) > 1 else 1.0
        near = likeness[order[0]] >= NEAR and behind >= CLEAR
        read[number] = _Read(lists[number][int(order[0])], "likeness") if near else _Read(None, "unmapped")


def _value(question: Question, answer: str, found: _Read | None) -> Value:
    reference = newer_wording(question.source, (question.reference or "").strip())
    if not reference:
        return Value(question, "next_action", "unread", {}, left_out="the reference is empty")
    label = found.label if found else None
    reading = "read" if label else "unread" if answer.strip() else "empty"
    return Value(
        question,
        "next_action",
        reading,  # type: ignore[arg-type]
        {"NAP_acc": float(label == reference)},
        {"label": label, "via": found.via if found else "unmapped"},
    )
