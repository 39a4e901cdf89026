"""From points to labels: the ordinal reading 0 to 3 and the binary reading right or wrong.

The mapping is data in the rubric (`ordinal_map`, `binary_map`); all arithmetic is in exact fractions, because
5/18 of a step must not depend on how a computer writes it. The paper's own mapping (SiMing-Bench, Eq. 3) is
not in its published text: the shipped thresholds are this project's assumption and every result names them.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from siming.rubric.rubric import DeficientBand, MinorBand, OrdinalMap, Rubric, Step
from siming.rubric.sheet import Entry, Sheet

N_LABELS = 4
"""Labels 0 failed, 1 clearly deficient, 2 minor deduction, 3 fully correct."""

ALTERNATIVE_MAPS: tuple[OrdinalMap, ...] = (
    OrdinalMap(
        name="zero-only-at-zero",
        minor=MinorBand(max_ratio="1/3", floor_points=1),
        deficient=DeficientBand(below_ratio="1"),
    ),
    OrdinalMap(
        name="minor-to-a-quarter",
        minor=MinorBand(max_ratio="1/4", floor_points=1),
        deficient=DeficientBand(below_ratio="3/4"),
    ),
    OrdinalMap(
        name="minor-to-a-half",
        minor=MinorBand(max_ratio="1/2", floor_points=1),
        deficient=DeficientBand(below_ratio="3/4"),
    ),
)
"""Other plausible readings of the lost equation; a report shows kappa under these beside the rubric's own."""


@lru_cache(maxsize=4096)
def exact(points: float) -> Fraction:
    """Points as people wrote them: 0.1 is one tenth, not the nearest binary number.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(str(points))


def label_of_points(
    points: float, max_points: float, ordinal_map: OrdinalMap, *, void: bool = False, critical: bool = False
) -> int:
    """Ordinal label of one step, 0 to 3.

    Args:
        points: What the step earned, 0 to `max_points`.
        void: A state the step needs was missing, so it failed whatever it looked like.
        critical: A critical deduction was taken.

    >>> from siming.rubric import builtin_rubric
    >>> aed = builtin_rubric("aed-adult")
    >>> [label_of_points(p, 18, aed.ordinal_map) for p in (18, 12, 9, 4)]
    [3, 2, 1, 0]
    """
    if void or critical:
        return ordinal_map.failed_label
    if points >= max_points:
        return ordinal_map.full_label
    lost = exact(max_points) - exact(points)
    ratio = lost / exact(max_points)
    if ratio >= Fraction(ordinal_map.deficient.below_ratio):
        return ordinal_map.failed_label
    if ratio <= Fraction(ordinal_map.minor.max_ratio) or lost <= exact(ordinal_map.minor.floor_points):
        return ordinal_map.minor.label
    return ordinal_map.deficient.label


def label_of_entry(entry: Entry, step: Step, ordinal_map: OrdinalMap) -> int | None:
    """Label of one entry of a sheet; None where the author gave no points."""
    if entry.points is None:
        return None
    taken = (step.find_deduction(deduction_id) for deduction_id in entry.deductions)
    critical = any(d is not None and d.severity == "critical" for d in taken)
    return label_of_points(entry.points, step.max_points, ordinal_map, void=entry.void, critical=critical)


def labels_of_sheet(sheet: Sheet, rubric: Rubric, ordinal_map: OrdinalMap | None = None) -> dict[str, int | None]:
    """Labels by step id, in the rubric's order; None where the author gave no points."""
    mapping = ordinal_map or rubric.ordinal_map
    return {
        step.id: label_of_entry(sheet.steps[step.id], step, mapping) if step.id in sheet.steps else None
        for step in rubric.steps
    }


def wrong_of_entry(entry: Entry, step: Step, rubric: Rubric) -> bool | None:
    """Whether the step was done wrong (the positive class); None where the author did not say."""
    if entry.wrong is not None:
        return entry.wrong
    label = label_of_entry(entry, step, rubric.ordinal_map)
    return None if label is None else label < rubric.binary_map.correct_when_label_at_least
