"""Steps and pass marks: item analysis, stations, and the ways to set a cut."""

from siming.metrics.standards.contrast import contrasting_groups
from siming.metrics.standards.items import (
    alpha_if_deleted,
    analyse_steps,
    cronbach_alpha,
    label_use,
    step_difficulty,
    step_rest_correlation,
    upper_lower_index,
)
from siming.metrics.standards.panel import angoff, ebel, hofstee
from siming.metrics.standards.regression import borderline_group, borderline_regression, exam_borderline_regression
from siming.metrics.standards.stations import between_group_share, station_metrics

__all__ = [
    "alpha_if_deleted",
    "analyse_steps",
    "angoff",
    "between_group_share",
    "borderline_group",
    "borderline_regression",
    "contrasting_groups",
    "cronbach_alpha",
    "ebel",
    "exam_borderline_regression",
    "hofstee",
    "label_use",
    "station_metrics",
    "step_difficulty",
    "step_rest_correlation",
    "upper_lower_index",
]
