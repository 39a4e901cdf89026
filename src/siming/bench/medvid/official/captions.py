"""The judged columns (VS, RC, DVC_llm): which texts go to the judge, and how grades become a column."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from siming.bench.medvid.columns import Task
from siming.bench.medvid.official.dvc import THRESHOLDS, read_events, reference_events
from siming.bench.medvid.official.row import Row

ASPECTS: Final = ("R2", "R3", "R8", "R5", "R4")
"""Accuracy of terms; anatomy and instruments; specificity; clinical context; actions and states."""

Grades = Mapping[str, int]
"""Aspect to grade, 1 to 5."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two texts for the judge. A row of a summary has one; a row of dense captions one per matched event."""

    position: int
    threshold: float | None
    """The IoU at which two events were matched; None for summaries and region captions."""
    task: Task
    reference: str
    prediction: str

    @property
    def key(self) -> str:
        """Names the texts and not their place: the judge is asked about equal pairs once."""
        return pair_key(self.task, self.reference, self.prediction)


def pair_key(task: Task, reference: str, prediction: str) -> str:
    """SHA-256 over task and both texts, hexadecimal."""
    whole = json.dumps([task, reference, prediction])
    return hashlib.sha256(whole.encode()).hexdigest()


def pairs_to_judge(rows: Iterable[Row]) -> list[JudgedPair]:
    """Every pair of texts that the official evaluator sends to its judge; empty texts are dropped."""
    out = []
    for row in rows:
        if row.task in ("vs", "rc"):
            if row.answer and row.reference:
                out.append(JudgedPair(row.position, None, row.task, str(row.reference), str(row.answer)))
        elif row.task == "dvc":
            out += _event_pairs(row)
    return out


def _event_pairs(row: Row) -> list[JudgedPair]:
    """Each event of the answer beside the reference's event of highest IoU, at each threshold it reaches."""
    wanted = reference_events(row.structure)
    out = []
    for threshold in THRESHOLDS:
        for event in read_events(row.answer):
            best, best_overlap = None, 0.0
            for other in wanted:
                overlap = _seconds_iou((event.start, event.end), (other["start"], other["end"]))
                if overlap >= threshold and overlap > best_overlap:
                    best, best_overlap = other, overlap
            if best is not None and best["caption"] is not None:
                out.append(JudgedPair(row.position, threshold, "dvc", str(best["caption"]), event.caption))
    return out


def _seconds_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    overlap = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - overlap
    return overlap / union if union > 0 else 0.0


def judged_columns(rows: Sequence[Row], pairs: Sequence[JudgedPair], grades: Mapping[str, Grades]) -> dict[str, float]:
    """``vs_llm``, ``rc_llm`` and ``dvc_llm`` from grades by pair; pairs without grades are failed calls, dropped."""
    out = {}
    for task in ("vs", "rc"):
        given = [grades[pair.key] for pair in pairs if pair.task == task and pair.key in grades]
        if any(row.task == task for row in rows):
            out[f"{task}_llm"] = mean_of_aspects(given) or 0.0
    dense = [row for row in rows if row.task == "dvc"]
    if dense:
        per_source = dvc_per_source(dense, pairs, grades)
        out["dvc_llm"] = sum(per_source[row.source] for row in dense) / len(dense)
    return out


def dvc_per_source(rows: Sequence[Row], pairs: Sequence[JudgedPair], grades: Mapping[str, Grades]) -> dict[str, float]:
    """Per source the mean over the thresholds that have graded pairs; 0 where none has."""
    source_of = {row.position: row.source for row in rows}
    given: dict[str, dict[float, list[Grades]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        if pair.threshold is not None and pair.key in grades:
            given[source_of[pair.position]][pair.threshold].append(grades[pair.key])
    out = {}
    for source in dict.fromkeys(source_of.values()):
        means = [mean for found in given[source].values() if (mean := mean_of_aspects(found)) is not None]
        out[source] = fmean(means) if means else 0.0
    return out


def mean_of_aspects(given: Sequence[Grades]) -> float | None:
    """Mean over the aspects of their means over calls; None without a call."""
    return fmean(fmean(grades[aspect] for grades in given) for aspect in ASPECTS) if given else None
