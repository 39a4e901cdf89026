"""Whole performances as events, each step done in full, for tests to spoil one thing at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from siming.rubric import Event


class Performance:
    """Events in the making; `events()` gives the list."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def step(self, step: str, start_s: float, end_s: float, **more: Any) -> None:
        self._rows.append({"action": step, "start_s": start_s, "end_s": end_s, "faults": (), **more})

    def event(self, action: str, at_s: float) -> None:
        self._rows.append({"action": action, "start_s": at_s, "end_s": at_s})

    def strokes(self, start_s: float, n: int, rate_per_min: float) -> float:
        """n strokes at a rate; the time of the last."""
        times = [start_s + 60 * i / rate_per_min for i in range(n)]
        for t in times:
            self.event("compression", round(t, 3))
        return round(times[-1], 3)

    def breath(self, start_s: float, end_s: float) -> None:
        self._rows.append({"action": "breath", "start_s": start_s, "end_s": end_s})

    def without(self, *actions: str) -> Performance:
        """The same without some actions."""
        other = Performance()
        other._rows = [row for row in self._rows if row["action"] not in actions]
        return other

    def change(self, action: str, **more: Any) -> Performance:
        """The same with fields of an action changed."""
        other = Performance()
        other._rows = [{**row, **more} if row["action"] == action else row for row in self._rows]
        return other

    def events(self) -> list[Event]:
        return [
            Event(attempt="Tan", id=f"e{number:03d}", source="simulator", **row)
            for number, row in enumerate(self._rows, start=1)
        ]


def cpr(
    bouts: Iterable[tuple[int, float]] = ((30, 110), (30, 110)), pauses_s: Iterable[float] | None = None
) -> Performance:
    """CPR with bouts of (strokes, rate per minute), two breaths after each, and pauses of 7 s between them."""
    p = Performance()
    bouts = list(bouts)
    gaps = [*(pauses_s or [7.0] * (len(bouts) - 1)), 7.0]
    p.step("cpr01", 0, 3)
    p.step("cpr02", 3, 6)
    p.step("cpr03", 6, 10)
    p.step("cpr04", 10, 12)
    p.step("cpr05", 12, 19)
    p.step("cpr06", 19, 20)
    p.step("cpr07", 20, 23)
    t = 25.0
    for number, ((n, rate), gap) in enumerate(zip(bouts, gaps, strict=True)):
        p.step("cpr08", t - 1.5, t)
        last = p.strokes(t, n, rate)
        for step in ("cpr09", "cpr10", "cpr11", "cpr12", "cpr13"):
            p.step(step, t, last)
        p.event("ev_hands_leave_chest", last + 0.2)
        if number == 0:
            p.step("cpr14", last + 0.3, last + 1)
        p.step("cpr15", last + 1, last + 2)
        p.breath(last + 2.2, last + 3.2)
        p.breath(last + 3.8, last + 4.8)
        p.step("cpr16", last + 2, last + 5)
        p.step("cpr17", t, last + 5)
        t = last + gap
    p.step("cpr18", t, t + 7)
    p.step("cpr19", t + 7, t + 12)
    return p


def aed() -> Performance:
    """An AED used without a fault: shock at 37.5 s."""
    p = Performance()
    p.step("aed01", 0, 3)
    p.step("aed02", 3, 5)
    p.step("aed03", 5, 8)
    p.step("aed04", 8, 17)
    p.step("aed05", 17, 19)
    p.event("ev_prompt_analysing", 20)
    p.step("aed06", 19, 30, answers={"rhythm_analysed": True})
    p.event("ev_prompt_shock_advised", 30)
    p.step("aed07", 31, 35)
    p.event("ev_prompt_charged", 35)
    p.event("ev_shock_button", 37.5)
    p.step("aed08", 36.5, 38)
    last = p.strokes(39, 8, 110)
    p.step("aed09", 39, last)
    return p


def bmv() -> Performance:
    """Five breaths at one per 5.5 s without a fault."""
    p = Performance()
    p.step("bmv01", 0, 8)
    p.step("bmv02", 8, 11)
    p.step("bmv03", 11, 13)
    for number in range(5):
        start = 14 + 5.5 * number
        p.step("bmv04", start, start + 1, answers={"breath_delivered": True})
        p.event("ev_chest_falls", start + 2.5)
    p.step("bmv05", 14, 44)
    return p
