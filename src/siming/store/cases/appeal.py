"""Appeals: a consensus is never changed, its case is opened again and makes the next version."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, select, update

from siming.errors import ConflictError, InputError
from siming.store import audit
from siming.store.access import Actor
from siming.store.cases.case_acts import Key, standing
from siming.store.cases.case_opening import case_for_appeal
from siming.store.cases.cases import acts_of, count_open
from siming.store.cases.compared import compare_pair
from siming.store.cases.consensus import made_of
from siming.store.cases.pairs import nothing_there, works_of
from siming.store.database import Database
from siming.store.policy import Policy
from siming.store.schema import adjudication_case, decision
from siming.store.text import free_text


def appeal(db: Database, actor: Actor, consensus_id: str, *, steps: Collection[Key], reason: str) -> str:
    """Open steps of a consensus again: its case waits for new decisions, which make a new version; returns the case's id.

    The version appealed against stays in force, if it was locked, until the new one is locked.

    Raises:
        NotFoundError: no right to lock a consensus, or no such version.
        InputError: no reason, no step, or a step that is not there.
        ConflictError: not the newest version, under appeal already, or a single rating: that needs a second rater.
    """
    words = free_text(reason, "reason", optional=False)
    with db.write() as connection:
        made = made_of(connection, actor, consensus_id, for_update=True)
        if not actor.may("lock_consensus", made.project):
            raise nothing_there()
        if made.state == "superseded" or len(made.submissions) != 2:
            single = len(made.submissions) != 2
            raise ConflictError(
                "a single rating cannot be appealed against; assign a second rater"
                if single
                else f"version {made.number} is superseded; appeal against the newest",
                kind="state",
                code="appeal_single" if single else "appeal_superseded",
            )
        keys = list(dict.fromkeys((rubric, step) for rubric, step in steps))
        strange = [key for key in keys if key[1] not in made.provenance.get(key[0], {})]
        if not keys or strange:
            raise InputError(
                f"there is no step {strange[0][1]!r} in this consensus" if strange else "name the steps to judge again",
                field="steps",
                code="appeal_steps",
            )
        case_id = case_for_appeal(
            connection, db, made.attempt, works_of(connection, made.submissions[0], made.submissions[1])
        )
        row = connection.execute(
            select(adjudication_case).where(adjudication_case.c.id == case_id).with_for_update()
        ).one()
        if row.state not in ("confirmed", "open") or (row.state == "open" and row.version > 0) or row.n_open:
            raise ConflictError(
                "this consensus is under appeal already; wait until its case is decided",
                kind="state",
                code="consensus_under_appeal",
            )
        for number, (rubric_id, step_id) in enumerate(keys, start=row.version + 1):
            connection.execute(
                insert(decision).values(
                    case=case_id,
                    version=number,
                    kind="appeal",
                    rubric=rubric_id,
                    step=step_id,
                    rationale=words,
                    person=actor.id,
                    fence=row.fence,
                    decided_at=db.stamp(),
                )
            )
        pair = works_of(connection, row.first, row.second)
        tolerance = Policy.model_validate(row.policy).tolerance
        cells = {(cell.rubric, cell.step): cell for cell in compare_pair(connection, pair, tolerance=tolerance)}
        n_open, n_critical = count_open(cells, standing(acts_of(connection, case_id)))
        connection.execute(
            update(adjudication_case)
            .where(adjudication_case.c.id == case_id)
            .values(
                state="open", version=row.version + len(keys), n_open=n_open, n_critical=n_critical, holder=None,
                lease_until=None,
            )
        )  # fmt: skip
        audit.record(
            connection, db, actor, "consensus.appeal", f"consensus:{made.id}", project=made.project,
            detail={"case": case_id, "steps": [list(key) for key in keys]},
        )  # fmt: skip
        return case_id
