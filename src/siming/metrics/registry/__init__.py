"""Every statistic by name: what it measures, its formula, where it comes from, how to call it.

`METRICS` holds what compares two raters and can be resampled, so that reports, comparisons and plans take it by name.
`CATALOGUE` holds everything siming computes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache

from siming.errors import TaskError
from siming.metrics.registry.agreement_entries import AGREEMENT
from siming.metrics.registry.comparison_entries import COMPARISON, PLANNING
from siming.metrics.registry.design_entries import GENERALIZABILITY, STANDARDS
from siming.metrics.registry.entry import Entry, Shape, Theme
from siming.metrics.registry.label_metrics import LABEL_METRICS, MORE_LABEL_METRICS
from siming.metrics.registry.metric import Change, Kind, Metric
from siming.metrics.registry.rater_entries import RATERS
from siming.metrics.registry.total_entries import TOTALS
from siming.metrics.registry.total_metrics import MORE_TOTAL_METRICS, TOTAL_METRICS
from siming.metrics.registry.verdict_metrics import MORE_VERDICT_METRICS, VERDICT_METRICS

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *LABEL_METRICS,
        *VERDICT_METRICS,
        *TOTAL_METRICS,
        *MORE_LABEL_METRICS,
        *MORE_VERDICT_METRICS,
        *MORE_TOTAL_METRICS,
    )
}
"""Name to metric, in the order in which tables show them."""

CATALOGUE: Mapping[str, Entry] = {
    entry.name: entry for entry in (*AGREEMENT, *TOTALS, *GENERALIZABILITY, *RATERS, *STANDARDS, *COMPARISON, *PLANNING)
}
"""Name to entry, theme by theme."""


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        TaskError: No metric has it; the message lists those there are.
    """
    if name not in METRICS:
        raise TaskError(f"unknown metric {name!r}; siming has {', '.join(METRICS)}")
    return METRICS[name]


def get_statistic(name: str) -> Entry:
    """The catalogue's entry of that name.

    Raises:
        TaskError: There is none; the message names the nearest.
    """
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name.lower().replace("-", "_"), CATALOGUE, n=1, cutoff=0.4)
        hint = f"; did you mean '{near[0]}'?" if near else f"; siming has {', '.join(CATALOGUE)}"
        raise TaskError(f"unknown statistic {name!r}{hint}")
    return CATALOGUE[name]


@cache
def measures(language: str) -> Mapping[str, str]:
    """What each statistic of the catalogue measures, one line each, in ``en`` or ``zh``."""
    from importlib.resources import files

    import yaml

    text = files("siming.metrics.registry.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, str] = yaml.safe_load(text)
    return found


__all__ = [
    "CATALOGUE",
    "METRICS",
    "Change",
    "Entry",
    "Kind",
    "Metric",
    "Shape",
    "Theme",
    "get_metric",
    "get_statistic",
    "measures",
]
