"""What comes out when the models of one setting are compared: who is told apart from whom, from luck and from blindness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from siming.metrics import Measured
from siming.metrics.comparison.dependent import CorrelationComparison, SignificanceTest
from siming.metrics.comparison.multiplicity import JointTest
from siming.metrics.comparison.nulls import BestOfNulls
from siming.metrics.comparison.ranking import Place, Ranking
from siming.metrics.registry import Metric

ERRORS = ("mae", "rmse")
"""Metrics of which the lowest is best."""

CHANCE_NOT_AT_0 = (
    *ERRORS,
    *("raw_agreement", "precision", "recall", "f1", "specificity", "balanced_accuracy"),
    *("positive_agreement", "negative_agreement"),
)
"""Metrics on which a guesser is above 0, so that being above 0 says nothing."""


@dataclass(frozen=True)
class Versus:
    """Two authors of one setting; of two models the first is the better placed."""

    first: str
    second: str
    setting: str
    metric: str
    difference: Measured
    """First minus second."""
    p: float | None
    p_reason: str | None
    """Why there is no p; set exactly when `p` is None."""
    permutations: int
    exact: bool
    """Whether every possible swap was tried."""
    p_holm: float | None
    """Corrected for the family: all pairs of models in the setting, or all models against the blind baseline."""
    p_bh: float | None
    apart: bool
    """Whether the data tell the two apart."""
    n_cells: int
    closed_forms: CorrelationComparison | None
    """Where the metric is the correlation of totals: the same question by formulas that take totals to be normal."""

    def to_plain(self) -> dict[str, Any]:
        """As it stands in a report."""
        forms = self.closed_forms
        return {
            "first": self.first,
            "second": self.second,
            "setting": self.setting,
            "metric": self.metric,
            "difference": self.difference.to_json(),
            "p": self.p,
            "p_reason": self.p_reason,
            "p_holm": self.p_holm,
            "p_bh": self.p_bh,
            "permutations": self.permutations,
            "exact": self.exact,
            "apart": self.apart,
            "n_cells": self.n_cells,
            "closed_forms": forms
            and {
                "zou": forms.difference.to_json(),
                "meng": _plain_test(forms.meng),
                "williams": _plain_test(forms.williams),
            },
        }


@dataclass(frozen=True)
class BlindTest:
    """The models against the best of the blind baselines."""

    values: Mapping[str, Measured]
    """Each blind baseline's value on the cells that are compared."""
    best: str | None
    """The baseline with the highest value: the hardest to beat; None where all are undefined."""
    pairs: Sequence[Versus]
    """Each model less that baseline."""
    sign: int
    """1 where a high value is good, -1 for errors."""

    @property
    def beaten_by(self) -> list[str]:
        """Models that the data put above the best blind baseline."""
        return [pair.first for pair in self.pairs if pair.apart and self.sign * (pair.difference.value or 0) > 0]

    def to_plain(self) -> dict[str, Any]:
        """As it stands in a report."""
        return {
            "baselines": [{"name": name, "value": value.to_json()} for name, value in self.values.items()],
            "best": self.best,
            "pairs": [pair.to_plain() for pair in self.pairs],
            "beaten_by": self.beaten_by,
        }


@dataclass(frozen=True)
class Contest:
    """What can be said of the models of one setting on one metric."""

    setting: str
    metric: Metric
    ranking: Ranking
    pairs: Sequence[Versus]
    all_zero: JointTest | None
    """Whether all could be at chance; None where chance is not at 0."""
    all_equal: JointTest
    luck: BestOfNulls | None
    """The best that as many models would reach that cannot tell one video from another."""
    values: Mapping[str, Measured]
    """Value by model, with the interval that the metric has in every other table."""
    effects: Mapping[str, Measured]
    """Design effect by model."""
    blind: BlindTest | None
    n_cells: int
    n_videos: int
    n_cells_of_any: int
    """Cells that at least one of the models is measured on; where more than `n_cells`, one narrows the others."""

    @property
    def groups(self) -> list[list[str]]:
        """Models in groups, best first; those that cannot be ranked form the last one."""
        return self.ranking.groups

    def to_plain(self) -> dict[str, Any]:
        """As it stands in a report, less the pairs."""
        return {
            "setting": self.setting,
            "metric": self.metric.name,
            "better": better_of(self.metric),
            "unit": "totals" if self.metric.kind == "totals" else "cells",
            "level": self.ranking.level,
            "n_videos": self.n_videos,
            "n_cells": self.n_cells,
            "n_cells_of_any": self.n_cells_of_any,
            "models": [
                {**_plain_place(place, self.values[place.name]), "design_effect": self.effects[place.name].to_json()}
                for place in self.ranking.places
            ],
            "groups": self.groups,
            "tests": {
                "all_zero": self.all_zero and _plain_joint(self.all_zero),
                "all_equal": _plain_joint(self.all_equal),
            },
            "best_of_nulls": self.luck and _plain_luck(self.luck),
            "blind": self.blind and self.blind.to_plain(),
        }


def better_of(metric: Metric) -> Literal["higher", "lower"]:
    """Which end of a metric's scale is the good one."""
    return "lower" if metric.name in ERRORS else "higher"


def _plain_place(place: Place, value: Measured) -> dict[str, Any]:
    limits = place.rank.interval
    return {
        "name": place.name,
        "value": value.to_json(),
        "rank": {
            "value": None if place.rank.value is None else int(place.rank.value),
            "low": None if limits is None else int(limits.low),
            "high": None if limits is None else int(limits.high),
            "best_share": place.best.value,
            "reason": place.rank.reason or place.rank.interval_reason,
        },
        "group": place.group,
    }


def _plain_joint(test: JointTest) -> dict[str, Any]:
    return {
        "hypothesis": test.hypothesis,
        "statistic": test.statistic.to_json(),
        "p": test.p_value.to_json(),
        "degrees": None if test.degrees is None else list(test.degrees),
    }


def _plain_test(test: SignificanceTest) -> dict[str, Any]:
    return {
        "statistic": test.statistic.to_json(),
        "p": test.p_value.to_json(),
        "degrees": test.degrees,
        "source": test.source,
    }


def _plain_luck(luck: BestOfNulls) -> dict[str, Any]:
    return {
        "models": luck.models,
        "expected": luck.expected.to_json(),
        "exceeded": luck.exceeded.to_json(),
        "alpha": luck.alpha,
        "p": None if luck.p_value is None else luck.p_value.to_json(),
    }
