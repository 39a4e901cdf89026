"""Points of one step while somebody is rating it: what ticked deductions leave, which points are legal, and which
points each label stands for.

All arithmetic is in exact fractions, and it is the examiner's own (`examiner.py`): of one group only the largest
deduction counts, a step never loses more than it has, a cap takes what then lies above it, void takes everything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from siming.errors import SheetError
from siming.rubric.labels import exact, label_of_points
from siming.rubric.rubric import OrdinalMap, Rubric, Step

HALF = Fraction(1, 2)
"""Half points are legal; the paper sheets of most exams use them."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a step has left after its deductions, and what each of them took.

    Always ``sum(charged.values()) + by_limits == max_points - points``: nothing is lost twice or out of nowhere.
    """

    points: Fraction
    lost: Fraction
    charged: Mapping[str, Fraction]
    """Every ticked deduction to what it really cost: 0 where a larger one of its group, or an empty step, swallowed it."""
    by_limits: Fraction
    """What missing states took: void, caps and their own deductions."""
    critical: bool
    """Whether a critical deduction is among them: the label is then 0 whatever the points."""


def deduction_points(
    step: Step,
    deductions: Collection[str],
    *,
    void: bool = False,
    cap: float | None = None,
    deducted: Collection[float] = (),
) -> Running:
    """Points that ticked deductions leave, as the examiner would count them.

    Args:
        deductions: Ids of the ticked deductions of the step, in any order.
        void: A state that the step needs was missing and the rubric voids the step for it.
        cap: The most that a missing state lets the step earn.
        deducted: What missing states cost, one price each.

    Raises:
        SheetError: a deduction that the step does not have.

    >>> from siming.rubric import builtin_rubric
    >>> pads = builtin_rubric("aed-adult").get_step("aed04")
    >>> running = deduction_points(pads, ["d1", "d3", "d5"])  # d1 and d5 are of one group: 9 + 3 of 18
    >>> print(running.points, {name: int(cost) for name, cost in running.charged.items()})
    6 {'d1': 0, 'd3': 3, 'd5': 9}
    """
    check_deductions(step, deductions)
    maximum = exact(step.max_points)
    left = Fraction(0) if void else maximum
    limits = maximum - left
    charged: dict[str, Fraction] = {d.id: Fraction(0) for d in step.deductions if d.id in deductions}
    ticked = [d for d in step.deductions if d.id in charged]
    counted = set()
    for deduction in ticked:
        group = deduction.group or deduction.id
        if group not in counted:
            counted.add(group)
            dearest = max((d for d in ticked if (d.group or d.id) == group), key=lambda d: d.points)
            charged[dearest.id] = paid = min(left, exact(dearest.points))
            left -= paid
    for price in deducted:
        paid = min(left, exact(price))
        limits, left = limits + paid, left - paid
    if cap is not None and exact(cap) < left:
        limits, left = limits + left - exact(cap), exact(cap)
    critical = any(d.severity == "critical" for d in ticked)
    return Running(left, maximum - left, charged, limits, critical)


def check_deductions(step: Step, deductions: Collection[str]) -> None:
    """Refuse a deduction that the step does not have.

    Raises:
        SheetError: naming it, and those there are.
    """
    known = {d.id for d in step.deductions}
    for name in deductions:
        if name not in known:
            raise SheetError(
                f"step {step.id!r} has no deduction {name!r}; it has {', '.join(d.id for d in step.deductions) or 'none'}"
            )


def legal_points(step: Step, *, grain: Fraction = HALF) -> tuple[Fraction, ...]:
    """Points that may be given: 0, every multiple of the grain, and the maximum, in ascending order.

    Raises:
        SheetError: a grain that is not above 0.

    >>> from siming.rubric import builtin_rubric
    >>> [float(p) for p in legal_points(builtin_rubric("cpr-adult-single").get_step("cpr19"))]
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    """
    return _legal(exact(step.max_points), grain)


def point_ranges(
    step: Step, rubric: Rubric, *, grain: Fraction = HALF
) -> Mapping[int, tuple[Fraction, Fraction] | None]:
    """For each label from 3 to 0 the least and the most legal points that carry it; None where no points do.

    Of points alone: a critical deduction and a void step are label 0 whatever their points.

    >>> from siming.rubric import builtin_rubric
    >>> aed = builtin_rubric("aed-adult")
    >>> {label: r and (float(r[0]), float(r[1])) for label, r in point_ranges(aed.get_step("aed04"), aed).items()}
    {3: (18.0, 18.0), 2: (12.0, 17.5), 1: (5.0, 11.5), 0: (0.0, 4.5)}
    """
    return dict(_ranges(exact(step.max_points), rubric.ordinal_map, grain))


@lru_cache(maxsize=1024)
def _legal(maximum: Fraction, grain: Fraction) -> tuple[Fraction, ...]:
    if grain <= 0:
        raise SheetError(f"points in steps of {grain} cannot be; give a grain above 0, such as 1/2")
    below = [grain * number for number in range(int(maximum / grain) + 1)]
    return tuple(below) if below[-1] == maximum else (*below, maximum)


@lru_cache(maxsize=1024)
def _ranges(
    maximum: Fraction, ordinal_map: OrdinalMap, grain: Fraction
) -> tuple[tuple[int, tuple[Fraction, Fraction] | None], ...]:
    # `exact` reads "5/18" as it reads "0.1", so fractions go through the one definition of a label unrounded.
    labels = [(label_of_points(p, maximum, ordinal_map), p) for p in _legal(maximum, grain)]  # type: ignore[arg-type]
    out: list[tuple[int, tuple[Fraction, Fraction] | None]] = []
    for label in (3, 2, 1, 0):
        own = [points for found, points in labels if found == label]
        out.append((label, (own[0], own[-1]) if own else None))
    return tuple(out)
