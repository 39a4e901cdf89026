"""What every device may still hold: nobody closes an exam while work sits in a tablet that nobody has heard of.

A device is settled when it said that it holds nothing and cannot have made anything since: the work is locked, or the
device knows that another one writes now. One that holds the lease, or that has not heard of having lost it, may be
working offline at this moment; after two minutes without contact nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from siming.errors import ConflictError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.changes import check_client
from siming.store.blind.desk import ASSIGNMENT
from siming.store.cases.pairs import has_open_work
from siming.store.database import Database, time_text
from siming.store.schema import assignment, attempt, device, membership
from siming.store.text import free_text

Condition = Literal["unsent", "unknown", "in_contact", "settled", "written_off"]
SILENT_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Device:
    """A tab of a browser that opened an assignment."""

    client: str
    assignment: str
    attempt_code: str
    rater_code: str
    assignment_state: str
    unsent: int
    """Changes that it last said it still held."""
    seen_at: str
    condition: Condition
    """``unsent`` it said that it holds changes; ``unknown`` it may, nobody heard of it lately; ``in_contact``;
    ``settled``; ``written_off`` by a person, see `written_off_reason`."""
    written_off_reason: str | None

    @property
    def is_open(self) -> bool:
        """Whether work may be lost if the project is closed now."""
        return self.condition in ("unsent", "unknown", "in_contact")


def devices(db: Database, actor: Actor, project_id: str) -> tuple[Device, ...]:
    """Every device of a project, those to look after first; for coordinators.

    Devices on attempts that the asker himself still has to rate are left out: they would tell him how far others are.
    """
    actor.require("plan", project_id)
    with db.read() as c:
        found = _devices(c, db, project_id, ~has_open_work(actor, assignment.c.attempt))
    order = {"unsent": 0, "unknown": 1, "in_contact": 2, "written_off": 3, "settled": 4}
    return tuple(sorted(found, key=lambda d: (order[d.condition], d.attempt_code, d.rater_code, d.seen_at)))


def write_off(db: Database, actor: Actor, client: str, assignment_id: str, *, reason: str) -> None:
    """Say, by name and with a reason, that nothing more is to be expected of a device.

    Should it come back all the same, its changes are kept (merged, or aside where the work was locked).

    Raises:
        InputError: no reason.
        NotFoundError: there is no such device.
    """
    actor.require_somewhere("plan")
    reason = free_text(reason, "reason", at_most=1000, optional=False)
    check_client(client)
    with db.write() as c:
        row = (
            c.execute(
                select(device, assignment.c.project)
                .join(assignment, assignment.c.id == device.c.assignment)
                .where(device.c.client == client, device.c.assignment == assignment_id)
                .with_for_update(of=device)
            ).first()
            if ASSIGNMENT.fullmatch(assignment_id)
            else None
        )
        if row is None or not actor.may("plan", row.project):
            raise NotFoundError("there is no such device", code="device_missing")
        c.execute(
            update(device)
            .where(device.c.client == client, device.c.assignment == assignment_id)
            .values(written_off_at=db.stamp(), written_off_by=actor.id, written_off_reason=reason)
        )
        audit.record(
            c, db, actor, "device.write_off", f"assignment:{assignment_id}", project=row.project,
            detail={"client": client, "unsent": row.unsent, "seen_at": row.seen_at, "reason": reason},
        )  # fmt: skip


def require_settled(connection: Connection, db: Database, project_id: str) -> None:
    """Inside a transaction: go on if no device of a project may still hold work.

    Raises:
        ConflictError: ``incomplete``: some may; bring their work in, or write them off by name.
    """
    waiting = [d for d in _devices(connection, db, project_id) if d.is_open]
    if waiting:
        first = waiting[0]
        raise ConflictError(
            f"{len(waiting)} devices may still hold work, such as that of {first.rater_code} on {first.attempt_code}; "
            "let them connect, bring their hand-over files in, or write them off",
            kind="incomplete",
            code="devices_unsettled",
            params={"n": len(waiting), "rater": first.rater_code, "attempt": first.attempt_code},
        )


def _devices(c: Connection, db: Database, project_id: str, *where: Any) -> Sequence[Device]:
    rows = c.execute(
        select(
            device,
            attempt.c.code.label("attempt_code"),
            membership.c.code.label("rater_code"),
            assignment.c.state,
            assignment.c.writer,
            assignment.c.fence.label("present_fence"),
        )
        .join(assignment, assignment.c.id == device.c.assignment)
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .join(membership, (membership.c.project == assignment.c.project) & (membership.c.person == assignment.c.rater))
        .where(assignment.c.project == project_id, *where)
    )
    silent_since = time_text(db.now() - SILENT_AFTER)
    return [
        Device(
            client=row.client,
            assignment=row.assignment,
            attempt_code=row.attempt_code,
            rater_code=row.rater_code,
            assignment_state=row.state,
            unsent=row.unsent,
            seen_at=row.seen_at,
            condition=_condition(row, silent_since),
            written_off_reason=row.written_off_reason,
        )
        for row in rows
    ]


def _condition(row: Any, silent_since: str) -> Condition:
    if row.written_off_at is not None and row.written_off_at >= row.seen_at:
        return "written_off"
    if row.unsent:
        return "unsent"
    knows_it_may_not_write = row.fence == row.present_fence and row.writer != row.client
    if knows_it_may_not_write:
        return "settled"
    return "unknown" if row.seen_at < silent_since else "in_contact"
