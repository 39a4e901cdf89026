"""Procedural state over time: what is true when, and what made it so.

True and False are known; None is unknown, because nobody looked at the steps or events that would set it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from siming.rubric.condition import Truth, all_of
from siming.rubric.quantity import number_of
from siming.rubric.rubric import Rubric


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one state."""

    state: str
    at_s: float
    value: Truth
    cause: str
    """Id of the event or step that made it, or ``time`` when the state expired."""
    count: int = 0
    """For counters: the count reached."""
    event: str | None = None
    """Id of the line in events.jsonl behind it."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a state was not there when it was needed."""

    state: str
    how: Literal["cleared", "expired", "failed", "never", "too_few"]
    """cleared: by an event or step. expired: held too long ago. failed: its step was done, but not so that it sets
    the state. never: nothing that sets it had happened yet. too_few: a counter had not counted far enough."""
    at_s: float | None
    """When it was lost or its step failed; None for ``never``."""
    cause: str | None
    """The event or step, or for ``never`` the step that should have set it."""
    detail: str | None = None
    """For ``failed``: the condition that did not hold; or ``void``, or ``not_done``."""
    detail_zh: str | None = None


class StateBoard:
    """Keeps every state of a rubric while events pass in time order."""

    def __init__(self, rubric: Rubric, *, unknown: Iterable[str] = ()) -> None:
        self._rubric = rubric
        self._states = rubric.states_by_id
        unknown = set(unknown)
        self._last: dict[str, Change] = {}
        self._failed: dict[str, Absence] = {}
        self.history: list[Change] = []
        for state in rubric.states:
            if state.initial:
                self._last[state.id] = Change(state.id, 0.0, True, "start")
            elif state.id in unknown:
                self._last[state.id] = Change(state.id, 0.0, None, "start")

    def set(
        self, state: str, at_s: float, cause: str, *, event: str | None = None, increment: int | None = None
    ) -> None:
        """Make a state true, or count a counter up."""
        before = self._last.get(state)
        if self._states[state].counter:
            count = (before.count if before else 0) + (increment or 1)
            self._record(Change(state, at_s, True, cause, count, event))
        else:
            self._record(Change(state, at_s, True, cause, event=event))

    def clear(self, state: str, at_s: float, cause: str, *, event: str | None = None) -> None:
        """Make a state false; derived states follow the states they are made of."""
        if self._states[state].derived_from:
            return
        if self.value(state, at_s) is not False:
            self._record(Change(state, at_s, False, cause, event=event))

    def doubt(self, state: str, at_s: float, cause: str) -> None:
        """A step ended and nobody knows whether it set the state."""
        if self.value(state, at_s) is not True:
            self._record(Change(state, at_s, None, cause))

    def fail(self, state: str, at_s: float, cause: str, detail: str, detail_zh: str | None = None) -> None:
        """Remember that a step ended without setting the state, and why."""
        self._failed[state] = Absence(state, "failed", at_s, cause, detail, detail_zh)

    def value(self, state: str, at_s: float, *, at_least: int = 1) -> Truth:
        """Truth of a state at a moment (counters: whether they reached `at_least`)."""
        parts = self._states[state].derived_from
        if parts:
            return all_of([self.value(part, at_s) for part in parts])
        last = self._last.get(state)
        if last is None:
            return False
        if last.value and self._expired_at(last) < at_s:
            return False
        if last.value and self._states[state].counter:
            return last.count >= at_least
        return last.value

    def absence(self, state: str, at_s: float, *, at_least: int = 1) -> Absence:
        """Why a state is not true at a moment (or a counter below `at_least`)."""
        for part in self._states[state].derived_from:
            if self.value(part, at_s) is False:
                return self.absence(part, at_s)
        last = self._last.get(state)
        if last is not None and last.value and self._expired_at(last) < at_s:
            return Absence(state, "expired", self._expired_at(last), last.cause)
        if last is not None and last.value and last.count < at_least:
            return Absence(state, "too_few", last.at_s, last.cause, f"{last.count} / {at_least}")
        failed = self._failed.get(state)
        if last is not None and last.value is False and (failed is None or (failed.at_s or 0) <= last.at_s):
            return Absence(state, "cleared", last.at_s, last.cause)
        return failed or Absence(state, "never", None, self._setter(state))

    def first_time(self, state: str) -> float | None:
        """When a state first became true (over the whole record, so ask after all events have passed)."""
        return next((c.at_s for c in self.history if c.state == state and c.value), None)

    def count_time(self, state: str, at_least: int) -> float | None:
        """When a counter reached a number."""
        return next((c.at_s for c in self.history if c.state == state and c.value and c.count >= at_least), None)

    def spans(self, state: str, end_s: float) -> list[tuple[float, float]]:
        """Stretches [from, to] in which a plain state was true, up to `end_s`."""
        out: list[tuple[float, float]] = []
        since = Change(state, 0.0, True, "start") if self._states[state].initial else None
        for change in [c for c in self.history if c.state == state]:
            if since is not None:
                out.append((since.at_s, min(change.at_s, self._expired_at(since))))
            since = change if change.value else None
        if since is not None:
            out.append((since.at_s, min(end_s, self._expired_at(since))))
        return out

    def lost_between(self, state: str, start_s: float, end_s: float) -> Absence | None:
        """The first loss of a state strictly inside a stretch: cleared, or expired by itself."""
        parts = self._states[state].derived_from
        if parts:
            losses = [loss for part in parts if (loss := self.lost_between(part, start_s, end_s)) is not None]
            return min(losses, key=lambda loss: loss.at_s or 0.0, default=None)
        own = [change for change in self.history if change.state == state]
        for _, until_s in self.spans(state, end_s):
            if start_s < until_s < end_s:
                ended = next((c for c in own if c.at_s == until_s and c.value is not True), None)
                if ended is not None:
                    return Absence(state, "cleared", until_s, ended.cause)
                if not any(c.at_s == until_s for c in own):
                    setter = next((c.cause for c in reversed(own) if c.value and c.at_s < until_s), None)
                    return Absence(state, "expired", until_s, setter)
        return None

    def _record(self, change: Change) -> None:
        self._last[change.state] = change
        self.history.append(change)

    def _expired_at(self, change: Change) -> float:
        hold = self._states[change.state].hold_for_s
        return float("inf") if hold is None else change.at_s + number_of(hold, self._rubric.params)

    def _setter(self, state: str) -> str | None:
        for step in self._rubric.steps:
            if any(change.state == state for change in step.establishes):
                return step.id
        return next((event.id for event in self._rubric.events if state in event.sets), None)


def states_nobody_watched(rubric: Rubric, watched: Mapping[str, bool]) -> set[str]:
    """States whose every setter is a step or event that nobody watched.

    Args:
        watched: For each step and event id whether its absence would mean that it did not happen.
    """
    setters: dict[str, list[bool]] = {state.id: [] for state in rubric.states}
    for step in rubric.steps:
        for change in step.establishes:
            setters[change.state].append(watched[step.id])
    for event in rubric.events:
        for state in event.sets:
            setters[state].append(watched[event.id])
    return {state for state, seen in setters.items() if seen and not any(seen)}
