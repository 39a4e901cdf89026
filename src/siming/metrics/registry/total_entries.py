"""Agreement on totals."""

from __future__ import annotations

from siming.metrics.registry.entry import Entry, of_metric
from siming.metrics.registry.metric import Metric
from siming.metrics.registry.total_metrics import MORE_TOTAL_METRICS, TOTAL_METRICS

_M = "siming.metrics."
_BY_NAME = {metric.name: metric for metric in (*TOTAL_METRICS, *MORE_TOTAL_METRICS)}
_PATHS = {
    "plcc": "totals.pearson_correlation",
    "srcc": "totals.spearman_correlation",
    "kendall_tau_b": "kendall.kendall_correlation",
    "ccc": "concordance.concordance_correlation",
    "mae": "totals.mean_absolute_error",
    "rmse": "concordance.root_mean_square_error",
    "mean_difference": "totals.mean_difference",
}
_FORMS = {
    "icc_one_way": "ICC(1,1)",
    "icc_agreement": "ICC(A,1)",
    "icc_consistency": "ICC(C,1)",
    "icc_one_way_mean": "ICC(1,k)",
    "icc_agreement_mean": "ICC(A,k)",
    "icc_consistency_mean": "ICC(C,k)",
}


def _many(metric: Metric, function: str, **options: str) -> Entry:
    return Entry(
        metric.name,
        "totals",
        "totals of many",
        f"{_M}{function}",
        metric.formula,
        metric.source,
        options=options,
        metric=metric,
        unmoved_by=metric.unmoved_by,
    )


TOTALS = (
    *(of_metric(_BY_NAME[name], f"{_M}{path}", "totals") for name, path in _PATHS.items()),
    *(_many(_BY_NAME[name], "icc.intraclass_correlation", form=form) for name, form in _FORMS.items()),
    Entry(
        "icc_all",
        "totals",
        "totals of many",
        f"{_M}icc.intraclass_correlations",
        "all six forms, their F tests and mean squares",
        "Shrout and Fleiss 1979; McGraw and Wong 1996",
    ),
    _many(_BY_NAME["sem"], "concordance.standard_error_of_measurement"),
    _many(_BY_NAME["sdd"], "concordance.smallest_detectable_difference"),
    Entry(
        "bland_altman",
        "totals",
        "totals",
        f"{_M}totals.bland_altman",
        "mean difference, SD, limits mean +- 1.96 SD; SE of the mean SD / sqrt(n), of a limit about sqrt(3 SD^2 / n)",
        "Bland and Altman 1986",
        symmetric=False,
    ),
    Entry(
        "bland_altman_exact",
        "totals",
        "totals",
        f"{_M}concordance.bland_altman_exact",
        "the same with limits from noncentral t",
        "Carkeet 2015",
        symmetric=False,
    ),
    Entry(
        "proportional_bias",
        "totals",
        "totals",
        f"{_M}concordance.proportional_bias",
        "slope of (first - second) on (first + second) / 2",
        "Bland and Altman 1999",
        symmetric=False,
        unmoved_by=frozenset(("shift",)),
    ),
    Entry(
        "share_within",
        "totals",
        "totals",
        f"{_M}concordance.share_within",
        "videos with |first - second| <= tolerance / videos",
        "share",
        needs=("tolerance",),
    ),
    Entry(
        "pass_decision",
        "totals",
        "totals",
        f"{_M}concordance.pass_decision",
        "raw agreement and kappa of total >= pass mark",
        "Cohen 1960",
        needs=("pass_mark",),
    ),
)
