"""Who has seen what others made of an attempt, and so can never rate it blind (invariant 1 before the first key).

What counts is what somebody did or was able to read, not what he remembers: nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    audit_event,
    confirmation,
    decision,
    gold_sheet,
    membership,
    model_run,
    submission,
)

Seen = tuple[str, str]
"""(person, attempt), by their ids."""


def seen_ratings(connection: Connection, project_id: str) -> frozenset[Seen]:
    """Who has seen a rating of which attempt of a project.

    He decided, confirmed or took its case; its case was open to him, as an adjudicator or as a rater in joint mode; or
    he brought in sheets of a model or of the expert panel for it.
    """
    return frozenset(
        (*_acted_in_its_case(connection, project_id), *_could_read_its_case(connection, project_id),
         *_brought_sheets_in(connection, project_id))
    )  # fmt: skip


def anything_to_see(connection: Connection, project_id: str) -> bool:
    """Whether a project holds a sheet that a role which sees could have shown: locked, a model's or the panel's."""
    locked = (
        select(submission.c.id)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .where(assignment.c.project == project_id)
    )
    gold = (
        select(gold_sheet.c.id)
        .join(attempt, attempt.c.id == gold_sheet.c.attempt)
        .where(attempt.c.project == project_id)
    )
    return any(connection.execute(wanted.limit(1)).first() for wanted in (locked, gold)) or models_rated(
        connection, project_id
    )


def models_rated(connection: Connection, project_id: str) -> bool:
    """Whether a project holds the sheet of a model."""
    wanted = select(model_run.c.id).where(model_run.c.project == project_id).limit(1)
    return connection.execute(wanted).first() is not None


def _acted_in_its_case(connection: Connection, project_id: str) -> Iterator[Seen]:
    for table in (decision, confirmation):
        rows = connection.execute(
            select(table.c.person, adjudication_case.c.attempt)
            .join(adjudication_case, adjudication_case.c.id == table.c.case)
            .join(attempt, attempt.c.id == adjudication_case.c.attempt)
            .where(attempt.c.project == project_id)
            .distinct()
        )
        yield from ((row.person, row.attempt) for row in rows)
    rows = connection.execute(
        select(audit_event.c.actor, adjudication_case.c.attempt)
        .join(adjudication_case, audit_event.c.object == "case:" + adjudication_case.c.id)
        .where(audit_event.c.project == project_id, audit_event.c.act == "case.take")
        .distinct()
    )
    yield from ((row.actor, row.attempt) for row in rows)


def _could_read_its_case(connection: Connection, project_id: str) -> Iterator[Seen]:
    """As `case_access` lets them: adjudicators who do not rate it and, in joint mode, all of them and both raters."""
    members = connection.execute(
        select(membership.c.person, membership.c.roles, membership.c.held).where(membership.c.project == project_id)
    )
    judges = {row.person for row in members if "adjudicator" in {*row.held, *row.roles}}
    cases = connection.execute(
        select(adjudication_case.c.attempt, adjudication_case.c.mode)
        .join(attempt, attempt.c.id == adjudication_case.c.attempt)
        .where(attempt.c.project == project_id)
        .distinct()
    ).all()
    rating = _by_attempt(
        connection,
        select(assignment.c.attempt, assignment.c.rater).where(
            assignment.c.project == project_id,
            or_(assignment.c.state != "withdrawn", assignment.c.opened_at.is_not(None)),
        ),
    )
    pairs = _by_attempt(
        connection,
        select(assignment.c.attempt, assignment.c.rater)
        .join(submission, submission.c.assignment == assignment.c.id)
        .join(adjudication_case, submission.c.id.in_((adjudication_case.c.first, adjudication_case.c.second)))
        .where(assignment.c.project == project_id, adjudication_case.c.mode == "joint"),
    )
    for case in cases:
        if case.mode == "joint":
            able = judges | pairs.get(case.attempt, set())
        else:
            able = judges - rating.get(case.attempt, set())
        yield from ((person, case.attempt) for person in able)


def _by_attempt(connection: Connection, wanted: Select[Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for attempt_id, person in connection.execute(wanted):
        found.setdefault(attempt_id, set()).add(person)
    return found


def _brought_sheets_in(connection: Connection, project_id: str) -> Iterator[Seen]:
    runs = connection.execute(
        select(model_run.c.added_by, model_run.c.attempt).where(model_run.c.project == project_id).distinct()
    )
    yield from ((row.added_by, row.attempt) for row in runs)
    gold = connection.execute(
        select(audit_event.c.actor, attempt.c.id)
        .join(attempt, audit_event.c.object == "attempt:" + attempt.c.id)
        .where(audit_event.c.project == project_id, audit_event.c.act == "calibration.gold")
        .distinct()
    )
    yield from ((row.actor, row.id) for row in gold)
