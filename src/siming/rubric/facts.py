"""What a condition of the rubric may look at while an attempt is examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from siming.rubric.condition import Truth
from siming.rubric.event import Event
from siming.rubric.quantity import Measurements, Quantity
from siming.rubric.rubric import Rubric
from siming.rubric.state import StateBoard

BORDER_SLACK_S = 0.5
"""Step borders are set by hand: what lies this close to one counts as inside, and a state that becomes true this
soon after a step's start was there in time."""


@dataclass(frozen=True, slots=True)
class Known:
    """The states of the moment, and one step's own measures, deductions and answers (`condition.Facts`)."""

    rubric: Rubric
    quantities: frozenset[str]
    """Names of all quantities the rubric measures."""
    measured: Measurements | None = None
    """None while the quantities are still being measured: then none is known."""
    board: StateBoard | None = None
    within: Event | None = None
    """Only what belongs to this recurrence; None looks at the whole attempt."""
    deductions: Mapping[str, Truth] = field(default_factory=dict)
    label_now: Callable[[], int] | None = None
    """Works out the step's label as far as it is settled; few conditions look at it."""
    question: str | None = None
    """The key under which an event answers a condition in words."""
    only: Quantity | None = None
    """Only this value of its quantity: would it alone make the condition true?"""

    def state(self, name: str) -> Truth:
        if self.board is None:
            return None
        return self.board.value(name, self.within.end_s if self.within else float("inf"))

    def label(self) -> int | None:
        return self.label_now() if self.label_now is not None else None

    def applied(self, deduction: str) -> Truth:
        return self.deductions.get(deduction)

    def is_quantity(self, name: str) -> bool:
        return name in self.quantities

    def values(self, quantity: str) -> Sequence[float] | None:
        if self.only is not None and self.only.name == quantity:
            return [self.only.used]
        found = self.measured.find(quantity) if self.measured is not None else None
        if found is None:
            return None
        if self.within is not None:
            low, high = self.within.start_s - BORDER_SLACK_S, self.within.end_s + BORDER_SLACK_S
            found = [q for q in found if q.start_s < high and q.end_s > low]
        return [q.used for q in found]

    def param(self, name: str) -> object:
        return self.rubric.params[name]

    def context(self, name: str) -> object:
        return self.rubric.context.get(name)

    def answer(self, question: str) -> Truth:
        if self.within is None or self.question is None:
            return None
        return self.within.answers.get(self.question)
