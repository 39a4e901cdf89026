"""Comparing models, planning, auditing."""

from __future__ import annotations

from siming.metrics.registry.entry import Entry, Shape

_C = "siming.metrics.comparison."
_P = "siming.metrics.planning."
_JOINT = f"{_C}joint.joint_bootstrap"
_PLAN = "siming stats plan"
_AUDIT = "siming stats audit"


def _printed(name: str, function: str, formula: str, source: str, *needs: str) -> Entry:
    return Entry(name, "comparison", "numbers", f"{_C}{function}", formula, source, needs=needs)


def _joint(name: str, function: str, formula: str, source: str, **options: str) -> Entry:
    return Entry(
        name,
        "comparison",
        "models",
        f"{_C}{function}",
        formula,
        source,
        options=options,
        needs=("metric",),
        via=_JOINT,
    )


def _plan(name: str, function: str, formula: str, source: str, shape: Shape = "numbers") -> Entry:
    return Entry(name, "planning", shape, f"{_P}{function}", formula, source, command=_PLAN)


COMPARISON = (
    Entry(
        "paired_difference",
        "comparison",
        "two models",
        f"{_C}paired.paired_difference",
        "metric of the first - of the second on the same cells; jackknife or cluster bootstrap; sign flips by video",
        "sign-flip permutation of whole videos",
        needs=("metric",),
        symmetric=False,
    ),
    Entry(
        "compare_correlations",
        "comparison",
        "two models",
        f"{_C}dependent.compare_correlations",
        "Zou's interval, Meng's z and Williams's t from the totals",
        "Zou 2007; Meng, Rosenthal and Rubin 1992; Williams 1959",
        symmetric=False,
    ),
    _printed(
        "compare_printed_correlations",
        "dependent.compare_printed_correlations",
        "Zou's interval, Meng's z and Williams's t from printed numbers",
        "Zou 2007; Meng, Rosenthal and Rubin 1992; Williams 1959",
        *("r_first", "r_second", "r_between", "n"),
    ),
    _printed(
        "zou_interval",
        "dependent.zou_interval",
        "r1 - r2 with limits from Fisher limits of each and their correlation",
        "Zou 2007",
        *("r_first", "r_second", "r_between", "n"),
    ),
    _printed(
        "meng_test",
        "dependent.meng_test",
        "(z1 - z2) sqrt((n - 3) / (2 (1 - r) h))",
        "Meng, Rosenthal and Rubin 1992",
        *("r_first", "r_second", "r_between", "n"),
    ),
    _printed(
        "williams_test",
        "dependent.williams_test",
        "t of r1 - r2 with n - 3 degrees of freedom",
        "Williams 1959; Steiger 1980",
        *("r_first", "r_second", "r_between", "n"),
    ),
    _printed(
        "steiger_test",
        "dependent.steiger_test",
        "z of r12 - r34 with pooled correlations",
        "Steiger 1980",
        *("r12", "r34", "r13", "r14", "r23", "r24", "n"),
    ),
    _printed("fisher_limits", "dependent.fisher_limits", "tanh(atanh r +- z / sqrt(n - 3))", "Fisher 1921", "r", "n"),
    Entry(
        "holm",
        "comparison",
        "p values",
        f"{_C}multiplicity.holm",
        "largest so far of (m - i + 1) p_(i)",
        "Holm 1979",
    ),
    Entry(
        "benjamini_hochberg",
        "comparison",
        "p values",
        f"{_C}multiplicity.benjamini_hochberg",
        "smallest from here on of m p_(i) / i",
        "Benjamini and Hochberg 1995",
    ),
    _joint(
        "all_at_test",
        "multiplicity.all_at_test",
        "T^2 of all values less one given value, bootstrap covariance",
        "Hotelling 1931; Hall and Wilson 1991",
    ),
    _joint(
        "all_equal_test",
        "multiplicity.all_equal_test",
        "T^2 of all differences from the first, bootstrap covariance",
        "Hotelling 1931; Hall and Wilson 1991",
    ),
    _joint(
        "rank_models",
        "ranking.rank_models",
        "ranks that simultaneous intervals of all differences leave open; share of draws on top; tie groups",
        "Mogstad, Romano, Shaikh and Wilhelm 2024",
    ),
    _printed(
        "critical_correlation",
        "nulls.critical_correlation",
        "t / sqrt(n - 2 + t^2)",
        "Student's t",
        "n",
    ),
    _printed(
        "best_of_nulls",
        "nulls.best_of_nulls",
        "mean and upper quantile of the largest of m null correlations over n videos",
        "order statistics",
        *("models", "n"),
    ),
    _printed(
        "p_best_of_nulls",
        "nulls.p_best_of_nulls",
        "1 - P(one null < r)^m",
        "order statistics",
        *("r", "models", "n"),
    ),
    Entry(
        "best_of_shuffled",
        "comparison",
        "models",
        f"{_C}nulls.best_of_shuffled",
        "largest value of the models on shuffled videos",
        "Westfall and Young 1993",
        needs=("metric",),
    ),
)

PLANNING = (
    _plan(
        "plan_correlation",
        "planner.plan_correlation",
        "n = ((z_a + z_b) / (atanh r - atanh r0))^2 + 3; or the width of Fisher limits",
        "Fisher 1921",
    ),
    _plan(
        "plan_icc",
        "planner.plan_icc",
        "n = 8 z^2 (1 - R)^2 (1 + (k-1) R)^2 / (k (k-1) w^2) + 1; power by the ratio of F",
        "Bonett 2002; Walter, Eliasziw and Donner 1998",
    ),
    _plan(
        "plan_from_pilot",
        "pilot.plan_from_pilot",
        "spread of the metric over samples of n of the pilot's videos",
        "simulation",
        "sheets",
    ),
    _plan(
        "plan_from_table",
        "pilot.plan_from_table",
        "spread of the metric over samples of cells of a table of counts",
        "simulation",
        "labels",
    ),
    _plan(
        "plan_link_videos",
        "planner.plan_link_videos",
        "smallest n with 2 t SD sqrt(hops / n) <= width",
        "t interval of a mean of paired differences",
    ),
    _plan(
        "double_rating_share",
        "planner.double_rating_share",
        "videos of the plan / all videos",
        "share",
    ),
    Entry(
        "power_of_correlation",
        "planning",
        "numbers",
        f"{_P}planner.power_of_correlation",
        "P(|z| > z_a/2) with mean atanh(r) sqrt(n - 3)",
        "Fisher 1921",
        needs=("r", "n"),
    ),
    Entry(
        "design_effect",
        "planning",
        "labels",
        f"{_P}design.design_effect",
        "(jackknife error by video / by cell)^2",
        "Kish 1965",
        options={"metric": "qwk"},
    ),
    Entry(
        "audit_table",
        "planning",
        "printed table",
        "siming.metrics.audit.table.audit_table",
        "identities between printed figures, each figure a range",
        "Brown and Heathers 2017 (GRIM); definitions",
        command=_AUDIT,
    ),
    Entry(
        "kappa_floor",
        "planning",
        "numbers",
        "siming.metrics.audit.identities.kappa_floor",
        "1 - d / E, E = (2/9) Var of (3 w.p. 1-p, 2 w.p. p - d/2, 0 w.p. d/2)",
        "specification of siming, section 5.3",
        needs=("disagreement", "imperfect"),
    ),
)
