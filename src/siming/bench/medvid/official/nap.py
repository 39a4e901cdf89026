"""Next-action prediction (NAP): every answer is given some label of its list, by embedding if it must."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from siming.bench.medvid.encoder import Encoder
from siming.bench.medvid.labels import fixed_labels, newer_wording, procedure_in, procedure_labels
from siming.bench.medvid.official.row import Row, RowValue


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row whose reference is on its list."""

    row: Row
    reference: str
    answer: str
    procedure: str | None
    labels: tuple[str, ...]
    closed: bool


def score_rows(rows: Sequence[Row], encoder: Callable[[], Encoder]) -> list[RowValue]:
    """All rows of the task at once: open lists depend on the whole file, and answers are embedded together."""
    open_lists = _open_lists(rows)
    out: dict[int, RowValue] = {}
    free: list[_Asked] = []
    for row in rows:
        asked = _asked(row, open_lists)
        if asked is None:
            out[row.position] = RowValue(row.position, "next_action", row.source, False)
        elif asked.answer in asked.labels:
            out[row.position] = _value(asked, asked.answer, "exact", None)
        else:
            free.append(asked)
    for asked, (label, margin) in zip(free, _nearest(free, encoder), strict=True):
        out[asked.row.position] = _value(asked, label, "similarity", margin)
    return [out[row.position] for row in rows]


def _open_lists(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """Sources without a list of their own take the references found in the very file that is scored."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.source, set()).add(row.reference.strip())
    return {source: tuple(sorted(labels - {""})) for source, labels in found.items()}


def _asked(row: Row, open_lists: Mapping[str, tuple[str, ...]]) -> _Asked | None:
    reference = newer_wording(row.source, row.reference.strip())
    procedure = procedure_in(row.question) if row.source == "NurViD" else None
    closed = procedure_labels(procedure) if row.source == "NurViD" else fixed_labels(row.source)
    labels = open_lists[row.source] if closed is None else closed
    if closed is None and not reference:
        return None  # even an answer that is no text does no harm here
    answer = newer_wording(row.source, row.answer.strip())
    if reference not in labels:
        return None
    return _Asked(row, reference, answer, procedure, labels, closed is not None)


def _value(asked: _Asked, label: str, via: str, margin: float | None) -> RowValue:
    values: dict[str, Any] = {
        "correct": int(label == asked.reference),
        "procedure": asked.procedure,
        "closed_list": asked.closed,
        "via": via,
        "mapped": label,
    }
    if margin is not None:
        values["margin"] = margin
    return RowValue(asked.row.position, "next_action", asked.row.source, True, values)


def _nearest(free: Sequence[_Asked], encoder: Callable[[], Encoder]) -> list[tuple[str, float]]:
    """The most similar label of each answer, the first on ties, and how far the next one stays behind."""
    if not free:
        return []
    texts = list(dict.fromkeys(text for asked in free for text in (asked.answer, *asked.labels)))
    vectors = dict(zip(texts, encoder().encode(texts), strict=True))
    out = []
    for asked in free:
        likeness = np.array([vectors[label] for label in asked.labels]) @ vectors[asked.answer]
        best = int(likeness.argmax())
        others = np.delete(likeness, best)
        out.append((asked.labels[best], float(likeness[best] - others.max()) if len(others) else float("inf")))
    return out
