"""Metrics of two raters' wrong/right calls. Positive = step done wrong, in all of them."""

from __future__ import annotations

from siming.metrics import binary, specific
from siming.metrics.registry.metric import Metric

_TABLE = "2 x 2 table, positive = step done wrong"

VERDICT_METRICS = (
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
)

MORE_VERDICT_METRICS = (
    Metric(
        "positive_agreement",
        "binary",
        specific.positive_agreement,
        specific.positive_agreement_statistic,
        "2 tp / (2 tp + fp + fn)",
        "Cicchetti and Feinstein 1990",
    ),
    Metric(
        "negative_agreement",
        "binary",
        specific.negative_agreement,
        specific.negative_agreement_statistic,
        "2 tn / (2 tn + fp + fn)",
        "Cicchetti and Feinstein 1990",
    ),
)
