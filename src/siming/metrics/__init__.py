"""Statistics of agreement: numbers in, numbers out. Knows no rubric, no file, no model.

Cells come as flat arrays: a label of each rater, and the video (cluster) and step each cell belongs to.
Everything returns `Measured`, or a record of several: a value or the reason why there is none, with its interval and
denominators. What is about raters, standards, generalizability, comparison, planning or printed tables stands in the
folder of that name; `attainable.py`, which brings an optimiser, is not loaded here. `CATALOGUE` knows it all.
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
from siming.metrics.concordance import (
    PassDecision,  # what pass_decision returns
    bland_altman_exact,  # limits of agreement with exact intervals
    concordance_correlation,  # Lin's CCC
    pass_decision,  # whether two raters pass the same candidates
    proportional_bias,  # whether the difference grows with the marks
    root_mean_square_error,  # RMSE in marks
    share_within,  # share of videos within a tolerance
    smallest_detectable_difference,  # how far totals must lie apart
    standard_error_of_measurement,  # SEM in marks
)
from siming.metrics.evidence import (
    disjoint_evidence,  # equal labels for different evidence
    evidence_iou,  # overlap in time of what two raters marked
    evidence_iou_by_step,  # the same for each step
)
from siming.metrics.icc import (
    FInterval,  # closed-form limits of intraclass correlations
    IntraclassCorrelations,  # what intraclass_correlations returns
    intraclass_correlation,  # one of the six forms
    intraclass_correlations,  # all six, with F tests and mean squares
)
from siming.metrics.kappa import (
    cohen_kappa,  # nominal, linear, quadratic or own weights
    median_step_kappa,  # median over steps of each step's kappa
    quadratic_weighted_kappa,  # QWK pooled over cells
    within_step_kappa,  # QWK that earns nothing from knowing which steps are hard
)
from siming.metrics.kendall import (
    kendall_correlation,  # tau-b
)
from siming.metrics.krippendorff import (
    krippendorff_alpha,  # nominal, ordinal, interval or ratio; any number of raters
)
from siming.metrics.many_raters import (
    agreement_of_many,  # share of rater pairs that agree
    brennan_prediger_of_many,  # beyond even guessing
    conger_kappa,  # chance from each rater's own labels
    fleiss_kappa,  # chance from the labels of all
    gwet_ac_of_many,  # AC1 and AC2
    scott_pi,  # two raters, chance from one bag
)
from siming.metrics.marginals import (
    bhapkar,  # equal use of the labels, variance as it is
    mcnemar_by_step,  # one rater stricter on a step
    mean_level_difference,  # how much higher one rater's labels lie
    stuart_maxwell,  # equal use of the labels
)
from siming.metrics.measured import (
    Interval,  # limits and how they were made
    Measured,  # a value, or the reason why there is none
)
from siming.metrics.registry import (
    CATALOGUE,  # every statistic by name
    METRICS,  # every metric of two raters by name
    Entry,  # one of the catalogue: shape of its data, path, formula, source
    Metric,  # one of the metrics: function, kind, formula, source
    get_metric,  # by name, or an error that lists the names
    get_statistic,  # by name, or an error that names the nearest
)
from siming.metrics.resample import (
    ClusterBootstrap,  # redraw whole videos, seeded
    Jackknife,  # leave out one video at a time
)
from siming.metrics.specific import (
    label_agreement,  # per label: raw, positive and negative agreement
    negative_agreement,  # if one calls a step right, the other does
    positive_agreement,  # if one calls a step wrong, the other does
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
    "CATALOGUE",
    "METRICS",
    "BlandAltman",
    "ClusterBootstrap",
    "Entry",
    "FInterval",
    "Interval",
    "IntraclassCorrelations",
    "Jackknife",
    "Measured",
    "Metric",
    "PairedDifference",
    "PassDecision",
    "agreement_of_many",
    "balanced_accuracy",
    "bhapkar",
    "bias_index",
    "bland_altman",
    "bland_altman_exact",
    "brennan_prediger",
    "brennan_prediger_of_many",
    "by_step",
    "cohen_kappa",
    "concordance_correlation",
    "confusion_table",
    "conger_kappa",
    "disjoint_evidence",
    "evidence_iou",
    "evidence_iou_by_step",
    "f1",
    "fleiss_kappa",
    "get_metric",
    "get_statistic",
    "gwet_ac",
    "gwet_ac_at_chance",
    "gwet_ac_of_many",
    "icc_agreement",
    "intraclass_correlation",
    "intraclass_correlations",
    "kendall_correlation",
    "krippendorff_alpha",
    "label_agreement",
    "mcc",
    "mcnemar_by_step",
    "mean_absolute_error",
    "mean_difference",
    "mean_level_difference",
    "median_step_kappa",
    "negative_agreement",
    "paired_difference",
    "pass_decision",
    "pearson_correlation",
    "positive_agreement",
    "precision",
    "predicted_prevalence",
    "prevalence_index",
    "proportional_bias",
    "quadratic_weighted_kappa",
    "raw_agreement",
    "recall",
    "reference_prevalence",
    "root_mean_square_error",
    "scott_pi",
    "share_within",
    "smallest_detectable_difference",
    "spearman_correlation",
    "specificity",
    "standard_error_of_measurement",
    "stuart_maxwell",
    "within_step_kappa",
]
