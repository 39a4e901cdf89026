"""How many videos, raters or links a question needs."""

from siming.metrics.planning.design import design_effect
from siming.metrics.planning.pilot import plan_from_pilot, plan_from_table
from siming.metrics.planning.planner import (
    double_rating_share,
    plan_correlation,
    plan_icc,
    plan_link_videos,
    power_of_correlation,
)

__all__ = [
    "design_effect",
    "double_rating_share",
    "plan_correlation",
    "plan_from_pilot",
    "plan_from_table",
    "plan_icc",
    "plan_link_videos",
    "power_of_correlation",
]
