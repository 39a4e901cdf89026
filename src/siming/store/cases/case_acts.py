"""The acts of one adjudication case, in order, and what stands after them. Nothing is ever taken out: an undo is an act.

Pure: rows in, standing decisions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from siming.rubric import Entry
from siming.store.canonical import digest
from siming.store.cases.comparison import Cell
from siming.store.schema import decision

ActKind = Literal["decide", "reopen_agreed", "undo", "appeal"]
StepState = Literal["agreed", "open", "decided"]
Choice = Literal["first", "second", "other"]
Key = tuple[str, str]
"""Rubric id and step id."""


@dataclass(frozen=True, slots=True)
class Act:
    """One line of a case's history."""

    version: int
    """Of the case, after this act."""
    kind: ActKind
    rubric: str
    step: str
    choice: Choice | None
    entry: Entry | None
    template: str | None
    rationale: str
    undoes: int | None
    person: str
    decided_at: str

    @property
    def key(self) -> Key:
        """The step it is about."""
        return self.rubric, self.step


def decided_digest(row: Mapping[str, Any]) -> str:
    """sha256 over a row of the table `decision`, for the audit's line."""
    return digest({column.name: row.get(column.name) for column in decision.columns})


def act_of(row: Mapping[str, Any]) -> Act:
    """From a row of the table `decision`."""
    return Act(
        version=row["version"],
        kind=row["kind"],
        rubric=row["rubric"],
        step=row["step"],
        choice=row["choice"],
        entry=None if row["entry"] is None else Entry.model_validate(row["entry"]),
        template=row["template"],
        rationale=row["rationale"],
        undoes=row["undoes"],
        person=row["person"],
        decided_at=row["decided_at"],
    )


def standing(acts: Iterable[Act]) -> dict[Key, Act]:
    """The last act on each step that was not taken back, whatever came before it."""
    stacks: dict[Key, list[Act]] = {}
    for act in acts:
        stack = stacks.setdefault(act.key, [])
        if act.kind == "undo":
            stack[:] = [earlier for earlier in stack if earlier.version != act.undoes]
        else:
            stack.append(act)
    return {key: stack[-1] for key, stack in stacks.items() if stack}


def undoable(acts: Sequence[Act], key: Key | None = None) -> Act | None:
    """What an undo would take back now: the newest act that stands, of one step or of the whole case.

    Nothing from before an appeal, and not the appeal: those belong to a consensus that was given out.
    """
    since = max((act.version for act in acts if act.kind == "appeal"), default=-1)
    found = [act for act in standing(acts).values() if act.version > since and key in (None, act.key)]
    return max(found, key=lambda act: act.version, default=None)


def state_of(cell: Cell, act: Act | None) -> StepState:
    """Whether a step still waits for a decision, given what stands on it."""
    if act is None:
        return "open" if cell.is_open else "agreed"
    return "decided" if act.kind == "decide" else "open"
