"""How many videos a question needs, by closed forms. `width` is always the whole interval, limit to limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import scipy

from siming.errors import LabelError
from siming.metrics.comparison.dependent import fisher_limits
from siming.metrics.measured import Measured
from siming.metrics.resample import t_quantile

MOST_VIDEOS = 1_000_000
"""Plans beyond it are not made: the question is the wrong one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many videos reach a goal."""

    goal: str
    videos: int | None
    """The smallest number that reaches it; None exactly when `reason` is set."""
    method: str
    unrounded: float | None = None
    """What a closed form gave before it was rounded up."""
    reached: Measured | None = None
    """Width or power at that number."""
    reason: str | None = None
    notes: tuple[str, ...] = ()
    seed: int | None = None
    replicates: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; keys are the field names, empty ones left out."""
        out: dict[str, Any] = {"goal": self.goal, "videos": self.videos, "method": self.method}
        rest = {"unrounded": self.unrounded, "reason": self.reason, "seed": self.seed, "replicates": self.replicates}
        out |= {name: value for name, value in rest.items() if value is not None}
        if self.reached is not None:
            out["reached"] = self.reached.to_json()
        if self.notes:
            out["notes"] = list(self.notes)
        return out


def plan_correlation(
    r: float,
    *,
    power: float | None = None,
    width: float | None = None,
    null: float = 0.0,
    alpha: float = 0.05,
) -> Plan:
    """Videos to tell a correlation of r from another with this power, or to give it an interval of this width.

    Power: n = ((z_alpha/2 + z_power) / (atanh r - atanh null))^2 + 3, two-sided. Width: the smallest n whose Fisher
    limits at level 1 - alpha lie no further apart.

    Raises:
        LabelError: Not exactly one of `power` and `width`, or a value out of range.

    Source: Fisher 1921.

    >>> plan_correlation(0.158, power=0.8).videos
    313
    """
    check_open(r, "r", -1, 1)
    check_open(null, "null", -1, 1)
    goal = describe_goal(f"r = {r:g}" + (f" against {null:g}" if null else ""), power, width, alpha)
    method = "Fisher z, closed form"
    if power is not None:
        if r == null:
            return Plan(goal, None, method, reason=f"a correlation of {r:g} cannot be told from {null:g}")
        apart = math.atanh(r) - math.atanh(null)
        unrounded = ((normal_quantile(1 - alpha / 2) + normal_quantile(power)) / apart) ** 2 + 3
        return _closed(goal, method, unrounded, lambda n: power_of_correlation(r, n, null=null, alpha=alpha))
    assert width is not None

    def wide(n: int) -> float:
        low, high = fisher_limits(r, n=n, level=1 - alpha)
        return high - low

    found = smallest(lambda n: wide(n) <= width, 4)
    if found is None:
        return Plan(goal, None, method, reason=f"more than {MOST_VIDEOS} videos")
    return Plan(goal, found, method, reached=Measured(wide(found), found, found))


def power_of_correlation(r: float, n: int, *, null: float = 0.0, alpha: float = 0.05) -> Measured:
    """Probability that a correlation of r over n videos comes out different from `null`, two-sided.

    Source: Fisher 1921.

    >>> round(power_of_correlation(0.158, 200).value, 2)
    0.61
    """
    check_open(r, "r", -1, 1)
    check_open(null, "null", -1, 1)
    check_open(alpha, "alpha", 0, 1)
    if n < 4:
        return Measured(None, n, n, reason=f"{n} videos are fewer than 4")
    shift, critical = (math.atanh(r) - math.atanh(null)) * math.sqrt(n - 3), normal_quantile(1 - alpha / 2)
    return Measured(float(scipy.special.ndtr(shift - critical) + scipy.special.ndtr(-shift - critical)), n, n)


def plan_icc(
    icc: float,
    *,
    width: float | None = None,
    power: float | None = None,
    null: float = 0.0,
    raters: int = 2,
    alpha: float = 0.05,
    two_rater_correction: bool = True,
) -> Plan:
    """Videos that give an intraclass correlation an interval of this width, or tell it from another with this power.

    Width: n = 8 z^2 (1 - R)^2 (1 + (k - 1) R)^2 / (k (k - 1) w^2) + 1, and 5 R more where k = 2 and R is 0.7 or
    more, where the formula alone falls short. Power: n = 1 + 2 k (z_alpha/2 + z_power)^2 / ((k - 1) (ln C)^2) with
    C = (1 + k R / (1 - R)) / (1 + k R0 / (1 - R0)).

    Args:
        icc: Its expected value R.
        width: From limit to limit.
        power: Two-sided, of the F test of the one-way form.
        null: The value R0 that it is to be told from.
        raters: Raters per video, k.
        alpha: 1 - level of the interval, or two-sided error of the test.
        two_rater_correction: Whether to add the 5 R.

    Raises:
        LabelError: Not exactly one of `power` and `width`, or a value out of range.

    Source: Bonett 2002; Walter, Eliasziw and Donner 1998.

    >>> plan_icc(0.7, width=0.2, raters=3).videos
    68
    >>> plan_icc(0.8, power=0.8, null=0.6).videos
    49
    """
    if raters < 2:
        raise LabelError(f"{raters} raters cannot agree or differ; give at least 2")
    check_open(icc, "icc", -1 / (raters - 1), 1)
    check_open(null, "null", -1 / (raters - 1), 1)
    against = f" against {null:g}" if power is not None else ""
    goal = describe_goal(f"ICC = {icc:g} of {raters} raters{against}", power, width, alpha)
    z = normal_quantile(1 - alpha / 2)
    if power is not None:
        method = "Walter, Eliasziw and Donner 1998, closed form"
        if icc == null:
            return Plan(goal, None, method, reason=f"an ICC of {icc:g} cannot be told from {null:g}")
        ratio, ratio_null = (1 + raters * value / (1 - value) for value in (icc, null))
        apart = math.log(ratio / ratio_null)
        unrounded = 1 + 2 * raters * (z + normal_quantile(power)) ** 2 / ((raters - 1) * apart**2)
        return _closed(goal, method, unrounded, None)
    assert width is not None
    plain = 8 * z**2 * (1 - icc) ** 2 * (1 + (raters - 1) * icc) ** 2 / (raters * (raters - 1) * width**2) + 1
    if two_rater_correction and raters == 2 and icc >= 0.7:
        note = f"{plain:.2f} by the formula and 5 R = {5 * icc:.2f} more, as Bonett advises for two raters"
        return replace(_closed(goal, "Bonett 2002, closed form", plain + 5 * icc, None), notes=(note,))
    return _closed(goal, "Bonett 2002, closed form", plain, None)


def double_rating_share(plan: Plan, videos: int) -> Measured:
    """Share of so many videos that a second physician must rate, drawn at random, to reach the plan's goal.

    >>> double_rating_share(plan_icc(0.7, width=0.2, raters=3), 200).value
    0.34
    """
    if videos < 1:
        raise LabelError(f"found {videos} videos, wanted at least 1")
    if plan.videos is None:
        return Measured(None, videos, videos, reason=plan.reason)
    if plan.videos > videos:
        why = f"the goal needs {plan.videos} videos rated twice and there are {videos}"
        return Measured(None, videos, videos, reason=why)
    return Measured(plan.videos / videos, videos, videos)


def plan_link_videos(difference_sd: float, *, width: float, hops: int = 1, alpha: float = 0.05) -> Plan:
    """Videos that two raters must share so that their difference in severity has an interval of this width.

    The smallest n with 2 t(n - 1) SD sqrt(hops / n) <= width.

    Args:
        difference_sd: Standard deviation, over videos, of one rater's marks less the other's.
        width: In marks, from limit to limit.
        hops: Links in the chain where the raters share no videos but are linked through others, each pair
            of neighbours sharing n; the errors of the links add up.
        alpha: 1 - level of the interval.

    Source: t interval of a mean of paired differences.

    >>> plan_link_videos(6, width=4).videos
    38
    """
    if not difference_sd > 0 or hops < 1:
        raise LabelError(f"difference_sd is {difference_sd} and hops {hops}; give more than 0 and at least 1")
    goal = describe_goal(f"severity over {hops} link(s), SD of differences {difference_sd:g}", None, width, alpha)

    def wide(n: int) -> float:
        return 2 * t_quantile(1 - alpha, n - 1) * difference_sd * math.sqrt(hops / n)

    found = smallest(lambda n: wide(n) <= width, 2)
    if found is None:
        return Plan(goal, None, "t interval", reason=f"more than {MOST_VIDEOS} videos")
    return Plan(goal, found, "t interval", reached=Measured(wide(found), found, found))


def describe_goal(what: str, power: float | None, width: float | None, alpha: float) -> str:
    """The goal in words, after checking that there is exactly one."""
    check_open(alpha, "alpha", 0, 1)
    if (power is None) == (width is None):
        raise LabelError("a plan has one goal: give either power or width")
    if width is not None:
        if not width > 0:
            raise LabelError(f"width is {width}; give more than 0, from limit to limit")
        return f"{what}: {1 - alpha:.0%} interval no wider than {width:g}"
    assert power is not None
    check_open(power, "power", 0, 1)
    return f"{what}: power {power:.0%} at two-sided {alpha:g}"


def smallest(enough: Callable[[int], bool], low: int) -> int | None:
    """The smallest number from `low` on that is enough, if more is never worse; None beyond `MOST_VIDEOS`."""
    high = low
    while not enough(high):
        if high >= MOST_VIDEOS:
            return None
        low, high = high + 1, min(2 * high, MOST_VIDEOS)
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high


def normal_quantile(share: float) -> float:
    """Value below which this share of a standard normal variable lies."""
    return float(scipy.special.ndtri(share))


def check_open(value: float, what: str, low: float, high: float) -> None:
    """Refuse a value that is not strictly between two bounds."""
    if not low < value < high:
        raise LabelError(f"{what} is {value}; give a number between {low:g} and {high:g}, ends excluded")


def _closed(goal: str, method: str, unrounded: float, reached: Callable[[int], Measured] | None) -> Plan:
    if unrounded > MOST_VIDEOS:
        return Plan(goal, None, method, unrounded, reason=f"more than {MOST_VIDEOS} videos")
    # A formula that comes out at 68.0000000001 means 68.
    videos = max(4, math.ceil(unrounded - 1e-9))
    return Plan(goal, videos, method, unrounded, None if reached is None else reached(videos))
