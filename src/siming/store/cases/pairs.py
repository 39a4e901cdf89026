"""Which two submissions of an attempt are its pair, and who may look at both.

The pair are the first submissions of the two lowest slots that are still assigned for scoring. Repeats, calibration and
AI-assisted ratings never stand for a person's own first judgement (invariants 2 and 9), nor does a later revision: by
then its author may have seen the other's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, or_, select

from siming.errors import NotFoundError
from siming.rubric import Sheet
from siming.store.access import Actor, Right
from siming.store.schema import assignment, submission

INDEPENDENT = ("score", "link")
"""Purposes of assignments whose first submission is a person's own judgement."""


@dataclass(frozen=True, slots=True)
class Work:
    """One rater's locked first submission of an attempt."""

    submission: str
    assignment: str
    rater: str
    """Person id."""
    sheets: Mapping[str, Sheet]
    """By rubric id."""
    rubrics: tuple[str, ...]
    """Ids of the rubric versions, in order."""
    media_sha256: str | None
    """Of the derivative that was watched: evidence is in its seconds."""


Pair = tuple[Work, Work]


def pair_of(connection: Connection, attempt_id: str) -> Pair | None:
    """The two works of an attempt; None until both are locked."""
    wanted = (
        select(assignment.c.id)
        .where(
            assignment.c.attempt == attempt_id,
            assignment.c.purpose.in_(INDEPENDENT),
            assignment.c.state != "withdrawn",
        )
        .order_by(assignment.c.slot, assignment.c.created_at, assignment.c.id)
        .limit(2)
    )
    ids = [row.id for row in connection.execute(wanted)]
    if len(ids) < 2:
        return None
    works = [work_of_assignment(connection, assignment_id) for assignment_id in ids]
    return None if works[0] is None or works[1] is None else (works[0], works[1])


def work_of_assignment(connection: Connection, assignment_id: str) -> Work | None:
    """The first submission of an assignment; None before it is locked."""
    wanted = _works().where(
        assignment.c.id == assignment_id, submission.c.revision == 1, submission.c.purpose.in_(INDEPENDENT)
    )
    row = connection.execute(wanted).one_or_none()
    return None if row is None else _work(row)


def works_of(connection: Connection, first: str, second: str) -> Pair:
    """The works of two submissions, by their ids."""
    rows = connection.execute(_works().where(submission.c.id.in_([first, second])))
    found = {row.id: _work(row) for row in rows}
    return found[first], found[second]


def has_open_work(actor: Actor, attempt: ColumnElement[str] | str) -> ColumnElement[bool]:
    """As a condition: he still has this attempt before him, so he may learn nothing of what others made of it.

    A reopened assignment and a repeat count as much as a first one.
    """
    return exists().where(
        assignment.c.attempt == attempt,
        assignment.c.rater == actor.id,
        assignment.c.state.not_in(("submitted", "withdrawn")),
    )


def has_rated(person: str, attempt: ColumnElement[str] | str) -> ColumnElement[bool]:
    """As a condition: he was given this attempt to rate, and it was not taken from him unopened."""
    return exists().where(
        assignment.c.attempt == attempt,
        assignment.c.rater == person,
        or_(assignment.c.state != "withdrawn", assignment.c.opened_at.is_not(None)),
    )


def require_or_hide(actor: Actor, right: Right, project: str) -> None:
    """Go on, or say that there is nothing: a rater must not even learn that the works of others were compared.

    Raises:
        NotFoundError: he has no such right there.
    """
    if not actor.may(right, project):
        raise nothing_there()


def nothing_there() -> NotFoundError:
    """One answer for what is not there and for what the asker may not know of."""
    return NotFoundError(
        "there is nothing of that name that you may see; ask the project's coordinator", code="nothing"
    )


def _works() -> Select[Any]:
    return select(
        submission.c.id,
        submission.c.assignment,
        assignment.c.rater,
        submission.c.sheets,
        submission.c.rubrics,
        submission.c.media_sha256,
    ).join(assignment, assignment.c.id == submission.c.assignment)


def _work(row: Row[Any]) -> Work:
    sheets = [Sheet.from_plain(plain) for plain in row.sheets]
    return Work(
        submission=row.id,
        assignment=row.assignment,
        rater=row.rater,
        sheets={sheet.rubric: sheet for sheet in sheets},
        rubrics=tuple(reference["id"] for reference in row.rubrics),
        media_sha256=row.media_sha256,
    )
