"""What a fault is: a change to a script, and the loss it must cause, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from random import Random

from siming.simulate.script import Act, Script

Change = Callable[[Script, Random], Script]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong in an exam."""

    id: str
    title: str
    title_zh: str
    parts: frozenset[str]
    """What of the exam it changes or leans on. Two faults that share a part exclude each other."""
    expects: Mapping[str, float]
    """Points that this fault alone costs, by step, with what follows from it through procedural state.

    Worked out by hand from the text of the rubrics, never from running the examiner: the two check each other.
    """
    change: Change

    def apply(self, script: Script, rng: Random) -> Script:
        """The script with this fault in it."""
        return self.change(script, rng)


def fault(
    fault_id: str, title: str, title_zh: str, parts: Set[str], expects: Mapping[str, float], change: Change
) -> Fault:
    """A fault in one line of a table."""
    return Fault(fault_id, title, title_zh, frozenset(parts), expects, change)


def skipped(*act_ids: str) -> Change:
    """The acts are left out."""
    return lambda script, rng: script.without(*act_ids)


def blamed(act_id: str, *wrong: str, manner: str = "", lasts_s: float | None = None) -> Change:
    """One act is done wrong.

    Args:
        wrong: The deductions it earns.
        manner: How it looks and sounds, words with blanks between.
        lasts_s: A new length.
    """

    def change(script: Script, rng: Random) -> Script:
        script = script.blamed(act_id, *wrong, manner=manner.split())
        return script if lasts_s is None else script.changed(act_id, lasts_s=lasts_s)

    return change


def blamed_in_each(kind: str, *wrong: str, manner: str = "") -> Change:
    """Every recurrence of an act is done wrong."""

    def change(script: Script, rng: Random) -> Script:
        for act in script.of_kind(kind):
            script = script.blamed(act.id, *wrong, manner=manner.split())
        return script

    return change


def hesitating(act_id: str, seconds: float) -> Change:
    """The trainee does nothing for a while before an act."""

    def change(script: Script, rng: Random) -> Script:
        return script.changed(act_id, pause_s=round(script.get(act_id).pause_s + seconds, 3))

    return change


def idle_instead(script: Script, act_id: str) -> Script:
    """The script in which the trainee does nothing for as long as the act would have taken."""
    act = script.get(act_id)
    return script.inserted(Act(f"idle.{act_id}", act.lasts_s, pause_s=act.pause_s), before=act_id).without(act_id)


def in_turn(*changes: Change) -> Change:
    """Several changes that make one fault."""

    def change(script: Script, rng: Random) -> Script:
        for each in changes:
            script = each(script, rng)
        return script

    return change
