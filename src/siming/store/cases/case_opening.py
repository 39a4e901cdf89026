"""Cases open by themselves: the moment the second of two works is locked, both are compared."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, exists, insert, select, update

from siming.store import audit
from siming.store.access import SYSTEM, Actor
from siming.store.cases import consensus
from siming.store.cases.compared import compare_pair, keep, policy_of
from siming.store.cases.comparison import Cell
from siming.store.cases.pairs import Pair, pair_of, require_or_hide
from siming.store.database import Database, new_id
from siming.store.schema import adjudication_case, assignment, attempt, submission


def after_submission(connection: Connection, db: Database, submission_id: str) -> None:
    """Inside the transaction that locked a submission: compare when it is the second of its pair.

    Two works that differ nowhere become a consensus at once; others become a case. What cannot be compared stays out and
    shows in the grid: it must not keep a rater's submission from being locked.
    """
    found = connection.execute(
        select(assignment.c.attempt)
        .join(submission, submission.c.assignment == assignment.c.id)
        .where(submission.c.id == submission_id)
    ).scalar_one()
    open_pair(connection, db, found)


def open_missing_cases(db: Database, actor: Actor, project_id: str) -> int:
    """Compare every attempt with two locked works that has neither case nor consensus; how many there were.

    Raises:
        NotFoundError: no right to compare.
    """
    require_or_hide(actor, "compare", project_id)
    with db.write() as connection:
        ids = connection.execute(
            select(attempt.c.id).where(attempt.c.project == project_id, attempt.c.state == "usable")
        ).scalars()
        return sum(open_pair(connection, db, attempt_id) for attempt_id in list(ids))


def open_pair(connection: Connection, db: Database, attempt_id: str) -> bool:
    """Open a case, or write the agreed consensus, where both works are locked and nothing was made of them yet."""
    about = connection.execute(select(attempt).where(attempt.c.id == attempt_id).with_for_update()).one()
    pair = pair_of(connection, attempt_id)
    if pair is None or _made_of(connection, attempt_id, pair):
        return False
    policy = policy_of(connection, about.project)
    cells = keep(connection, pair, attempt_id=attempt_id, project_id=about.project, tolerance=policy.tolerance)
    if not cells:
        return False
    _withdraw_others(connection, db, attempt_id, about.project)
    if any(cell.is_open for cell in cells):
        _insert_case(connection, db, attempt_id, about.project, pair, cells)
    else:
        consensus.build(connection, db, attempt_id=attempt_id, pair=pair, policy=policy, actor=SYSTEM)
    return True


def case_for_appeal(connection: Connection, db: Database, attempt_id: str, pair: Pair) -> str:
    """The case of a pair; a new one without open steps where the two agreed on everything."""
    first, second = pair
    found = connection.execute(
        select(adjudication_case.c.id).where(
            adjudication_case.c.first == first.submission, adjudication_case.c.second == second.submission
        )
    ).scalar_one_or_none()
    if found is not None:
        return str(found)
    project_id = connection.execute(select(attempt.c.project).where(attempt.c.id == attempt_id)).scalar_one()
    cells = compare_pair(connection, pair, tolerance=policy_of(connection, project_id).tolerance)
    return _insert_case(connection, db, attempt_id, project_id, pair, cells)


def _made_of(connection: Connection, attempt_id: str, pair: Pair) -> bool:
    ids = [work.submission for work in pair]
    has_case = select(exists().where(adjudication_case.c.first == ids[0], adjudication_case.c.second == ids[1]))
    return bool(connection.execute(has_case).scalar()) or consensus.stands_on(connection, attempt_id, ids)


def _insert_case(
    connection: Connection, db: Database, attempt_id: str, project_id: str, pair: Pair, cells: Sequence[Cell]
) -> str:
    policy = policy_of(connection, project_id)
    case_id = new_id("ca")
    row = {
        "id": case_id,
        "attempt": attempt_id,
        "first": pair[0].submission,
        "second": pair[1].submission,
        "mode": policy.mode,
        "state": "open",
        "swapped": bool(secrets.randbelow(2)),
        "policy": policy.model_dump(mode="json"),
        "version": 0,
        "fence": 0,
        "n_open": sum(cell.is_open for cell in cells),
        "n_critical": sum(cell.kind == "critical_mismatch" for cell in cells),
        "created_at": db.stamp(),
    }
    connection.execute(insert(adjudication_case).values(**row))
    audit.record(connection, db, SYSTEM, "case.open", f"case:{case_id}", project=project_id)
    return case_id


def _withdraw_others(connection: Connection, db: Database, attempt_id: str, project_id: str) -> None:
    """A rater was replaced: cases of the pair that was are not decided any more."""
    others = connection.execute(
        select(adjudication_case.c.id).where(
            adjudication_case.c.attempt == attempt_id, adjudication_case.c.state.not_in(("confirmed", "withdrawn"))
        )
    ).scalars()
    for case_id in list(others):
        connection.execute(
            update(adjudication_case).where(adjudication_case.c.id == case_id).values(state="withdrawn", holder=None)
        )
        audit.record(connection, db, SYSTEM, "case.withdraw", f"case:{case_id}", project=project_id)
