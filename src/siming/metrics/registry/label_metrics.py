"""Metrics of two raters' step labels."""

from __future__ import annotations

from functools import partial
from typing import Any

from numpy.typing import ArrayLike

from siming.metrics import agreement, kappa, krippendorff, many_raters
from siming.metrics.measured import Measured
from siming.metrics.registry.metric import Change, Metric
from siming.metrics.resample import ClusterBootstrap
from siming.metrics.statistic import Statistic

NOMINAL: frozenset[Change] = frozenset(("relabelling",))

_KAPPA = "1 - sum(d n) / sum(d e), d = 1 - w, e = row x column / cells"
_AC = "1 - Do / (1 - T_w / (k (k - 1)) sum pi (1 - pi)), pi = mean share of a label"
_COHEN = "Cohen 1960, 1968"
_GWET = "Gwet 2008, 2014"
_ALPHA = "1 - Do / De over pairs of labels of one cell, all pairs of labels in De"


def _alpha(first: ArrayLike, second: ArrayLike, **options: Any) -> Measured:
    return krippendorff.krippendorff_alpha([first, second], **options)


def _alpha_statistic(first: ArrayLike, second: ArrayLike, **options: Any) -> Statistic:
    return krippendorff.krippendorff_statistic([first, second], **options)


def _krippendorff(scale: str, distance: str) -> Metric:
    return Metric(
        f"krippendorff_{scale}",
        "label",
        partial(_alpha, scale=scale),
        partial(_alpha_statistic, scale=scale),
        f"{_ALPHA}, {distance}",
        "Krippendorff 2011",
        unmoved_by=NOMINAL if scale == "nominal" else frozenset(),
        own_interval=ClusterBootstrap(),
    )


LABEL_METRICS = (
    Metric(
        "raw_agreement",
        "label",
        agreement.raw_agreement,
        agreement.agreement_statistic,
        "cells with equal labels / cells",
        "share",
        unmoved_by=NOMINAL,
    ),
    Metric(
        "kappa",
        "label",
        partial(kappa.cohen_kappa, weights="nominal"),
        partial(kappa.kappa_statistic, weights="nominal"),
        f"{_KAPPA}, w = [i = j]",
        _COHEN,
        unmoved_by=NOMINAL,
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
        unmoved_by=NOMINAL,
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
        unmoved_by=NOMINAL,
    ),
)

MORE_LABEL_METRICS = (
    Metric(
        "scott_pi",
        "label",
        many_raters.scott_pi,
        many_raters.scott_statistic,
        "1 - Do / (1 - sum pi^2), pi = mean share of a label",
        "Scott 1955",
        unmoved_by=NOMINAL,
    ),
    _krippendorff("nominal", "d = [i != j]"),
    _krippendorff("ordinal", "d = squared number of labels given from i to j, the two at the ends half"),
    _krippendorff("interval", "d = (i - j)^2"),
)
