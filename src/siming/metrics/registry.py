"""Every metric by name: what it measures, its formula, where it comes from, how to call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError, TaskError
from siming.metrics import agreement, binary, kappa, totals
from siming.metrics.measured import Measured
from siming.metrics.resample import BCA, JACKKNIFE, IntervalMethod
from siming.metrics.statistic import Statistic

Kind = Literal["label", "binary", "totals"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and all that a table, a comparison or a reference page asks about it."""

    name: str
    """Stable; files carry it."""
    kind: Kind
    """What the two raters hand in: step labels, wrong/right calls, or totals in marks."""
    function: Callable[..., Measured]
    """``function(first, second, cluster=..., interval=...)``; labels need ``n_labels`` too."""
    statistic: Callable[..., Statistic]
    """The same with the data filled in but nothing measured yet; same arguments less ``interval``."""
    formula: str
    source: str
    symmetric: bool = True
    """Whether swapping the raters changes nothing."""
    by_step: bool = False
    """Whether it needs ``step`` as well."""
    perfect: float | None = 1.0
    """Value of a rater against himself; None where that depends on the labels."""

    def __str__(self) -> str:
        return self.name

    def options(self, *, n_labels: int | None = None, step: ArrayLike | None = None) -> dict[str, Any]:
        """Of these keywords the ones that the metric takes.

        Raises:
            LabelError: One that it needs is None.
        """
        taken: dict[str, Any] = {}
        if self.kind == "label":
            if n_labels is None:
                raise LabelError(f"metric {self.name!r} compares labels; give n_labels, the length of the scale")
            taken["n_labels"] = n_labels
        if self.by_step:
            if step is None:
                raise LabelError(f"metric {self.name!r} works step by step; give step, one id per cell")
            taken["step"] = np.asarray(step)
        return taken

    @property
    def interval(self) -> IntervalMethod:
        """The interval made unless another is asked for."""
        return BCA if self.kind == "totals" and self.name != "mean_difference" else JACKKNIFE


_KAPPA = "1 - sum(d n) / sum(d e), d = 1 - w, e = row x column / cells"
_AC = "1 - Do / (1 - T_w / (k (k - 1)) sum pi (1 - pi)), pi = mean share of a label"
_COHEN = "Cohen 1960, 1968"
_GWET = "Gwet 2008, 2014"
_TABLE = "2 x 2 table, positive = step done wrong"

_ALL = (
    Metric(
        "raw_agreement",
        "label",
        agreement.raw_agreement,
        agreement.agreement_statistic,
        "cells with equal labels / cells",
        "share",
    ),
    Metric(
        "kappa",
        "label",
        partial(kappa.cohen_kappa, weights="nominal"),
        partial(kappa.kappa_statistic, weights="nominal"),
        f"{_KAPPA}, w = [i = j]",
        _COHEN,
    ),
    Metric(
        "kappa_linear",
        "label",
        partial(kappa.cohen_kappa, weights="linear"),
        partial(kappa.kappa_statistic, weights="linear"),
        f"{_KAPPA}, w = 1 - |i - j| / (k - 1)",
        _COHEN,
    ),
    Metric(
        "qwk",
        "label",
        kappa.quadratic_weighted_kappa,
        partial(kappa.kappa_statistic, weights="quadratic"),
        f"{_KAPPA}, w = 1 - (i - j)^2 / (k - 1)^2",
        "Cohen 1968; Fleiss and Cohen 1973",
    ),
    Metric(
        "qwk_within_step",
        "label",
        kappa.within_step_kappa,
        kappa.within_step_statistic,
        "1 - sum over steps of sum(d n) / sum over steps of sum(d e), quadratic d",
        "stratified kappa, after Barlow, Lai and Azen 1991",
        by_step=True,
    ),
    Metric(
        "qwk_median_step",
        "label",
        kappa.median_step_kappa,
        kappa.median_step_statistic,
        "median over steps of the step's own QWK, steps without variation left out",
        "specification of siming, A3",
        by_step=True,
    ),
    Metric(
        "ac1",
        "label",
        partial(agreement.gwet_ac, weights="nominal"),
        partial(agreement.gwet_statistic, weights="nominal"),
        f"{_AC}, nominal",
        _GWET,
    ),
    Metric(
        "ac2",
        "label",
        agreement.gwet_ac,
        agreement.gwet_statistic,
        f"{_AC}, quadratic",
        _GWET,
    ),
    Metric(
        "ac2_at_chance",
        "label",
        agreement.gwet_ac_at_chance,
        agreement.gwet_at_chance_statistic,
        "AC2 with the observed table replaced by row x column / cells",
        "specification of siming, section 6",
        perfect=None,
    ),
    Metric(
        "brennan_prediger",
        "label",
        agreement.brennan_prediger,
        agreement.brennan_prediger_statistic,
        "1 - Do / (1 - T_w / k^2)",
        "Brennan and Prediger 1981",
    ),
    Metric(
        "mcc",
        "binary",
        binary.mcc,
        binary.mcc_statistic,
        "(tp tn - fp fn) / sqrt((tp+fp)(tp+fn)(tn+fp)(tn+fn))",
        "Matthews 1975",
    ),
    Metric("precision", "binary", binary.precision, binary.precision_statistic, "tp / (tp + fp)", _TABLE, False),
    Metric("recall", "binary", binary.recall, binary.recall_statistic, "tp / (tp + fn)", _TABLE, False),
    Metric("f1", "binary", binary.f1, binary.f1_statistic, "2 tp / (2 tp + fp + fn)", _TABLE),
    Metric(
        "specificity",
        "binary",
        binary.specificity,
        binary.specificity_statistic,
        "tn / (tn + fp)",
        _TABLE,
        False,
    ),
    Metric(
        "balanced_accuracy",
        "binary",
        binary.balanced_accuracy,
        binary.balanced_accuracy_statistic,
        "(recall + specificity) / 2",
        _TABLE,
        False,
    ),
    Metric(
        "reference_prevalence",
        "binary",
        binary.reference_prevalence,
        binary.reference_prevalence_statistic,
        "(tp + fn) / cells",
        _TABLE,
        False,
        perfect=None,
    ),
    Metric(
        "predicted_prevalence",
        "binary",
        binary.predicted_prevalence,
        binary.predicted_prevalence_statistic,
        "(tp + fp) / cells",
        _TABLE,
        False,
        perfect=None,
    ),
    Metric(
        "prevalence_index",
        "binary",
        binary.prevalence_index,
        binary.prevalence_index_statistic,
        "(tp - tn) / cells",
        "Byrt, Bishop and Carlin 1993",
        perfect=None,
    ),
    Metric(
        "bias_index",
        "binary",
        binary.bias_index,
        binary.bias_index_statistic,
        "(fn - fp) / cells",
        "Byrt, Bishop and Carlin 1993",
        False,
        perfect=0.0,
    ),
    Metric(
        "plcc",
        "totals",
        totals.pearson_correlation,
        totals.pearson_statistic,
        "s_xy / (s_x s_y)",
        "Pearson 1895",
    ),
    Metric(
        "srcc",
        "totals",
        totals.spearman_correlation,
        totals.spearman_statistic,
        "s_xy / (s_x s_y) of mid-ranks",
        "Spearman 1904",
    ),
    Metric(
        "mae",
        "totals",
        totals.mean_absolute_error,
        totals.mean_absolute_error_statistic,
        "mean |first - second|, in marks",
        "mean",
        perfect=0.0,
    ),
    Metric(
        "mean_difference",
        "totals",
        totals.mean_difference,
        totals.mean_difference_statistic,
        "mean (first - second), in marks",
        "Bland and Altman 1986",
        False,
        perfect=0.0,
    ),
    Metric(
        "icc_agreement",
        "totals",
        totals.icc_agreement,
        totals.icc_statistic,
        "(MSR - MSE) / (MSR + (k-1) MSE + k/n (MSC - MSE))",
        "McGraw and Wong 1996, ICC(A,1)",
    ),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
"""Name to metric, in the order in which tables show them."""


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        TaskError: No metric has it; the message lists those there are.
    """
    if name not in METRICS:
        raise TaskError(f"unknown metric {name!r}; siming has {', '.join(METRICS)}")
    return METRICS[name]
