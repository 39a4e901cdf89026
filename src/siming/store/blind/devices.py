"""What every device may still hold: nobody closes an exam while work sits in a tablet that nobody has heard of.

A device is settled when it said that it holds nothing and cannot have made anything since: it has only looked, the work
is locked, or the device knows that another one writes now. One that holds the lease, or that has not heard of having lost it, may be
working offline at this moment; after two minutes without contact nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote, unquote

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, or_, select, tuple_, update

from siming.errors import ConflictError, InputError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.changes import check_client
from siming.store.blind.desk import ASSIGNMENT
from siming.store.cases.pairs import has_open_work
from siming.store.database import Database, time_text
from siming.store.schema import assignment, attempt, device, membership
from siming.store.text import free_text

Condition = Literal["unsent", "unknown", "in_contact", "settled", "written_off"]
CARE: tuple[Condition, ...] = ("unsent", "unknown", "in_contact", "written_off", "settled")
"""Those to look after first."""
OPEN: tuple[Condition, ...] = ("unsent", "unknown", "in_contact")
"""In which work may be lost."""
ORDER = ("care", "attempt_code", "rater_code", "client", "assignment")
SILENT_AFTER = timedelta(minutes=2)
MOST_AT_ONCE = 500


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
    browser: str | None
    """Of what family and on what system, such as ``Chrome, Android``; None where it did not say."""

    @property
    def is_open(self) -> bool:
        """Whether work may be lost if the project is closed now."""
        return self.condition in OPEN

    @property
    def cursor(self) -> str:
        """Its place in the list, for the one who asks for what comes after it."""
        names = (self.attempt_code, self.rater_code, self.client, self.assignment)
        return " ".join((self.condition, *(quote(name, safe="") for name in names)))


def devices(
    db: Database, actor: Actor, project_id: str, *, after: str = "", limit: int = MOST_AT_ONCE
) -> tuple[Device, ...]:
    """Devices of a project, those to look after first; for coordinators.

    Devices on attempts that the asker himself still has to rate are left out: they would tell him how far others are.

    Args:
        after: The `Device.cursor` of the last one that he has already; fewer than `limit` come at the end.

    Raises:
        InputError: `after` is no cursor.
    """
    actor.require("plan", project_id)
    place = _place(after)
    with db.read() as c:
        wanted = _in_order(_devices(db, project_id, ~has_open_work(actor, assignment.c.attempt)))
        if place is not None:
            found = wanted.subquery()
            wanted = _in_order(select(found).where(tuple_(*(found.c[name] for name in ORDER)) > tuple_(*place)))
        return tuple(_device(row) for row in c.execute(wanted.limit(min(max(1, limit), MOST_AT_ONCE))))


def n_open_devices(db: Database, actor: Actor, project_id: str) -> int:
    """How many of them may still hold work."""
    actor.require("plan", project_id)
    with db.read() as c:
        found = _devices(db, project_id, ~has_open_work(actor, assignment.c.attempt)).subquery()
        return int(c.execute(select(func.count()).where(found.c.condition.in_(OPEN))).scalar_one())


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
            detail={"client": client, "unsent": row.unsent, "seen_at": row.seen_at}, reason=reason,
        )  # fmt: skip


def require_settled(connection: Connection, db: Database, project_id: str) -> None:
    """Inside a transaction: go on if no device of a project may still hold work.

    Raises:
        ConflictError: ``incomplete``: some may; bring their work in, or write them off by name.
    """
    found = _devices(db, project_id).subquery()
    waiting = _in_order(select(found).where(found.c.condition.in_(OPEN)))
    first = connection.execute(waiting.limit(1)).first()
    if first is not None:
        n = connection.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()
        raise ConflictError(
            f"{n} devices may still hold work, such as that of {first.rater_code} on {first.attempt_code}; "
            "let them connect, bring their hand-over files in, or write them off",
            kind="incomplete",
            code="devices_unsettled",
            params={"n": n, "rater": first.rater_code, "attempt": first.attempt_code},
        )


def _devices(db: Database, project_id: str, *where: ColumnElement[bool]) -> Select[Any]:
    silent_since = time_text(db.now() - SILENT_AFTER)
    may_not_write = or_(
        ~device.c.held,
        and_(
            device.c.fence == assignment.c.fence,
            or_(assignment.c.writer.is_(None), assignment.c.writer != device.c.client),
        ),
    )
    conditions: dict[Condition, ColumnElement[bool]] = {
        "written_off": device.c.written_off_at >= device.c.seen_at,
        "unsent": device.c.unsent > 0,
        "settled": may_not_write,
        "unknown": device.c.seen_at < silent_since,
    }
    return (
        select(
            device.c.client,
            device.c.assignment,
            attempt.c.code.label("attempt_code"),
            membership.c.code.label("rater_code"),
            assignment.c.state.label("assignment_state"),
            device.c.unsent,
            device.c.seen_at,
            device.c.written_off_reason,
            device.c.browser,
            _first_true(conditions, lambda name: name).label("condition"),
            _first_true(conditions, CARE.index).label("care"),
        )
        .join(assignment, assignment.c.id == device.c.assignment)
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .join(membership, (membership.c.project == assignment.c.project) & (membership.c.person == assignment.c.rater))
        .where(assignment.c.project == project_id, *where)
    )


def _first_true(
    conditions: Mapping[Condition, ColumnElement[bool]], value: Callable[[Condition], Any]
) -> ColumnElement[Any]:
    return case(*((where, value(name)) for name, where in conditions.items()), else_=value("in_contact"))


def _in_order(wanted: Select[Any]) -> Select[Any]:
    return wanted.order_by(*(wanted.selected_columns[name] for name in ORDER))


def _device(row: Row[Any]) -> Device:
    return Device(
        client=row.client,
        assignment=row.assignment,
        attempt_code=row.attempt_code,
        rater_code=row.rater_code,
        assignment_state=row.assignment_state,
        unsent=row.unsent,
        seen_at=row.seen_at,
        condition=row.condition,
        written_off_reason=row.written_off_reason,
        browser=row.browser,
    )


def _place(cursor: str) -> tuple[int, str, str, str, str] | None:
    if not cursor:
        return None
    condition, *names = cursor.split(" ")
    if condition not in CARE or len(names) != len(ORDER) - 1 or "\0" in cursor:
        raise InputError("after is no cursor of this list; begin again without it", field="after", code="cursor")
    attempt_code, rater_code, client, assignment_id = (unquote(name) for name in names)
    return CARE.index(condition), attempt_code, rater_code, client, assignment_id
