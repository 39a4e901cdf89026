"""Before the first rating: who rates what, in which order, and what that will be able to say."""

from siming.rating.plan.assignment import Assignment, AssignmentPlan, Connections, PairCount, Purpose, Workload
from siming.rating.plan.forecast import Assumptions, Forecast
from siming.rating.plan.planner import REPEAT_AFTER_DAYS, plan_assignments, replan
from siming.rating.plan.refusal import PlanError
from siming.rating.plan.roster import PlanAttempt, PlanRater

__all__ = [
    "REPEAT_AFTER_DAYS",
    "Assignment",
    "AssignmentPlan",
    "Assumptions",
    "Connections",
    "Forecast",
    "PairCount",
    "PlanAttempt",
    "PlanError",
    "PlanRater",
    "Purpose",
    "Workload",
    "plan_assignments",
    "replan",
]
