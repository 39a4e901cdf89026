"""Who of two raters is stricter, and by how much: on all steps together, and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siming.metrics import Measured
from siming.metrics.comparison.multiplicity import holm
from siming.metrics.marginals import (
    HomogeneityTest,
    LevelDifference,
    McNemar,
    mcnemar_by_step,
    mean_level_difference,
    stuart_maxwell,
)
from siming.rating.compared import Compared
from siming.rubric import N_LABELS

SURE = 0.05
"""p below which a rater is called the stricter one."""


@dataclass(frozen=True)
class StepVerdicts:
    """Which rater calls one step wrong more often."""

    step: str
    only_first: int
    """Attempts on which only the first rater calls it wrong."""
    only_second: int
    p_value: Measured
    p_holm: Measured
    """The same, corrected for the number of steps."""
    stricter: str | None
    """Who calls it wrong more often beyond chance; None where the data cannot tell."""


@dataclass(frozen=True)
class Marginals:
    """Whether two raters use the labels equally often."""

    stuart_maxwell: HomogeneityTest
    mean_level_difference: LevelDifference
    """First minus second label; above 0 the first rater is the more generous."""
    stricter: str | None
    """Who gives the lower labels beyond chance; None where the data cannot tell."""
    mcnemar: Sequence[StepVerdicts]
    """Step by step, in the rubrics' order."""


def marginals_of(compared: Compared, steps: Sequence[str]) -> Marginals:
    """The tests over the cells in which both gave points.

    Args:
        steps: Ids of the compared steps, in the order of their numbers.
    """
    first, second = compared.first, compared.second
    if not compared.n_cells:
        nothing = Measured(None, 0, 0, reason="no pairs: no cell is compared")
        return Marginals(HomogeneityTest(nothing, 0, nothing), LevelDifference(nothing, nothing, nothing), None, ())
    filled = compared.filled
    labels = (filled.first.labels, filled.second.labels)
    difference = mean_level_difference(*labels, n_labels=N_LABELS, cluster=filled.cluster)
    return Marginals(
        stuart_maxwell=stuart_maxwell(*labels, n_labels=N_LABELS, cluster=filled.cluster),
        mean_level_difference=difference,
        stricter=_lower(difference, first.name, second.name),
        mcnemar=[
            StepVerdicts(
                step=step,
                only_first=test.only_first,
                only_second=test.only_second,
                p_value=test.p_value,
                p_holm=test.p_holm,
                stricter=_called_wrong_more(test.only_first, test.only_second, test.p_holm, first.name, second.name),
            )
            for step, test in zip(steps, _by_step(compared), strict=True)
        ],
    )


def _by_step(compared: Compared) -> list[McNemar]:
    """McNemar's test of each step; where candidates have several attempts, Durkalski's, which is it by candidate."""
    first, second = compared.first.wrong, compared.second.wrong
    exact = list(mcnemar_by_step(first, second, step=compared.step).values())
    if len(np.unique(compared.cluster)) == len(np.unique(compared.attempt)):
        return exact
    p_values = [
        stuart_maxwell(own.first.wrong, own.second.wrong, n_labels=2, cluster=own.cluster).p_value
        for _, own in compared.by_step()
    ]
    corrected = holm([p.value for p in p_values])
    return [
        replace(test, p_value=p, p_holm=p if adjusted is None else replace(p, value=adjusted))
        for test, p, adjusted in zip(exact, p_values, corrected, strict=True)
    ]


def _lower(difference: LevelDifference, first: str, second: str) -> str | None:
    p, mean = difference.p_value.value, difference.difference.value
    if p is None or mean is None or p >= SURE:
        return None
    return second if mean > 0 else first


def _called_wrong_more(only_first: int, only_second: int, p_holm: Measured, first: str, second: str) -> str | None:
    if p_holm.value is None or p_holm.value >= SURE:
        return None
    return first if only_first > only_second else second
