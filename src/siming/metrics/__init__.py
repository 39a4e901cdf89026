"""Statistics of agreement: numbers in, numbers out. Knows no rubric, no file, no model.

Cells come as flat arrays: a label of each rater, and the video (cluster) and step each cell belongs to.
Everything returns `Measured`: a value or the reason why there is none, with its interval and denominators.
"""

from siming.metrics.agreement import (
    brennan_prediger,  # agreement beyond even guessing; PABAK for two labels
    confusion_table,  # cells per label of either rater
    gwet_ac,  # AC1 and AC2
    gwet_ac_at_chance,  # what a blind dealer of the same labels would get
    raw_agreement,  # share of equal labels
)
from siming.metrics.binary import (  # positive = step done wrong, in all of them
    balanced_accuracy,  # mean of recall and specificity
    bias_index,  # which side calls more steps wrong
    f1,  # harmonic mean of precision and recall
    mcc,  # Matthews correlation
    precision,  # of the steps called wrong, the share done wrong
    predicted_prevalence,  # share of steps the prediction calls wrong
    prevalence_index,  # how far wrong and right are from even
    recall,  # of the steps done wrong, the share called wrong
    reference_prevalence,  # share of steps the reference calls wrong
    specificity,  # of the steps done right, the share called right
)
from siming.metrics.comparison.paired import (
    PairedDifference,  # what paired_difference returns
    paired_difference,  # two models on the same cells: difference, interval, p
)
from siming.metrics.kappa import (
    cohen_kappa,  # nominal, linear, quadratic or own weights
    median_step_kappa,  # median over steps of each step's kappa
    quadratic_weighted_kappa,  # QWK pooled over cells
    within_step_kappa,  # QWK that earns nothing from knowing which steps are hard
)
from siming.metrics.measured import (
    Interval,  # limits and how they were made
    Measured,  # a value, or the reason why there is none
)
from siming.metrics.registry import (
    METRICS,  # every metric by name
    Metric,  # one of them: function, kind, formula, source
    get_metric,  # by name, or an error that lists the names
)
from siming.metrics.resample import (
    ClusterBootstrap,  # redraw whole videos, seeded
    Jackknife,  # leave out one video at a time
)
from siming.metrics.steps import (
    by_step,  # a metric for each step alone
)
from siming.metrics.totals import (
    BlandAltman,  # what bland_altman returns
    bland_altman,  # mean difference and limits of agreement, in marks
    icc_agreement,  # ICC(A,1)
    mean_absolute_error,  # MAE in marks
    mean_difference,  # first minus second, in marks
    pearson_correlation,  # PLCC
    spearman_correlation,  # SRCC
)

__all__ = [
    "METRICS",
    "BlandAltman",
    "ClusterBootstrap",
    "Interval",
    "Jackknife",
    "Measured",
    "Metric",
    "PairedDifference",
    "balanced_accuracy",
    "bias_index",
    "bland_altman",
    "brennan_prediger",
    "by_step",
    "cohen_kappa",
    "confusion_table",
    "f1",
    "get_metric",
    "gwet_ac",
    "gwet_ac_at_chance",
    "icc_agreement",
    "mcc",
    "mean_absolute_error",
    "mean_difference",
    "median_step_kappa",
    "paired_difference",
    "pearson_correlation",
    "precision",
    "predicted_prevalence",
    "prevalence_index",
    "quadratic_weighted_kappa",
    "raw_agreement",
    "recall",
    "reference_prevalence",
    "spearman_correlation",
    "specificity",
    "within_step_kappa",
]
