"""The agreement panel of two raters: always the same numbers in the same order, none of them alone.

Specification of the statistics, section 6: a coefficient is never shown without its denominator, its interval, what
a rater who never saw the video would get, and the warnings that apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from siming.metrics import (
    METRICS,
    BlandAltman,
    ClusterBootstrap,
    Measured,
    bland_altman,
    confusion_table,
    quadratic_weighted_kappa,
)
from siming.metrics.attainable import attainable_kappa
from siming.metrics.prior import step_prior
from siming.rating.cautions import Caution, cautions_of
from siming.rating.cells import MISSING, Grid
from siming.rating.compared import Compared
from siming.rating.marginals import Marginals, marginals_of
from siming.rating.panel_words import panel_words
from siming.rating.plain import plain
from siming.rating.step_rows import StepRow, step_rows
from siming.rubric import N_LABELS

ORDER = (
    "raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance", "prior_qwk", "mean_difference", "icc_a1",
    "reference_prevalence", "predicted_prevalence", "prevalence_index", "bias_index",
)  # fmt: skip
"""What a panel shows, in this order."""

BESIDE = ("plcc", "positive_agreement", "negative_agreement", "kappa_lowest", "kappa_highest")
"""What stands beside it."""

_NAMES = {
    "raw_agreement": "raw_agreement",
    "qwk": "qwk",
    "qwk_within_step": "qwk_within_step",
    "ac2": "ac2",
    "ac2_at_chance": "ac2_at_chance",
    "mean_difference": "mean_difference",
    "icc_a1": "icc_agreement",
    "reference_prevalence": "reference_prevalence",
    "predicted_prevalence": "predicted_prevalence",
    "prevalence_index": "prevalence_index",
    "bias_index": "bias_index",
    "plcc": "plcc",
    "positive_agreement": "positive_agreement",
    "negative_agreement": "negative_agreement",
}
"""Name in a panel to name in `METRICS`."""

SHOWN = frozenset(_NAMES.values())
"""Those of `METRICS` that a panel shows."""

_NO_PAIRS = "no pairs: no cell is compared"
_NOT_JUDGED = "cannot judge"
_INCOMPLETE = "attempts with an incomplete total"


@dataclass(frozen=True)
class Panel:
    """The agreement of two raters over some cells."""

    first: str
    second: str
    part: str | None
    """The skill, step or site it is about; None for everything."""
    n_videos: int
    n_cells: int
    n_missing: int
    """Cells of attempts both rated in which one of them gave no points."""
    metrics: Mapping[str, Measured]
    """By name: those of `ORDER`, then those of `BESIDE`."""
    limits: BlandAltman | None
    """Of the totals in points of 100, second minus first; None where there is no attempt with both."""
    confusion: Sequence[Sequence[int]]
    """Cells by the first rater's label (row) and the second's (column)."""
    totals: Mapping[str, Sequence[Any]]
    """``attempts`` with a total of both, and the total of the ``first`` and the ``second``."""
    steps: Sequence[StepRow]
    marginals: Marginals
    """Who is stricter, and by how much."""
    adjudication_rate: Measured
    """Share of cells that go to adjudication."""
    warnings: Sequence[Caution]

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences that terminal and page show."""
        found = {
            "first": self.first,
            "second": self.second,
            "part": self.part,
            "n_videos": self.n_videos,
            "n_cells": self.n_cells,
            "n_missing": self.n_missing,
            "metrics": plain(self.metrics),
            "limits_of_agreement": plain(self.limits),
            "levels": list(range(N_LABELS)),
            "confusion": plain(self.confusion),
            "totals": plain(self.totals),
            "steps": plain(self.steps),
            "marginals": plain(self.marginals),
            "adjudication_rate": plain(self.adjudication_rate),
            "warnings": [warning.to_plain() for warning in self.warnings],
        }
        return {**found, "words": {language: panel_words(found, language) for language in ("en", "zh")}}


def panel_of(
    grid: Grid, compared: Compared, part: str | None = None, *, replicates: int = 2000, seed: int = 0
) -> Panel:
    """The panel of two raters over their cells."""
    steps = step_rows(grid, compared)
    metrics = _metrics(compared, replicates=replicates, seed=seed)
    filled, totals = compared.filled, compared.totals
    confusion = (
        confusion_table(filled.first.labels, filled.second.labels, n_labels=N_LABELS).tolist()
        if compared.n_cells
        else [[0] * N_LABELS for _ in range(N_LABELS)]
    )
    return Panel(
        first=compared.first.name,
        second=compared.second.name,
        part=part,
        n_videos=compared.n_videos,
        n_cells=compared.n_cells,
        n_missing=compared.n_missing,
        metrics=metrics,
        limits=bland_altman(totals.second, totals.first, cluster=totals.cluster) if len(totals.attempt) else None,
        confusion=confusion,
        totals={
            "attempts": [grid.attempts[number] for number in totals.attempt.tolist()],
            "first": totals.first.round(6).tolist(),
            "second": totals.second.round(6).tolist(),
        },
        steps=steps,
        marginals=marginals_of(compared, [row.step for row in steps]),
        adjudication_rate=METRICS["reference_prevalence"].function(
            compared.disputed, compared.disputed, cluster=compared.cluster
        ),
        warnings=cautions_of(compared, metrics, confusion),
    )


def _metrics(compared: Compared, *, replicates: int, seed: int) -> dict[str, Measured]:
    """Everything of `ORDER` and `BESIDE`, each with what was left out."""
    found = {name: measured_of(compared, METRICS[metric].name, replicates, seed) for name, metric in _NAMES.items()}
    found["plcc"] = _with_interval_only(found["plcc"])
    for name, verdict in (("positive_agreement", "wrong"), ("negative_agreement", "right")):
        if found[name].value is None and compared.n_cells:
            found[name] = replace(found[name], reason=f"nobody calls a step {verdict}")
    found["prior_qwk"] = _prior_qwk(compared)
    found["kappa_lowest"], found["kappa_highest"] = _attainable(compared)
    of_totals = {name for name, metric in _NAMES.items() if METRICS[metric].kind == "totals"}
    left_of_cells = {_NOT_JUDGED: compared.n_missing} if compared.n_missing else {}
    left_of_totals = {_INCOMPLETE: compared.totals.n_incomplete} if compared.totals.n_incomplete else {}
    out = {}
    for name in (*ORDER, *BESIDE):
        measured = found[name]
        kept = {why: n for why, n in measured.left_out.items() if why != "missing"}
        out[name] = replace(measured, left_out={**kept, **(left_of_totals if name in of_totals else left_of_cells)})
    return out


def measured_of(compared: Compared, name: str, replicates: int, seed: int) -> Measured:
    """One of `METRICS` of two raters over their cells."""
    metric = METRICS[name]
    filled, totals = compared.filled, compared.totals
    first, second, cluster = filled.first, filled.second, filled.cluster
    if metric.kind == "totals":
        if not len(totals.attempt):
            return Measured(None, 0, 0, reason=_NO_PAIRS)
        interval = metric.interval
        if isinstance(interval, ClusterBootstrap):
            interval = ClusterBootstrap(replicates=replicates, seed=seed, limits="bca")
        sides = (totals.second, totals.first) if name == "mean_difference" else (totals.first, totals.second)
        return metric.function(*sides, cluster=totals.cluster, interval=interval)
    if not compared.n_cells:
        return Measured(None, 0, 0, reason=_NO_PAIRS)
    if metric.kind == "binary":
        return metric.function(first.wrong, second.wrong, cluster=cluster)
    options = metric.options(n_labels=N_LABELS, step=filled.step)
    return metric.function(first.labels, second.labels, cluster=cluster, **options)


def _with_interval_only(plcc: Measured) -> Measured:
    """A correlation without its interval is refused: on few videos it can be anything."""
    if plcc.value is None or plcc.interval is not None:
        return plcc
    reason = f"not shown without an interval: {plcc.interval_reason}"
    return Measured(None, plcc.n, plcc.n_clusters, left_out=plcc.left_out, reason=reason)


def _prior_qwk(compared: Compared) -> Measured:
    """Kappa of the first rater and the blind step prior fitted on his other videos."""
    filled = compared.filled
    if not compared.n_cells:
        return Measured(None, 0, 0, reason=_NO_PAIRS)
    labels = filled.first.labels
    prior = step_prior(labels, n_labels=N_LABELS, step=filled.step, cluster=filled.cluster)
    there = prior != MISSING
    if not there.any():
        return Measured(None, 0, 0, reason="no pairs: no step was rated in a second video")
    return quadratic_weighted_kappa(labels[there], prior[there], n_labels=N_LABELS, cluster=filled.cluster[there])


def _attainable(compared: Compared) -> tuple[Measured, Measured]:
    """The lowest and the highest QWK that the raters' use of the labels allows."""
    if not compared.n_cells:
        nothing = Measured(None, 0, 0, reason=_NO_PAIRS)
        return nothing, nothing
    filled = compared.filled
    found = attainable_kappa(
        filled.first.labels, filled.second.labels, n_labels=N_LABELS, weights="quadratic", cluster=filled.cluster
    )
    why = "none is made for a bound"
    lowest, highest = (
        replace(bound, interval_reason=why if bound.value is not None else None)
        for bound in (found.lowest, found.highest)
    )
    return lowest, highest
