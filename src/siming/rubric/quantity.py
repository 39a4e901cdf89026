"""Measured quantities of an attempt: given by an instrument, or derived from the times of events.

A rubric says with ``from`` how a quantity is derived:

    from: step.duration                          length of each recurrence of the step
    from: bout.rate                              one value per bout of compressions
    from: recurrence.interval:bmv04              start to start of consecutive recurrences of bmv04
    from: [event:ev_prompt_charged, event:ev_shock_button]            seconds between two moments

Moments are ``event:ID``, ``start:STEP``, ``end:STEP``, ``first:SIGNAL`` (the first after the other moment) and
``last:SIGNAL`` (the last before the other moment); alternatives stand behind `` | ``.

Rates are 60 (n - 1) / (t_last - t_first), never n / duration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from siming.rubric.condition import Truth
from siming.rubric.event import Event
from siming.rubric.rubric import Measure, Rubric, Value

SIGNALS = ("compression", "breath")
"""Actions any rubric may use: one stroke; one breath."""

BOUT_GAP_S = 3.0
"""Two strokes further apart than this belong to different bouts; so do strokes with a breath between them.
A gap of 2 to 3 s stays inside the bout, where a rubric may charge it."""

DUST = 1e-9
"""Differences of times carry this much of binary rounding; a border is a border all the same."""

WINDOW_SLACK_S = 1.0
"""Strokes this far outside a rubric's own steps still belong to it: step borders are set by hand."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One value of a measured quantity."""

    name: str
    value: float
    used: float
    """The value rules look at: on the target's border when `value` misses it by no more than the tolerance."""
    start_s: float
    end_s: float
    source: str
    """Id of the event that gives it, or ``derived``."""

    @property
    def within_tolerance(self) -> bool:
        """Whether the value was outside its target, by no more than the error of measurement."""
        return self.used != self.value


@dataclass(frozen=True, slots=True)
class Bout:
    """Compressions without a break; times of its strokes, seconds."""

    strokes_s: tuple[float, ...]

    @property
    def start_s(self) -> float:
        """First stroke."""
        return self.strokes_s[0]

    @property
    def end_s(self) -> float:
        """Last stroke."""
        return self.strokes_s[-1]


def find_bouts(events: Sequence[Event], recurrences: Mapping[str, Sequence[Event]]) -> list[Bout]:
    """The bouts of compressions that belong to a rubric: those within the time its own steps take.

    Strokes after a shock belong to the AED's rubric, not to the CPR that went before. Without any step (an
    instrument's events alone) all strokes count.
    """
    own = [event for events_of_step in recurrences.values() for event in events_of_step]
    low = min((e.start_s for e in own), default=0.0) - WINDOW_SLACK_S
    high = max((e.end_s for e in own), default=float("inf")) + WINDOW_SLACK_S
    strokes = sorted(e.start_s for e in events if e.action == "compression" and low <= e.start_s <= high)
    breaths = sorted(e.start_s for e in events if e.action == "breath")
    bouts: list[list[float]] = []
    for stroke in strokes:
        last = bouts[-1][-1] if bouts else None
        if last is None or stroke - last > BOUT_GAP_S or any(last < breath < stroke for breath in breaths):
            bouts.append([stroke])
        else:
            bouts[-1].append(stroke)
    return [Bout(tuple(bout)) for bout in bouts]


Spans = list[tuple[float, float, float]]
"""(value, start_s, end_s) each."""


class Measurements:
    """All quantities of one attempt under one rubric.

    Args:
        events: In time order; events of other rubrics may be among them.
        recurrences: The rubric's own steps as they were performed, by step id, in time order.
        bouts: The rubric's bouts of compressions (`find_bouts`).
        applies: Truth of a measure's ``applies_when``.
    """

    def __init__(
        self,
        rubric: Rubric,
        events: Sequence[Event],
        recurrences: Mapping[str, Sequence[Event]],
        bouts: Sequence[Bout],
        applies: Callable[[str], Truth],
    ) -> None:
        self._rubric = rubric
        self._events = events
        self._recurrences = recurrences
        self._bouts = bouts
        self._found: dict[str, list[Quantity]] = {}
        for step in rubric.steps:
            for measure in step.measures:
                if measure.quantity in self._found:
                    continue
                if measure.applies_when is None or applies(measure.applies_when) is not False:
                    values = self._given(measure) or self._derived(measure, step.id)
                    if values is not None:
                        self._found[measure.quantity] = values

    def find(self, name: str) -> Sequence[Quantity] | None:
        """Values of a quantity in time order; None when nobody measured it."""
        return self._found.get(name)

    def all(self) -> list[Quantity]:
        """Every value of every quantity, in the rubric's order."""
        return [quantity for values in self._found.values() for quantity in values]

    def _moments(self, text: str) -> list[float]:
        """All times a moment names, ascending."""
        kind, _, name = text.strip().partition(":")
        match kind:
            case "start":
                return [e.start_s for e in self._recurrences.get(name, ())]
            case "end":
                return [e.end_s for e in self._recurrences.get(name, ())]
        return sorted(e.start_s for e in self._events if e.action == name)

    def _given(self, measure: Measure) -> list[Quantity]:
        return [
            self._quantity(measure, event.measured[measure.quantity], event.start_s, event.end_s, event.id)
            for event in self._events
            if measure.quantity in event.measured
        ]

    def _derived(self, measure: Measure, step_id: str) -> list[Quantity] | None:
        spans = self._spans(measure.made_from, step_id)
        if spans is None:
            return None
        return [self._quantity(measure, value, start, end, "derived") for value, start, end in spans]

    def _spans(self, made_from: str | tuple[str, str] | None, step_id: str) -> Spans | None:
        if made_from is None:
            return None
        if isinstance(made_from, tuple):
            return self._between(*made_from)
        name, _, other = made_from.partition(":")
        if name.startswith("bout."):
            return _OF_BOUTS[name](self._bouts) if self._bouts else None
        events = self._recurrences.get(other or step_id, ())
        if name == "step.duration":
            # An event without an end is an instant: how long the step took, nobody noted.
            return [(e.duration_s, e.start_s, e.end_s) for e in events if e.duration_s > 0] or None
        if name.startswith("recurrence."):
            return _OF_RECURRENCES[name](events) if events else None
        if name.startswith("breath."):
            breaths = [e for e in self._events if e.action == "breath"]
            return _of_breaths(name, breaths, events) if breaths else None
        return None

    def _between(self, first: str, second: str) -> Spans | None:
        """Seconds between two moments, once for each time the pair occurs (each shock has its own pauses).

        ``last:`` takes, for every second moment, the last first one before it; otherwise every first moment is
        followed to the next second one, unless another first moment comes before that.
        """
        ends = [self._moments(alternative) for alternative in second.split("|")]
        starts = next((found for name in first.split("|") if (found := self._moments(name))), [])
        spans: Spans = []
        if first.startswith("last:"):
            for end in ends[0]:
                before = [start for start in starts if start <= end]
                if before:
                    spans.append((end - before[-1], before[-1], end))
            return spans or None
        for start, following in zip(starts, [*starts[1:], float("inf")], strict=False):
            reached = [t for times in ends for t in times if start <= t <= following][:1]
            spans += [(end - start, start, end) for end in reached]
        return spans or None

    def _quantity(self, measure: Measure, value: float, start_s: float, end_s: float, source: str) -> Quantity:
        used = value
        low, high = (self._number(measure.target.get(key)) for key in ("min", "max"))
        reach = measure.tolerance + DUST
        if low is not None and low - reach <= value < low:
            used = low
        if high is not None and high < value <= high + reach:
            used = high
        return Quantity(measure.quantity, value, used, start_s, end_s, source)

    def _number(self, value: float | str | None) -> float | None:
        return None if value is None else number_of(value, self._rubric.params)


def number_of(value: float | str, params: Mapping[str, Value]) -> float:
    """A number, or the param that a text names."""
    return float(params[value]) if isinstance(value, str) else float(value)


def _rate(times: Sequence[float]) -> float:
    return 60 * (len(times) - 1) / (times[-1] - times[0])


_OF_BOUTS: Mapping[str, Callable[[Sequence[Bout]], Spans]] = {
    "bout.rate": lambda bouts: [(_rate(b.strokes_s), b.start_s, b.end_s) for b in bouts if b.end_s > b.start_s],
    "bout.count": lambda bouts: [(float(len(b.strokes_s)), b.start_s, b.end_s) for b in bouts],
    "bout.duration": lambda bouts: [(b.end_s - b.start_s, b.start_s, b.end_s) for b in bouts],
    "bout.gap": lambda bouts: [
        max(((later - early, early, later) for early, later in pairwise(b.strokes_s)))
        for b in bouts
        if len(b.strokes_s) > 1
    ],
    "bout.pause": lambda bouts: [
        (later.start_s - early.end_s, early.end_s, later.start_s) for early, later in pairwise(bouts)
    ],
    "bout.fraction": lambda bouts: (
        [
            (
                sum(b.end_s - b.start_s for b in bouts) / (bouts[-1].end_s - bouts[0].start_s),
                bouts[0].start_s,
                bouts[-1].end_s,
            )
        ]
        if bouts[-1].end_s > bouts[0].start_s
        else []
    ),
}

_OF_RECURRENCES: Mapping[str, Callable[[Sequence[Event]], Spans]] = {
    "recurrence.duration": lambda events: [(e.duration_s, e.start_s, e.end_s) for e in events],
    "recurrence.count": lambda events: [(float(len(events)), events[0].start_s, events[-1].end_s)],
    "recurrence.interval": lambda events: [
        (later.start_s - early.start_s, early.start_s, later.start_s) for early, later in pairwise(events)
    ],
    "recurrence.rate": lambda events: (
        [(_rate([e.start_s for e in events]), events[0].start_s, events[-1].end_s)]
        if len(events) > 1 and events[-1].start_s > events[0].start_s
        else []
    ),
}


def _of_breaths(name: str, breaths: Sequence[Event], recurrences: Sequence[Event]) -> Spans:
    """Breaths inside the recurrences of a step: how long each, or how many in each recurrence."""
    inside = [
        [b for b in breaths if e.start_s - WINDOW_SLACK_S <= b.start_s <= e.end_s + WINDOW_SLACK_S] for e in recurrences
    ]
    if name == "breath.duration":
        return [(b.duration_s, b.start_s, b.end_s) for group in inside for b in group]
    return [(float(len(group)), e.start_s, e.end_s) for group, e in zip(inside, recurrences, strict=True)]


DERIVATIONS = frozenset({"step.duration", "breath.duration", "breath.count", *_OF_BOUTS, *_OF_RECURRENCES})
"""Names ``from`` may take."""
MOMENTS = ("event", "start", "end", "first", "last")
"""Kinds of moment."""
