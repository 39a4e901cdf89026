"""Simulated exams whose truth is known exactly: scripts with faults, drawn videos, and simulated physicians."""

from siming.simulate.exam import PAIRS, Exam, Pair, counterfactual_pair, simulate_exam
from siming.simulate.fault import Fault
from siming.simulate.faults import FAULTS, get_fault
from siming.simulate.film import draw_exam
from siming.simulate.write import simulate_dataset

__all__ = [
    "FAULTS",
    "PAIRS",
    "Exam",
    "Fault",
    "Pair",
    "counterfactual_pair",
    "draw_exam",
    "get_fault",
    "simulate_dataset",
    "simulate_exam",
]
