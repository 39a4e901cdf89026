"""How many videos, raters or links a question needs."""

from siming.metrics.planning.design import design_effect
from siming.metrics.planning.pilot import plan_from_pilot, plan_from_table, table_with_kappa
from siming.metrics.planning.planner import (
    Plan,
    double_rating_share,
    plan_correlation,
    plan_icc,
    plan_link_videos,
    power_of_correlation,
)

__all__ = [
    "Plan",
    "design_effect",
    "double_rating_share",
    "plan_correlation",
    "plan_from_pilot",
    "plan_from_table",
    "plan_icc",
    "plan_link_videos",
    "power_of_correlation",
    "table_with_kappa",
]
