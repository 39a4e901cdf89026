"""What a form of reply yields before it is weighed: which step, by which name, and what was said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from siming.bench.clinical.stepname import StepNames
from siming.bench.clinical.value import Outcome
from siming.rubric import Step


@dataclass(frozen=True, slots=True)
class Found:
    """One answer about one step."""

    ref: str | int
    """The step's id, a name that is no step's, or an ordinal."""
    read: Callable[[Step], Outcome]
    """The outcome, once it is settled which step this is: only then its full points are known."""


def concerns(found: Iterable[Found], names: StepNames) -> bool:
    """Whether any of these may answer a step that was asked for."""
    return any(isinstance(item.ref, int) or item.ref in names.asked for item in found)
