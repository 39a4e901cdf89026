"""Agreement on step labels and on right or wrong."""

from __future__ import annotations

from siming.metrics.registry.entry import Entry, of_metric
from siming.metrics.registry.label_metrics import LABEL_METRICS, MORE_LABEL_METRICS
from siming.metrics.registry.verdict_metrics import MORE_VERDICT_METRICS, VERDICT_METRICS

_M = "siming.metrics."
_KAPPA = "1 - Do / De"
_GWET = "Gwet 2014"

_BY_NAME = {metric.name: metric for metric in (*LABEL_METRICS, *MORE_LABEL_METRICS)}
_LABEL_PATHS = {
    "raw_agreement": "agreement.raw_agreement",
    "kappa": "kappa.cohen_kappa",
    "kappa_linear": "kappa.cohen_kappa",
    "qwk": "kappa.quadratic_weighted_kappa",
    "qwk_within_step": "kappa.within_step_kappa",
    "qwk_median_step": "kappa.median_step_kappa",
    "ac1": "agreement.gwet_ac",
    "ac2": "agreement.gwet_ac",
    "ac2_at_chance": "agreement.gwet_ac_at_chance",
    "brennan_prediger": "agreement.brennan_prediger",
    "scott_pi": "many_raters.scott_pi",
}
_WEIGHTS = {"kappa": "nominal", "kappa_linear": "linear", "ac1": "nominal", "ac2": "quadratic"}


def _krippendorff(scale: str) -> Entry:
    name = f"krippendorff_{scale}"
    metric = _BY_NAME.get(name)
    return Entry(
        name,
        "agreement",
        "labels of many",
        f"{_M}krippendorff.krippendorff_alpha",
        metric.formula if metric else "1 - Do / De over pairs of labels of one cell, d = ((i - j) / (i + j))^2",
        "Krippendorff 2011",
        options={"scale": scale},
        metric=metric,
        unmoved_by=frozenset(("relabelling",)) if scale == "nominal" else frozenset(),
    )


def _many(name: str, function: str, formula: str, source: str, weights: str | None = None) -> Entry:
    return Entry(
        name,
        "agreement",
        "labels of many",
        f"{_M}many_raters.{function}",
        formula,
        source,
        options={} if weights is None else {"weights": weights},
        unmoved_by=frozenset() if weights == "quadratic" else frozenset(("relabelling",)),
    )


AGREEMENT = (
    *(
        of_metric(
            _BY_NAME[name],
            f"{_M}{path}",
            "agreement",
            **({"weights": _WEIGHTS[name]} if name in _WEIGHTS else {}),
        )
        for name, path in _LABEL_PATHS.items()
    ),
    _many(
        "agreement_of_many", "agreement_of_many", "pairs of raters with equal labels / pairs, mean over cells", _GWET
    ),
    _many(
        "fleiss_kappa", "fleiss_kappa", f"{_KAPPA}, chance from the mean share of each label", f"Fleiss 1971; {_GWET}"
    ),
    _many("conger_kappa", "conger_kappa", f"{_KAPPA}, chance from each rater's own labels", f"Conger 1980; {_GWET}"),
    _many("ac1_of_many", "gwet_ac_of_many", "AC1 with shares of rater pairs", f"Gwet 2008; {_GWET}", "nominal"),
    _many("ac2_of_many", "gwet_ac_of_many", "AC2 with shares of rater pairs", _GWET, "quadratic"),
    _many(
        "brennan_prediger_of_many",
        "brennan_prediger_of_many",
        "1 - Do / (1 - T_w / k^2) with shares of rater pairs",
        f"Brennan and Prediger 1981; {_GWET}",
    ),
    *(_krippendorff(scale) for scale in ("nominal", "ordinal", "interval", "ratio")),
    Entry(
        "label_agreement",
        "agreement",
        "labels of many",
        f"{_M}specific.label_agreement",
        "per label: (a + d) / n, 2a / (2a + b + c), 2d / (2d + b + c)",
        "Cicchetti and Feinstein 1990; Fleiss, Levin and Paik 2003",
        unmoved_by=frozenset(("relabelling",)),
    ),
    Entry(
        "attainable_kappa",
        "agreement",
        "labels",
        f"{_M}attainable.attainable_kappa",
        "kappa of the best and of the worst table with these margins",
        "Cohen 1960; Frechet-Hoeffding bounds",
        unmoved_by=frozenset(("relabelling",)),
    ),
    Entry(
        "confusion_table",
        "agreement",
        "labels",
        f"{_M}agreement.confusion_table",
        "cells per label of the first rater (rows) and of the second (columns)",
        "counts",
        symmetric=False,
    ),
    Entry(
        "by_step",
        "agreement",
        "labels",
        f"{_M}steps.by_step",
        "the metric on the cells of each step alone",
        "as the metric",
        options={"metric": "qwk"},
        by_step=True,
    ),
    Entry(
        "stuart_maxwell",
        "agreement",
        "labels",
        f"{_M}marginals.stuart_maxwell",
        "d' S^-1 d, d = differences of the margins, S under equal margins",
        "Stuart 1955; Maxwell 1970; Durkalski et al. 2003",
        unmoved_by=frozenset(("relabelling",)),
    ),
    Entry(
        "bhapkar",
        "agreement",
        "labels",
        f"{_M}marginals.bhapkar",
        "d' S^-1 d, S from the data as they are",
        "Bhapkar 1966; Keefe 1982",
        unmoved_by=frozenset(("relabelling",)),
    ),
    Entry(
        "mean_level_difference",
        "agreement",
        "labels",
        f"{_M}marginals.mean_level_difference",
        "mean (first - second) in levels, z by whole videos",
        "Liang and Zeger 1986",
        symmetric=False,
    ),
    *(
        of_metric(metric, f"{_M}{'specific' if 'agreement' in metric.name else 'binary'}.{metric.name}", "agreement")
        for metric in (*VERDICT_METRICS, *MORE_VERDICT_METRICS)
    ),
    Entry(
        "mcnemar_by_step",
        "agreement",
        "verdicts",
        f"{_M}marginals.mcnemar_by_step",
        "binomial test of only-first against only-second, per step; Holm over steps",
        "McNemar 1947; Fagerland, Lydersen and Laake 2013; Holm 1979",
        by_step=True,
    ),
    Entry(
        "step_prior",
        "agreement",
        "sheets",
        f"{_M}prior.step_prior",
        "per cell the most frequent label of its step in the other videos",
        "specification of siming, A12",
        command="siming bench score",
    ),
    Entry(
        "adjudication_rate",
        "agreement",
        "sheets",
        "siming.rating.consensus.adjudication_rate",
        "steps that two blind sheets leave in dispute / steps",
        "share",
        command="siming rating agree",
    ),
    Entry(
        "evidence_iou",
        "agreement",
        "evidence",
        f"{_M}evidence.evidence_iou",
        "seconds both marked / seconds either marked, mean over cells",
        "Jaccard 1901, of time",
    ),
    Entry(
        "disjoint_evidence",
        "agreement",
        "evidence",
        f"{_M}evidence.disjoint_evidence",
        "cells without an instant in common / cells with equal labels and evidence of both",
        "specification of siming, A13",
    ),
)
