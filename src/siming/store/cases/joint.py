"""In which joint cases a rater takes part: what leads him there from his pages.

One of his own submissions is in the case, and nothing of the attempt lies before him any more: until both raters have
locked there is no case, and while he is to go over his own work again there is none for him.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, exists, func, or_, select

from siming.errors import InputError
from siming.store.access import Actor
from siming.store.cases.case_acts import state_of
from siming.store.cases.cases import AtWork, Moved, append_act, case_to_confirm
from siming.store.cases.pairs import has_open_work
from siming.store.database import Database
from siming.store.schema import adjudication_case, assignment, attempt, confirmation, project, submission
from siming.store.text import free_text, one_line


@dataclass(frozen=True, slots=True)
class JointCases:
    """Those of one project."""

    project: str
    slug: str
    title: str
    waiting: int
    """Neither confirmed nor withdrawn."""
    to_confirm: tuple[tuple[str, str], ...]
    """Those that the pen's holder has locked and that he has not confirmed yet: id and code of the attempt."""


def joint_cases(db: Database, actor: Actor) -> tuple[JointCases, ...]:
    """Projects in which he takes part in joint cases, by title."""
    own = (
        select(submission.c.id)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .where(assignment.c.rater == actor.id)
    )
    his = (
        attempt.c.project.in_([held for held, roles in actor.roles.items() if roles]),
        adjudication_case.c.mode == "joint",
        or_(adjudication_case.c.first.in_(own), adjudication_case.c.second.in_(own)),
        attempt.c.state != "excluded",
        ~has_open_work(actor, attempt.c.id),
    )
    waits = case((adjudication_case.c.state.in_(("confirmed", "withdrawn")), 0), else_=1)
    wanted = (
        select(project.c.id, project.c.slug, project.c.title, func.sum(waits).label("waiting"))
        .select_from(adjudication_case)
        .join(attempt, attempt.c.id == adjudication_case.c.attempt)
        .join(project, project.c.id == attempt.c.project)
        .where(*his)
        .group_by(project.c.id, project.c.slug, project.c.title)
        .order_by(project.c.title, project.c.id)
    )
    confirmed = exists().where(
        confirmation.c.case == adjudication_case.c.id,
        confirmation.c.version == adjudication_case.c.version,
        confirmation.c.person == actor.id,
    )
    locked = (
        select(attempt.c.project, adjudication_case.c.id, attempt.c.code)
        .select_from(adjudication_case)
        .join(attempt, attempt.c.id == adjudication_case.c.attempt)
        .where(*his, adjudication_case.c.state == "decided", ~confirmed)
        .order_by(attempt.c.code)
    )
    with db.read() as c:
        asked: dict[str, list[tuple[str, str]]] = {}
        for row in c.execute(locked):
            asked.setdefault(row.project, []).append((row.id, row.code))
        return tuple(
            JointCases(row.id, row.slug, row.title, int(row.waiting), tuple(asked.get(row.id, ())))
            for row in c.execute(wanted)
        )


def disagree(db: Database, actor: Actor, case_id: str, *, version: int, rubric: str, step: str, reason: str) -> Moved:
    """Instead of confirming: one step is judged again. The reason stands in the history, which everybody in the case reads.

    Raises:
        InputError: no reason, or nothing was decided on that step.
        ConflictError: ``stale_version``: somebody decided since; ``state``: the case does not wait for confirmations.
    """
    words = free_text(reason, "reason", optional=False)
    key = one_line(rubric, "rubric"), one_line(step, "step")
    with db.write() as c:
        found = case_to_confirm(c, actor, case_id, version)

        def make(work: AtWork) -> dict[str, Any]:
            if state_of(work.cell(key), work.standing.get(key)) != "decided":
                raise InputError(
                    f"nothing was decided on step {key[1]!r}; choose a decided one",
                    field="step",
                    code="step_not_decided",
                )
            return {"kind": "reopen_agreed", "rubric": key[0], "step": key[1], "rationale": words}

        return append_act(c, db, actor, found, make)
