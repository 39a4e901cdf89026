"""Metrics of two raters' totals in marks."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from numpy.typing import ArrayLike

from siming.metrics import concordance, icc, kendall, totals
from siming.metrics.icc import Form
from siming.metrics.registry.metric import Change, Metric
from siming.metrics.resample import JACKKNIFE
from siming.metrics.statistic import Statistic

_SHROUT = "Shrout and Fleiss 1979; McGraw and Wong 1996"
_SHIFT: frozenset[Change] = frozenset(("shift",))
_AFFINE: frozenset[Change] = frozenset(("shift", "scale"))

ICC_FORMULAS = {
    "ICC(1,1)": "(MSR - MSW) / (MSR + (k-1) MSW)",
    "ICC(A,1)": "(MSR - MSE) / (MSR + (k-1) MSE + k/n (MSC - MSE))",
    "ICC(C,1)": "(MSR - MSE) / (MSR + (k-1) MSE)",
    "ICC(1,k)": "(MSR - MSW) / MSR",
    "ICC(A,k)": "(MSR - MSE) / (MSR + (MSC - MSE) / n)",
    "ICC(C,k)": "(MSR - MSE) / MSR",
}
"""From the mean squares of videos (MSR), raters (MSC), error (MSE) and within videos (MSW)."""


def _icc(name: str, form: Form) -> Metric:
    return Metric(
        name,
        "totals",
        partial(icc.intraclass_correlation, form=form, missing="leave out"),
        partial(icc.intraclass_statistic, form=form),
        ICC_FORMULAS[form],
        f"{_SHROUT}, {form}",
        unmoved_by=_SHIFT if "C" in form.removeprefix("ICC") else frozenset(),
    )


def _detectable_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    error = concordance.measurement_error_statistic(first, second, cluster=cluster)
    return replace(error, of=lambda weights: 1.96 * math.sqrt(2) * error.of(weights))


TOTAL_METRICS = (
    Metric(
        "plcc",
        "totals",
        totals.pearson_correlation,
        totals.pearson_statistic,
        "s_xy / (s_x s_y)",
        "Pearson 1895",
        unmoved_by=_AFFINE,
        own_interval=JACKKNIFE,
    ),
    Metric(
        "srcc",
        "totals",
        totals.spearman_correlation,
        totals.spearman_statistic,
        "s_xy / (s_x s_y) of mid-ranks",
        "Spearman 1904",
        unmoved_by=_AFFINE,
        own_interval=JACKKNIFE,
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
        own_interval=JACKKNIFE,
    ),
    Metric(
        "icc_agreement",
        "totals",
        totals.icc_agreement,
        totals.icc_statistic,
        ICC_FORMULAS["ICC(A,1)"],
        "McGraw and Wong 1996, ICC(A,1)",
        own_interval=JACKKNIFE,
    ),
)

MORE_TOTAL_METRICS = (
    Metric(
        "kendall_tau_b",
        "totals",
        kendall.kendall_correlation,
        kendall.kendall_statistic,
        "(pairs ordered alike - pairs ordered contrarily) / sqrt(pairs untied by one x pairs untied by the other)",
        "Kendall 1945",
        unmoved_by=_AFFINE,
        own_interval=JACKKNIFE,
    ),
    Metric(
        "ccc",
        "totals",
        concordance.concordance_correlation,
        concordance.concordance_statistic,
        "2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2), denominators n",
        "Lin 1989",
        own_interval=JACKKNIFE,
    ),
    Metric(
        "rmse",
        "totals",
        concordance.root_mean_square_error,
        concordance.root_mean_square_statistic,
        "sqrt(mean (first - second)^2), in marks",
        "root of a mean square",
        perfect=0.0,
    ),
    _icc("icc_one_way", "ICC(1,1)"),
    _icc("icc_consistency", "ICC(C,1)"),
    _icc("icc_one_way_mean", "ICC(1,k)"),
    _icc("icc_agreement_mean", "ICC(A,k)"),
    _icc("icc_consistency_mean", "ICC(C,k)"),
    Metric(
        "sem",
        "totals",
        concordance.standard_error_of_measurement,
        concordance.measurement_error_statistic,
        "SD sqrt(1 - ICC(A,1)), in marks",
        "de Vet, Terwee, Knol and Bouter 2006",
        perfect=0.0,
    ),
    Metric(
        "sdd",
        "totals",
        concordance.smallest_detectable_difference,
        _detectable_statistic,
        "1.96 sqrt(2) SEM, in marks",
        "de Vet, Terwee, Knol and Bouter 2006",
        perfect=0.0,
    ),
)
