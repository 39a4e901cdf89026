"""Saving: a batch of a rater's changes, durable before it is acknowledged.

One transaction appends the events, folds them into the draft and notes what the device said. A batch that was sent twice
changes nothing. Changes of a writer who lost the lease, or that come after the work was locked, are kept aside: never
merged, never lost (`adopt` merges them by an explicit act).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from siming.errors import ConflictError, InputError
from siming.store.access import Actor
from siming.store.blind.change import Change, Paper, read_change
from siming.store.blind.desk import Desk, own_desk
from siming.store.blind.draft import Draft, applied, folded, n_done, value_of
from siming.store.database import Database
from siming.store.schema import assignment, device, rating_event

CLIENT = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST_IN_A_BATCH = 500
ADOPTED = "+adopted"
"""Behind a client's name: its changes that were kept aside and then merged by an explicit act."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What is on the disk now."""

    acked: tuple[int, ...]
    """Numbers of the changes that the device may forget."""
    seq: int
    """Events of this assignment."""
    saved_at: str
    draft: Draft
    paper: Paper


@dataclass(frozen=True, slots=True)
class Aside:
    """A change that was kept and not merged."""

    client: str
    client_seq: int
    field: str
    rubric: str | None
    step: str | None
    value: Any
    media_s: float | None
    at: str
    server_at: str


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a batch inside the transaction."""

    acked: tuple[int, ...]
    aside: tuple[int, ...]
    desk: Desk
    seq: int
    draft: Draft
    refusal: ConflictError | None


def save_changes(
    db: Database,
    actor: Actor,
    assignment_id: str,
    *,
    client: str,
    fence: int,
    changes: Sequence[Mapping[str, Any]],
    unsent: int = 0,
) -> Saved:
    """Keep a batch of changes of the rater's own assignment; an empty one is a sign of life.

    Args:
        client: The device's (tab's) own random name.
        fence: What `open_assignment` gave to the writer.
        changes: Plain changes as `draft.read_change` reads them.
        unsent: How many more the device still holds.

    Raises:
        NotFoundError: no such assignment of his.
        InputError: a change does not fit; nothing of the batch was kept.
        ConflictError: kept aside and not merged (`detail` says which): ``stale_writer`` the lease is elsewhere,
            ``locked`` submitted already, ``state`` withdrawn or closed, ``out_of_order`` later ones were stored before.
            Kept not at all: ``client_reused`` another tab uses the same name.
    """
    check_client(client)
    if not 0 <= unsent <= 10**9:
        raise InputError(f"unsent is {unsent}, wanted the number of changes still held", field="unsent")
    if len(changes) > MOST_IN_A_BATCH:
        raise InputError(
            f"{len(changes)} changes in one batch, at most {MOST_IN_A_BATCH}; send them in parts",
            field="changes",
            code="batch_too_long",
        )
    with db.write() as c:
        desk = own_desk(c, actor, assignment_id, lock=True)
        taken = take(c, db, desk, client=client, fence=fence, changes=changes)
        note_device(c, db, desk, client=client, unsent=unsent, person=actor.id)
    if taken.refusal is not None:
        raise taken.refusal
    return Saved(taken.acked, taken.seq, db.stamp(), taken.draft, desk.paper)


def adopt(db: Database, actor: Actor, assignment_id: str, *, client: str, fence: int, aside_client: str) -> Saved:
    """Merge what another client's changes had been kept aside for, as the present writer's own act; once.

    Raises:
        ConflictError: ``stale_writer``: who asks does not hold the lease.
    """
    check_client(client)
    check_client(aside_client)
    with db.write() as c:
        desk = own_desk(c, actor, assignment_id, lock=True)
        refusal = _refusal(desk, client, fence)
        if refusal is not None:
            raise refusal
        waiting = [a for a in aside_of(c, desk.id) if a.client == aside_client]
        changes = [
            Change(a.client_seq, a.field, a.rubric, a.step, a.value, a.media_s, a.at)  # type: ignore[arg-type]
            for a in waiting
        ]
        draft, seq = _append(c, db, desk, aside_client + ADOPTED, fence, changes, aside=False)
    return Saved(tuple(a.client_seq for a in waiting), seq, db.stamp(), draft, desk.paper)


def take(
    c: Connection, db: Database, desk: Desk, *, client: str, fence: int, changes: Sequence[Mapping[str, Any]]
) -> _Taken:
    """Inside a writing transaction that holds the assignment: merge a batch, or keep it aside.

    Raises:
        InputError: a change does not fit.
        ConflictError: ``client_reused``.
    """
    if not 0 <= fence < 2**31:
        raise InputError(f"fence is {fence}, wanted what opening the assignment gave", field="fence")
    batch = sorted((read_change(plain, desk.paper) for plain in changes), key=lambda change: change.client_seq)
    if len({change.client_seq for change in batch}) < len(batch):
        raise InputError(
            "a client_seq stands twice in one batch",
            field="changes",
            code="change_refused",
            params={"reason": "change_form"},
        )
    stored = _stored(c, desk.id, client, batch[0].client_seq) if batch else {}
    fresh = [change for change in batch if not _is_known(desk, client, change, stored)]
    refusal = _refusal(desk, client, fence)
    if refusal is None and fresh and stored and fresh[0].client_seq < max(stored):
        refusal = ConflictError(
            "changes came after later ones of the same device; they were kept aside",
            kind="out_of_order",
            code="changes_out_of_order",
        )
    known_aside = [
        s.client_seq for s in stored.values() if s.aside and any(b.client_seq == s.client_seq for b in batch)
    ]
    draft, seq = desk.draft, desk.seq
    if fresh:
        draft, seq = _append(c, db, desk, client, fence, fresh, aside=refusal is not None)
    if refusal is not None:
        aside = tuple(sorted([*known_aside, *(change.client_seq for change in fresh)]))
        refusal.detail.update({"kept_aside": list(aside), "fence": desk.fence})
        return _Taken((), aside, desk, seq, draft, refusal)
    return _Taken(tuple(change.client_seq for change in batch), (), desk, seq, draft, None)


def aside_of(c: Connection, assignment_id: str) -> tuple[Aside, ...]:
    """Changes that were kept aside and not adopted, in the order in which they came."""
    rows = c.execute(
        select(rating_event)
        .where(rating_event.c.assignment == assignment_id, rating_event.c.aside.is_(True))
        .order_by(rating_event.c.seq)
    ).all()
    if not rows:
        return ()
    adopted = select(rating_event.c.client, rating_event.c.client_seq).where(
        rating_event.c.assignment == assignment_id, rating_event.c.client.like(f"%{ADOPTED}")
    )
    merged = {(row.client, row.client_seq) for row in c.execute(adopted)}
    return tuple(
        Aside(
            client=row.client,
            client_seq=row.client_seq,
            field=row.field,
            rubric=row.rubric,
            step=row.step,
            value=row.new,
            media_s=row.media_s,
            at=row.client_at,
            server_at=row.server_at,
        )
        for row in rows
        if (row.client + ADOPTED, row.client_seq) not in merged
    )


def replayed(c: Connection, assignment_id: str, *, until: int | None = None) -> dict[str, Any]:
    """The draft that the log gives from nothing, up to and with event number `until`."""
    wanted = select(
        rating_event.c.aside, rating_event.c.field, rating_event.c.rubric, rating_event.c.step, rating_event.c.new
    ).where(rating_event.c.assignment == assignment_id)
    if until is not None:
        wanted = wanted.where(rating_event.c.seq <= until)
    return folded(dict(row._mapping) for row in c.execute(wanted.order_by(rating_event.c.seq)))


def last_client_seq(c: Connection, assignment_id: str, client: str) -> int:
    """The highest number that is stored for a client; 0 for a new one."""
    rows = c.execute(
        select(rating_event.c.client_seq)
        .where(rating_event.c.assignment == assignment_id, rating_event.c.client == client)
        .order_by(rating_event.c.client_seq.desc())
        .limit(1)
    )
    return rows.scalar() or 0


def note_device(c: Connection, db: Database, desk: Desk, *, client: str, unsent: int | None, person: str) -> None:
    """Inside a writing transaction: what a device said of itself, and that it has heard of the present lease.

    Args:
        unsent: Changes that it still holds; None where it did not say, and then what it said before stands.
    """
    values: dict[str, Any] = {
        "the_client": client,
        "the_assignment": desk.id,
        "fence": desk.fence,
        "seen_at": db.stamp(),
    }
    known = c.execute(_SEEN if unsent is None else _TOLD, values if unsent is None else {**values, "unsent": unsent})
    if not known.rowcount:
        row = {"client": client, "assignment": desk.id, "person": person, "unsent": unsent or 0, "fence": desk.fence}
        c.execute(insert(device).values(seen_at=values["seen_at"], **row))


def check_client(client: str) -> None:
    """Refuse names that no page of ours would choose.

    Raises:
        InputError: saying what a name looks like.
    """
    if not CLIENT.fullmatch(client):
        raise InputError("a client's name is 8 to 64 letters, digits, - and _", field="client", code="client_form")


def _refusal(desk: Desk, client: str, fence: int) -> ConflictError | None:
    """Why this writer's changes are not merged; None where they are."""
    if desk.state == "submitted":
        return ConflictError(
            "this assignment is submitted and locked; the changes were kept aside",
            kind="locked",
            code="submission_locked",
        )
    if not desk.takes_changes:
        return ConflictError(
            f"this assignment takes no changes ({desk.state}); they were kept aside",
            kind="state",
            code="assignment_takes_no_changes",
        )
    if not desk.is_writer(client, fence):
        return ConflictError(
            "another tab or device writes here now; the changes were kept aside. Take over to go on here",
            kind="stale_writer",
            code="stale_writer",
            detail={"kept_aside": [], "fence": desk.fence},
        )
    return None


def _stored(c: Connection, assignment_id: str, client: str, lowest: int) -> dict[int, Any]:
    rows = c.execute(_KNOWN, {"the_assignment": assignment_id, "the_client": client, "lowest": lowest})
    return {row.client_seq: row for row in rows}


def _is_known(desk: Desk, client: str, change: Change, stored: Mapping[int, Any]) -> bool:
    """Whether a change is stored already.

    A duplicated tab copies its client's name. Taking its different change for a repetition would acknowledge work that
    is kept nowhere.
    """
    row = stored.get(change.client_seq)
    if row is None:
        return False
    if (row.field, row.rubric, row.step, row.new) != (change.field, change.rubric, change.step, change.value):
        raise ConflictError(
            f"change {change.client_seq} was stored with another content: two tabs use one name; reload this one",
            kind="client_reused",
            code="client_reused",
            detail={"kept_aside": [], "fence": desk.fence, "client_seq": change.client_seq},
        )
    return True


def _append(
    c: Connection, db: Database, desk: Desk, client: str, fence: int, changes: Sequence[Change], *, aside: bool
) -> tuple[Draft, int]:
    """Write events and, unless they are kept aside, the draft. Returns the draft and the number of the last event."""
    draft, seq, now = desk.draft, desk.seq, db.stamp()
    rows = []
    for change in changes:
        seq += 1
        rows.append(
            {
                "assignment": desk.id,
                "seq": seq,
                "client": client,
                "client_seq": change.client_seq,
                "fence": fence,
                "aside": aside,
                "revision": desk.revision,
                "field": change.field,
                "rubric": change.rubric,
                "step": change.step,
                "old": value_of(draft, change.field, change.rubric, change.step),
                "new": change.value,
                "media_s": change.media_s,
                "client_at": change.at,
                "server_at": now,
            }
        )
        if not aside:
            draft = applied(draft, change.field, change.rubric, change.step, change.value)
    if rows:
        c.execute(insert(rating_event), rows)
        began = not aside and desk.state == "open" and any(row["field"] != "played" for row in rows)
        c.execute(
            _FOLDED,
            {
                "the_assignment": desk.id,
                "new_seq": seq,
                "new_draft": draft,
                "new_done": n_done(draft),
                "new_state": "in_progress" if began else desk.state,
            },
        )
    return draft, seq


_KNOWN = select(
    rating_event.c.client_seq,
    rating_event.c.aside,
    rating_event.c.field,
    rating_event.c.rubric,
    rating_event.c.step,
    rating_event.c.new,
).where(
    rating_event.c.assignment == bindparam("the_assignment"),
    rating_event.c.client == bindparam("the_client"),
    rating_event.c.client_seq >= bindparam("lowest"),
)

_FOLDED = (
    update(assignment)
    .where(assignment.c.id == bindparam("the_assignment"))
    .values(
        seq=bindparam("new_seq"),
        draft=bindparam("new_draft"),
        done=bindparam("new_done"),
        state=bindparam("new_state"),
    )
)

_SEEN = (
    update(device)
    .where(device.c.client == bindparam("the_client"), device.c.assignment == bindparam("the_assignment"))
    .values(fence=bindparam("fence"), seen_at=bindparam("seen_at"))
)
_TOLD = _SEEN.values(unsent=bindparam("unsent"))
