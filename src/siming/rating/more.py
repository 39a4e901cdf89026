"""Every other two-rater statistic of siming, for those who ask for all of them beside the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siming.metrics import METRICS, Measured
from siming.metrics.concordance import share_within
from siming.metrics.evidence import Evidence, disjoint_evidence, evidence_iou
from siming.metrics.registry import measures
from siming.rating.cells import Grid
from siming.rating.compared import Compared
from siming.rating.panel import SHOWN, measured_of
from siming.rating.plain import plain
from siming.rubric import N_LABELS, Sheet

TOLERANCE = 5.0
"""Points of 100 within which two totals count as the same."""


@dataclass(frozen=True)
class More:
    """What two raters' agreement is by every other statistic."""

    first: str
    second: str
    metrics: Mapping[str, Measured]

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with a line on what each statistic measures."""
        said = {language: measures(language) for language in ("en", "zh")}
        return {
            "first": self.first,
            "second": self.second,
            "metrics": plain(self.metrics),
            "measures": {name: {language: said[language][name] for language in said} for name in self.metrics},
        }


def more_of(grid: Grid, compared: Compared, sheets: Sequence[Sheet], *, replicates: int = 2000, seed: int = 0) -> More:
    """All of `METRICS` that the panel does not show, totals within `TOLERANCE`, and how far the evidence that two raters marked overlaps."""
    found = {name: measured_of(compared, name, replicates, seed) for name in METRICS if name not in SHOWN}
    totals, filled = compared.totals, compared.filled
    if len(totals.attempt):
        found["share_within"] = share_within(totals.first, totals.second, tolerance=TOLERANCE, cluster=totals.cluster)
    if compared.n_cells:
        first, second = (_evidence(grid, filled, sheets, side.name) for side in (filled.first, filled.second))
        found["evidence_iou"] = evidence_iou(first, second, cluster=filled.cluster)
        found["disjoint_evidence"] = disjoint_evidence(
            first,
            second,
            first_label=filled.first.labels,
            second_label=filled.second.labels,
            n_labels=N_LABELS,
            cluster=filled.cluster,
        )
    return More(compared.first.name, compared.second.name, found)


def _evidence(grid: Grid, compared: Compared, sheets: Sequence[Sheet], rater: str) -> list[Evidence]:
    """The intervals that a rater marked in each compared cell."""
    marked = {
        (sheet.attempt, step): list(entry.evidence)
        for sheet in sheets
        if sheet.author.kind == "physician" and sheet.author.name == rater
        for step, entry in sheet.steps.items()
    }
    return [marked.get(grid.keys[cell]) for cell in compared.cell.tolist()]
