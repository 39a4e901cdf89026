"""What raters do besides judging."""

from __future__ import annotations

from siming.metrics.registry.entry import Entry

_RASCH = "siming.metrics.rasch."
_R = "siming.metrics.raters."
_FIT = f"{_RASCH}many_facet.many_facet_rasch"
_EFFECTS = "siming rating effects"

RATERS = (
    Entry(
        "many_facet_rasch",
        "raters",
        "ratings",
        _FIT,
        "ln(P_k / P_k-1) = ability - step threshold_k - severity; marginal ML; infit, outfit, separation, fair average",
        "Linacre 1989; Masters 1982; Andrich 1978; Bock and Aitkin 1981; Wright and Masters 1982",
        also=_EFFECTS,
    ),
    Entry(
        "severity_contrast",
        "raters",
        "ratings",
        f"{_RASCH}many_facet.severity_contrast",
        "severity of the first rater - of the second, in logits; refused across unlinked groups",
        "Linacre 1989",
        needs=("first", "second"),
        via=_FIT,
        symmetric=False,
        also=_EFFECTS,
    ),
    Entry(
        "connectivity",
        "raters",
        "ratings",
        f"{_RASCH}connectivity.connectivity",
        "groups of raters and steps whose contrasts the ratings can estimate",
        "Searle 1971; Linacre 1989",
        also=_EFFECTS,
    ),
    Entry(
        "rater_habits",
        "raters",
        "ratings",
        f"{_R}halo.rater_habits",
        "halo = same-rater - other-rater correlation of residuals; entropy of labels; SD of own thresholds",
        "Campbell and Fiske 1959; Saal, Downey and Lahey 1980; Shannon 1948; Wolfe 2004",
        also=_EFFECTS,
    ),
    Entry(
        "severity_by_block",
        "raters",
        "ratings",
        f"{_R}drift.severity_by_block",
        "severity in equal stretches of the rater's own order, one fit",
        "Wolfe, Myford, Engelhard and Manalo 2007",
        also=_EFFECTS,
    ),
    Entry(
        "linear_drift",
        "raters",
        "ratings",
        f"{_R}drift.linear_drift",
        "total = video + rater + slope x time, least squares",
        "two-way fixed effects with slopes",
        also=_EFFECTS,
    ),
    Entry(
        "cumulative_drift",
        "raters",
        "ratings",
        f"{_R}drift.cumulative_drift",
        "largest cumulative sum of centred differences along the first rater's order, permutation p",
        "Page 1954",
        symmetric=False,
        also=_EFFECTS,
    ),
    Entry(
        "differential_functioning",
        "raters",
        "ratings",
        f"{_R}groups.differential_functioning",
        "(c_rg - mean c_.g) - (c_rh - mean c_.h)",
        "Linacre 1989; Myford and Wolfe 2004",
        also=_EFFECTS,
    ),
    Entry(
        "intra_rater",
        "raters",
        "ratings",
        f"{_R}repeats.intra_rater",
        "any metric between a rater's first and second judgement of a cell",
        "as the metric",
        options={"metric": "qwk"},
        also=_EFFECTS,
    ),
    Entry(
        "link_adjustment",
        "raters",
        "ratings",
        f"{_R}links.link_adjustment",
        "totals expected of a rater of mean severity; advice only",
        "Linacre 1989; Yeates et al. 2019",
        via=_FIT,
        also=_EFFECTS,
    ),
    Entry(
        "dawid_skene",
        "raters",
        "ratings",
        f"{_R}dawid_skene.dawid_skene",
        "latent true labels and a confusion table per rater, EM",
        "Dawid and Skene 1979",
        also=_EFFECTS,
    ),
)
