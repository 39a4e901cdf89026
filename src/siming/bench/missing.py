"""What a missing answer counts for: `strict` or `drop`.

strict (for leaderboards): a missing cell takes the value farthest from the reference. Labels 0 and 1 become 3,
labels 2 and 3 become 0; a verdict becomes its opposite; points become 0 or the step's maximum, whichever is
farther from the reference's. For verdicts and raw agreement that can only lower a score. Coefficients that
correct for chance are moved by the margins too, and there a filled cell may even raise a poor value; then
the value over the answered cells stands instead. So silence never pays, whatever the metric.

drop: all runs compared in a setting are measured on the cells that every one of them answered.

Under either, a cell the reference does not judge is left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from siming.errors import TaskError
from siming.metrics import Measured
from siming.rating.cells import MISSING, Bools, Column, Grid, Ints
from siming.rubric import N_LABELS

Policy = Literal["strict", "drop"]

DISTANCES = ("mean_difference",)
"""Metrics that are worse the farther they lie from 0; all others are worse the lower they are."""


def check_policy(name: str) -> None:
    """Refuse a policy that does not exist.

    Raises:
        TaskError: it is neither ``strict`` nor ``drop``.
    """
    if name not in ("strict", "drop"):
        raise TaskError(f"unknown policy for missing answers {name!r}; give 'strict' or 'drop'")


def farthest_labels(reference: Ints) -> Ints:
    """The label farthest from each one; `MISSING` stays missing.

    >>> farthest_labels(np.array([0, 1, 2, 3, -1])).tolist()
    [3, 3, 0, 0, -1]
    """
    top = N_LABELS - 1
    return np.where(reference == MISSING, MISSING, np.where(2 * reference < top, top, 0))


def worst_case(grid: Grid, reference: Column, column: Column, missing: Bools) -> Column:
    """The column with every missing cell filled as far from the reference as the scale allows."""
    opposite = np.where(reference.wrong == MISSING, MISSING, 1 - reference.wrong)
    with np.errstate(invalid="ignore"):  # NaN where the reference has no points: filled with NaN again
        far = np.where(2 * reference.points >= grid.max_points, 0.0, grid.max_points)
    far = np.where(np.isnan(reference.points), np.nan, far)
    return replace(
        column,
        labels=np.where(missing, farthest_labels(reference.labels), column.labels),
        wrong=np.where(missing, opposite, column.wrong),
        points=np.where(missing, far, column.points),
    )


def at_worst(filled: Mapping[str, Measured], answered: Mapping[str, Measured]) -> dict[str, Measured]:
    """Metric by metric the worse of two: missing cells filled, and answered cells alone."""
    return {name: _worse(name, filled[name], answered[name]) for name in filled}


def _worse(name: str, filled: Measured, answered: Measured) -> Measured:
    if filled.value is None:
        return filled if answered.value is None else answered
    if answered.value is None:
        if name in DISTANCES or filled.value <= 0:
            return filled
        # A constant answer has no correlation; a failed call must not lend it one.
        return replace(
            filled,
            value=None,
            interval=None,
            interval_reason=None,
            reason=f"undefined on the cells that were answered ({answered.reason})",
        )
    far, near = (abs(filled.value), abs(answered.value)) if name in DISTANCES else (-filled.value, -answered.value)
    if far >= near:
        return filled
    note = "over the answered cells alone: filling the missing ones at their worst would raise this value"
    return replace(answered, notes=(*answered.notes, note))
