"""All faults, and how many of them an exam draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from random import Random

from siming.errors import TaskError
from siming.rubric import Rubric, builtin_rubric, label_of_points
from siming.simulate.fault import Fault
from siming.simulate.faults_aed import AED_FAULTS
from siming.simulate.faults_bmv import BMV_FAULTS
from siming.simulate.faults_cpr import CPR_FAULTS

RUBRICS = ("cpr-adult-single", "aed-adult", "bmv-adult")

FAULTS: tuple[Fault, ...] = (*CPR_FAULTS, *AED_FAULTS, *BMV_FAULTS)
"""In the order of the rubrics."""

FAULTS_PER_EXAM = (4, 5, 8, 13, 20, 26, 24)
"""How often an exam has 0, 1, ... 6 faults."""

BASE_FREQUENCY = 0.35
"""How often a fault that fails no step is drawn, against 1 more for every step that it fails.

With both numbers about one step in six is done wrong (measured: `docs/explanation/simulator.md`)."""

_BY_ID = {fault.id: fault for fault in FAULTS}


def get_fault(fault_id: str) -> Fault:
    """The fault of that id.

    Raises:
        TaskError: there is no such fault.
    """
    try:
        return _BY_ID[fault_id]
    except KeyError:
        raise TaskError(f"there is no fault {fault_id!r}; there are {', '.join(_BY_ID)}") from None


def compatible(faults: Iterable[Fault]) -> bool:
    """Whether no two of the faults share a part of the exam."""
    taken: set[str] = set()
    for fault in faults:
        if taken & fault.parts:
            return False
        taken |= fault.parts
    return True


def steps_failed(fault: Fault) -> int:
    """Steps that lose so much by this fault alone that they count as done wrong."""
    steps = {step.id: (step, rubric) for rubric in builtin_rubrics() for step in rubric.steps}
    failed = 0
    for step_id, lost in fault.expects.items():
        step, rubric = steps[step_id]
        label = label_of_points(step.max_points - lost, step.max_points, rubric.ordinal_map)
        failed += label < rubric.binary_map.correct_when_label_at_least
    return failed


@cache
def _frequencies() -> Mapping[str, float]:
    return {fault.id: BASE_FREQUENCY + steps_failed(fault) for fault in FAULTS}


def draw_faults(rng: Random) -> tuple[Fault, ...]:
    """0 to 6 compatible faults, in the order of the rubrics; grave ones more often."""
    wanted = rng.choices(range(len(FAULTS_PER_EXAM)), FAULTS_PER_EXAM)[0]
    drawn: list[Fault] = []
    while len(drawn) < wanted:
        free = [fault for fault in FAULTS if compatible((*drawn, fault))]
        drawn.append(rng.choices(free, [_frequencies()[fault.id] for fault in free])[0])
    return tuple(fault for fault in FAULTS if fault in drawn)


def builtin_rubrics() -> tuple[Rubric, ...]:
    """The three rubrics that a simulated exam is judged by."""
    return tuple(builtin_rubric(rubric_id) for rubric_id in RUBRICS)
