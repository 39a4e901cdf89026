"""What to know before believing a panel, with its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from siming.metrics import Measured
from siming.metrics.planning import design_effect
from siming.metrics.resample import FEWEST_CLUSTERS
from siming.rating.compared import Compared
from siming.rating.texts import texts
from siming.rubric import N_LABELS

MOST_OF_ONE_LABEL = 0.8
STEP_GAP = 0.1
WIDEST_INTERVAL = 0.2
LARGEST_DESIGN_EFFECT = 1.5

WITH_WIDTH = ("qwk", "qwk_within_step", "ac2", "icc_a1")
"""Coefficients whose intervals are held against `WIDEST_INTERVAL`."""


@dataclass(frozen=True)
class Caution:
    """A caution by its code, and the numbers its sentence holds."""

    code: str
    """``skew``, ``constant_rater``, ``step_difficulty``, ``few_videos``, ``wide_interval``, ``design_effect``, ``no_correlation``."""
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The sentence in one language."""
        say = texts(language)
        numbers = {**self.numbers}
        if "at_chance" in numbers:
            numbers["at_chance"] = "—" if numbers["at_chance"] is None else f"{numbers['at_chance']:.2f}"
        if "metric" in numbers:
            numbers["metric"] = say["rows"][numbers["metric"]]
        sentence: str = say["warnings"][self.code].format(**numbers)
        return sentence

    def to_plain(self) -> dict[str, Any]:
        """Code, numbers and the sentence in both languages."""
        return {
            "code": self.code,
            **self.numbers,
            "text": {language: self.text(language) for language in ("en", "zh")},
        }


def cautions_of(
    compared: Compared, metrics: Mapping[str, Measured], confusion: Sequence[Sequence[int]]
) -> list[Caution]:
    """The warnings of a panel, in the order of the specification, section 6."""
    given = _given(compared, confusion)
    found = [_skew(given, metrics), _constant(given, metrics), _step_difficulty(metrics)]
    n_clusters = metrics["qwk"].n_clusters or 0
    if n_clusters < FEWEST_CLUSTERS:
        found.append(Caution("few_videos", {"n_videos": compared.n_videos, "fewest": FEWEST_CLUSTERS}))
    else:
        found += [_wide_interval(metrics), _design_effect(compared)]
    plcc = metrics["plcc"]
    if plcc.value is None and plcc.reason is not None and plcc.reason.startswith("not shown"):
        found.append(Caution("no_correlation", {"n_videos": plcc.n}))
    return [caution for caution in found if caution is not None]


def _given(compared: Compared, confusion: Sequence[Sequence[int]]) -> dict[str, list[int]]:
    """How often each rater gave each label."""
    return {
        compared.first.name: [sum(row) for row in confusion],
        compared.second.name: [sum(column) for column in zip(*confusion, strict=True)],
    }


def _skew(given: Mapping[str, Sequence[int]], metrics: Mapping[str, Measured]) -> Caution | None:
    """More than 80 % of the labels of either rater are one label."""
    most, label, rater = max(
        (counts[label], label, name) for name, counts in given.items() for label in range(N_LABELS)
    )
    total = sum(given[rater])
    if not total or most <= MOST_OF_ONE_LABEL * total:
        return None
    numbers = {"rater": rater, "label": label, "share": most / total, "at_chance": metrics["ac2_at_chance"].value}
    return Caution("skew", numbers)


def _constant(given: Mapping[str, Sequence[int]], metrics: Mapping[str, Measured]) -> Caution | None:
    """One rater gave every cell one label, and kappa is 0 for that alone."""
    if metrics["qwk"].value is None:
        return None
    for rater, counts in given.items():
        if max(counts) == sum(counts):
            return Caution("constant_rater", {"rater": rater, "label": counts.index(max(counts))})
    return None


def _step_difficulty(metrics: Mapping[str, Measured]) -> Caution | None:
    pooled, within = metrics["qwk"].value, metrics["qwk_within_step"].value
    if pooled is None or within is None or pooled - within <= STEP_GAP:
        return None
    return Caution("step_difficulty", {"pooled": pooled, "within": within, "difference": pooled - within})


def _wide_interval(metrics: Mapping[str, Measured]) -> Caution | None:
    widths = {}
    for name in WITH_WIDTH:
        interval = metrics[name].interval
        if interval is not None:
            widths[name] = interval.high - interval.low
    widest = max(widths, key=widths.__getitem__, default=None)
    if widest is None or widths[widest] <= WIDEST_INTERVAL:
        return None
    n_videos = metrics[widest].n_clusters or 0
    # Widths fall with the square root of the number of videos.
    enough = math.ceil(n_videos * (widths[widest] / WIDEST_INTERVAL) ** 2)
    return Caution(
        "wide_interval",
        {"metric": widest, "width": widths[widest], "n_videos": n_videos, "videos_for_limit": enough},
    )


def _design_effect(compared: Compared) -> Caution | None:
    filled = compared.filled
    effect = design_effect("qwk", filled.first.labels, filled.second.labels, cluster=filled.cluster, n_labels=N_LABELS)
    if effect.value is None or effect.value <= LARGEST_DESIGN_EFFECT:
        return None
    numbers = {"value": effect.value, "n_cells": effect.n, "worth_cells": round(effect.n / effect.value)}
    return Caution("design_effect", numbers)
