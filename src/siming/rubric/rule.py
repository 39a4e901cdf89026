"""Rules across steps: order, delay, interval, hold, exclusive, rate. Each broken rule fires once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from siming.rubric.condition import Truth
from siming.rubric.event import Event
from siming.rubric.loss import Loss
from siming.rubric.quantity import Measurements, Quantity, number_of
from siming.rubric.rubric import Rubric, Rule
from siming.rubric.state import Absence, StateBoard

OVERLAP_S = 0.05
"""Two things coincide when they overlap by more than this: borders that touch do not."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A broken rule: who pays, how much, and what shows it."""

    rule: Rule
    step: str
    price: float
    """0 for a rule that only points at the deductions it is `same_as`."""
    critical: bool
    at_s: float | None
    values: tuple[Quantity, ...] = ()
    events: tuple[str, ...] = ()

    def loss(self) -> Loss:
        """The firing as a loss of its step."""
        return Loss(
            step=self.step,
            kind="rule",
            ref=self.rule.id,
            price=self.price,
            points=self.price,
            at_s=self.at_s,
            values=self.values,
            events=self.events,
            critical=self.critical,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a `hold` rule saw at one moment."""

    rule: str
    event: Event
    value: Truth
    absence: Absence | None


class RuleBook:
    """The rules of a rubric against one attempt.

    During the pass through time it notes what `hold` rules must see at the moment itself; `firings` then
    decides every rule.
    """

    def __init__(
        self,
        rubric: Rubric,
        events: Sequence[Event],
        recurrences: Mapping[str, Sequence[Event]],
        measured: Measurements,
        board: StateBoard,
    ) -> None:
        self._rubric = rubric
        self._events = events
        self._recurrences = recurrences
        self._measured = measured
        self._board = board
        self._seen: list[_Seen] = []
        self.settled: set[str] = set()
        """Deductions (``aed02.d2``) that a rule of the same fault was able to decide, either way."""
        for rule in rubric.rules:
            if rule.kind == "order" and self._could_decide(rule):
                self.settled.update(rule.same_as)

    def count_needed(self, at_least: int | str | None) -> int:
        """The count a counter must reach: a number, or a param by name."""
        return 1 if at_least is None else int(number_of(at_least, self._rubric.params))

    def note_start(self, recurrence: Event) -> None:
        """A recurrence of a step starts: rules on states that must hold during it look now."""
        self._note(recurrence.action, recurrence)

    def note_event(self, event: Event) -> None:
        """An event is about to act: rules on states that must hold at it look now."""
        self._note(f"event:{event.action}", event)

    def _note(self, during: str, event: Event) -> None:
        for rule in self._rubric.rules:
            if rule.kind == "hold" and rule.during == during and rule.state is not None:
                value = self._board.value(rule.state, event.start_s)
                absence = self._board.absence(rule.state, event.start_s) if value is False else None
                self._seen.append(_Seen(rule.id, event, value, absence))

    def firings(self, applies: Callable[[str], Truth]) -> list[Firing]:
        """All broken rules, in the rubric's order.

        Args:
            applies: Truth of an ``applies_when``; a rule whose condition nobody answered is still tried.
        """
        out = []
        for rule in self._rubric.rules:
            if rule.charge is None or (rule.applies_when is not None and applies(rule.applies_when) is False):
                continue
            firing = self._try(rule)
            if firing is not None:
                out.append(firing)
        return out

    def _try(self, rule: Rule) -> Firing | None:
        match rule.kind:
            case "order":
                return self._order(rule)
            case "delay":
                return self._delay(rule)
            case "interval" | "rate":
                return self._interval(rule)
            case "hold":
                return self._hold(rule)
            case "exclusive":
                return self._exclusive(rule)
        return None

    # ------------------------------------------------------------------ the kinds

    def _order(self, rule: Rule) -> Firing | None:
        """`first` before `then`; a step that was not done breaks no order."""
        then = self._time(rule.then)
        if then is None or rule.first is None:
            return None
        if rule.first.startswith("state:"):
            first = self._count_time(rule.first.removeprefix("state:"))
            late = first is None or first > then
        else:
            first = self._time(rule.first)
            late = first is not None and first > then
        return self._fire(rule, then) if late else None

    def _could_decide(self, rule: Rule) -> bool:
        """Whether both sides of an order rule happened (a count that was never reached is an answer too)."""
        first = rule.first or ""
        return self._time(rule.then) is not None and (first.startswith("state:") or self._time(first) is not None)

    def _delay(self, rule: Rule) -> Firing | None:
        """From each `from` to the next `to`, unless another `from` comes before that."""
        starts, ends = sorted(self._times(rule.start)), sorted(self._times(rule.to))
        delays = []
        for start, following in zip(starts, [*starts[1:], float("inf")], strict=False):
            end = next((t for t in ends if start <= t <= following), None)
            if end is not None:
                delays.append(Quantity(rule.id, end - start, end - start, start, end, "derived"))
        return self._banded(rule, delays) if delays else None

    def _interval(self, rule: Rule) -> Firing | None:
        values = self._measured.find(rule.what or "")
        if not values:
            return None
        limit = rule.max_s if rule.max_s is not None else rule.max_per_min
        if rule.bands:
            return self._banded(rule, values)
        over = [v for v in values if limit is not None and v.used > self._number(limit)]
        return self._fire(rule, over[0].start_s, values=over) if over else None

    def _banded(self, rule: Rule, values: Sequence[Quantity]) -> Firing | None:
        """The dearest band that any value lies beyond."""
        best: Firing | None = None
        for band in rule.bands:
            over = [v for v in values if v.used > self._number(band.over_s)]
            if over and (best is None or band.points > best.price):
                critical = band.severity == "critical"
                best = self._fire(rule, over[0].start_s, values=over, price=band.points, critical=critical)
        return best

    def _hold(self, rule: Rule) -> Firing | None:
        """A state that must be there throughout a step, or at an event."""
        for seen in self._seen:
            if seen.rule != rule.id:
                continue
            at_s: float | None = None
            cause: str | None = None
            if seen.value is False and seen.absence is not None:
                at_s = seen.absence.at_s if seen.absence.at_s is not None else seen.event.start_s
                cause = seen.absence.cause
            elif seen.value is True and rule.state is not None:
                lost = self._board.lost_between(rule.state, seen.event.start_s, seen.event.end_s)
                at_s, cause = (lost.at_s, lost.cause) if lost is not None else (None, None)
            if at_s is not None and (not rule.broken_by or cause in rule.broken_by):
                return self._fire(rule, at_s, events=(seen.event.id,))
        return None

    def _exclusive(self, rule: Rule) -> Firing | None:
        """Something that must not happen while something else goes on; alternatives behind ``|``."""
        for forbidden in (rule.forbids or "").split("|"):
            firing = self._coincide(rule, forbidden.strip())
            if firing is not None:
                return firing
        return None

    def _coincide(self, rule: Rule, forbidden: str) -> Firing | None:
        kind, _, name = forbidden.partition(":")
        for low, high in self._stretches(rule):
            if kind == "event":
                for event in self._events:
                    if event.action == name and low < event.start_s < high:
                        return self._fire(rule, event.start_s, events=(event.id,))
            else:
                for start, end in self._board.spans(name, high):
                    if min(end, high) - max(start, low) > OVERLAP_S:
                        return self._fire(rule, max(start, low))
        return None

    def _stretches(self, rule: Rule) -> list[tuple[float, float]]:
        name = rule.while_ or ""
        if name.startswith("measure:"):
            found = self._measured.find(name.removeprefix("measure:"))
            if found is not None:
                return [(q.start_s, q.end_s) for q in found]
            name = rule.charge.step if rule.charge else ""  # nobody noted the prompts: the step itself is the window
        return [(e.start_s, e.end_s) for e in self._recurrences.get(name, ())]

    # ------------------------------------------------------------------ times

    def _times(self, reference: str | None) -> list[float]:
        """All times of ``state:ID`` (each time it became true), ``event:ID``, ``rubric:ID.STEP`` or a step."""
        kind, _, name = (reference or "").rpartition(":")
        match kind:
            case "state":
                return [c.at_s for c in self._board.history if c.state == name and c.value]
            case "event":
                return [e.start_s for e in self._events if e.action == name]
            case "rubric":
                step = name.rpartition(".")[2]
                return [e.start_s for e in self._events if e.action == step]
        return [e.start_s for e in self._recurrences.get(name, ())]

    def _time(self, reference: str | None) -> float | None:
        return min(self._times(reference), default=None)

    def _count_time(self, text: str) -> float | None:
        state, _, number = text.partition(">=")
        return self._board.count_time(state.strip(), self.count_needed(number.strip() or 1))

    def _number(self, value: float | str) -> float:
        return number_of(value, self._rubric.params)

    def _fire(
        self,
        rule: Rule,
        at_s: float | None,
        *,
        values: Sequence[Quantity] = (),
        events: tuple[str, ...] = (),
        price: float | None = None,
        critical: bool | None = None,
    ) -> Firing:
        assert rule.charge is not None
        return Firing(
            rule=rule,
            step=rule.charge.step,
            price=(rule.charge.points or 0.0) if price is None else price,
            critical=rule.charge.severity == "critical" if critical is None else critical,
            at_s=at_s,
            values=tuple(values),
            events=events,
        )
