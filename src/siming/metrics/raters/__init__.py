"""What raters do besides judging: halo, drift, differences by group, repeats, links, hidden truth."""

from siming.metrics.raters.dawid_skene import dawid_skene
from siming.metrics.raters.drift import cumulative_drift, linear_drift, severity_by_block
from siming.metrics.raters.groups import differential_functioning
from siming.metrics.raters.halo import rater_habits
from siming.metrics.raters.links import link_adjustment
from siming.metrics.raters.repeats import intra_rater

__all__ = [
    "cumulative_drift",
    "dawid_skene",
    "differential_functioning",
    "intra_rater",
    "linear_drift",
    "link_adjustment",
    "rater_habits",
    "severity_by_block",
]
