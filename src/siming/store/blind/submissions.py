"""A rater's work, locked: what he entered, under his initials, with a receipt over all of it.

Locked submissions never change; the database itself refuses. A coordinator can have an assignment worked over, with a
reason: that makes another revision, and the first one stays the one that agreement is computed on (invariant 2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from siming.errors import ConflictError, InputError, SimingError
from siming.rubric import Author, Sheet
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.assignments import free_repeats
from siming.store.blind.changes import aside_of, check_client, note_device, replayed
from siming.store.blind.desk import (
    Desk,
    is_shut,
    own_desk,
    planners_row,
    refuse_if_closed,
    repeat_waits,
    rubric_by_hash,
)
from siming.store.blind.draft import sheets_of, snapshot_sha256
from siming.store.blind.summary import summary_of
from siming.store.canonical import digest
from siming.store.cases.case_opening import after_submission
from siming.store.cases.pairs import INDEPENDENT
from siming.store.database import Database, moment_of, new_id
from siming.store.media.media import check_evidence
from siming.store.projects.projects import code_of
from siming.store.schema import assignment, attempt, audit_event, consensus_version, rating_event, submission
from siming.store.text import free_text, one_line

MARKED = ("repeat", "ai_assisted")
"""Purposes that a sheet names."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a rater keeps as proof of what he submitted."""

    id: str
    assignment: str
    attempt_code: str
    revision: int
    sha256: str
    """Over everything that was locked."""
    snapshot_sha256: str
    """What device and server agreed on."""
    initials: str
    locked_at: str
    reason: str | None
    """Why there is a later revision."""
    points: Mapping[str, float | None]
    """Points by rubric; None where no step could be judged, or where he is not told them for now."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A locked submission, for comparison and statistics."""

    id: str
    assignment: str
    attempt: str
    attempt_code: str
    rater: str
    slot: int
    purpose: str
    revision: int
    sheets: tuple[Sheet, ...]
    rubrics: Sequence[Mapping[str, Any]]
    media_sha256: str | None
    played_share: float | None
    work_s: float | None
    locked_at: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether every submission is what its receipt says."""

    ok: bool
    n: int
    problems: tuple[str, ...]


def submit(
    db: Database,
    actor: Actor,
    assignment_id: str,
    *,
    client: str,
    fence: int,
    snapshot_sha256: str,
    initials: str,
) -> Receipt:
    """Lock one's own work. Asked again after a lost answer, it gives the same receipt.

    Args:
        snapshot_sha256: Of what the device holds; only what device and server agree on is locked.
        initials: Of who submits, as a signature.

    Raises:
        NotFoundError: there is no such assignment of his.
        InputError: no initials, or evidence that does not lie in the film that was rated.
        ConflictError: ``stale_writer``; ``incomplete``: device and server hold different things, or something stands in
            the way; ``locked``: submitted before with another content; ``state``.
    """
    check_client(client)
    initials = one_line(initials, "initials", at_most=20)
    with db.write() as c:
        desk = own_desk(c, actor, assignment_id, lock=True)
        if desk.state == "submitted":
            return _again(c, desk, snapshot_sha256)
        refuse_if_closed(desk)
        _check_ready(c, desk, client, fence, snapshot_sha256)
        row = _locked_row(c, db, desk, actor, initials, snapshot_sha256)
        c.execute(insert(submission).values(**row))
        values = {"state": "submitted", "revision": desk.revision, "writer": None}
        c.execute(update(assignment).where(assignment.c.id == desk.id).values(**values))
        note_device(c, db, desk, client=client, unsent=0, person=actor.id)
        audit.record(
            c, db, actor, "submission.lock", f"assignment:{desk.id}", project=desk.project, after=row["sha256"],
            detail={"revision": desk.revision, "snapshot": snapshot_sha256},
        )  # fmt: skip
        after_submission(c, db, row["id"])
        if desk.revision == 1 and desk.purpose in INDEPENDENT:
            free_repeats(c, db, attempt_id=desk.attempt, rater=actor.id)
        return _receipt(row, desk.attempt_code)


def receipts(db: Database, actor: Actor, assignment_id: str) -> tuple[Receipt, ...]:
    """Receipts of one's own assignment, first revision first; without points while it stays closed to him."""
    with db.read() as c:
        desk = own_desk(c, actor, assignment_id)
        rows = c.execute(
            select(submission).where(submission.c.assignment == assignment_id).order_by(submission.c.revision)
        )
        found = tuple(_receipt(dict(row._mapping), desk.attempt_code) for row in rows)
        shut = is_shut(c, desk)
    return tuple(replace(one, points=dict.fromkeys(one.points)) for one in found) if shut else found


def reopen(db: Database, actor: Actor, assignment_id: str, *, reason: str) -> int:
    """Have an assignment worked over; what was locked stays. Returns the revision that is now worked on.

    Raises:
        InputError: no reason.
        ConflictError: it is not submitted, a consensus on the attempt is locked, or its rater is to rate it once more.
    """
    reason = free_text(reason, "reason", at_most=1000, optional=False)
    with db.write() as c:
        row = planners_row(c, actor, assignment_id)
        if row.state != "submitted":
            raise ConflictError("only submitted work can be reopened", kind="state", code="not_submitted")
        if c.execute(select(repeat_waits(row.rater, row.project, row.attempt))).scalar_one():
            raise ConflictError(
                "a repeat of it waits, and its rater must not look at what he gave first; withdraw the repeat, or let "
                "it be rated before",
                kind="state",
                code="repeat_waits",
            )
        agreed = select(consensus_version.c.id).where(
            consensus_version.c.attempt == row.attempt, consensus_version.c.state == "locked"
        )
        if c.execute(agreed).first() is not None:
            raise ConflictError(
                "the consensus on this attempt is locked; an appeal makes a new version of it",
                kind="locked",
                code="consensus_locked",
            )
        revision = int(row.revision) + 1
        values = {
            "state": "reopened",
            "revision": revision,
            "reopened_reason": reason,
            "writer": None,
            "fence": row.fence + 1,
        }
        c.execute(update(assignment).where(assignment.c.id == assignment_id).values(**values))
        audit.record(
            c, db, actor, "submission.reopen", f"assignment:{assignment_id}", project=row.project,
            detail={"revision": revision}, reason=reason,
        )  # fmt: skip
    return revision


def first_submissions(
    connection: Connection, project_id: str, *, purposes: Collection[str] = INDEPENDENT
) -> tuple[Locked, ...]:
    """First, independent submissions of a project, by attempt and slot: the only ones that agreement may use.

    Args:
        purposes: As they were when the work was locked. AI-assisted work is never among them unless it is named.
    """
    rows = connection.execute(
        _LOCKED.where(
            assignment.c.project == project_id,
            submission.c.revision == 1,
            submission.c.purpose.in_(sorted(purposes)),
        )
    )
    return tuple(_locked(row) for row in rows)


def submissions_of(connection: Connection, assignment_id: str) -> tuple[Locked, ...]:
    """Every revision of an assignment, first one first."""
    rows = connection.execute(_LOCKED.where(assignment.c.id == assignment_id))
    return tuple(_locked(row) for row in rows)


def verify_submissions(db: Database) -> Verified:
    """Hold every submission against its receipt, the log of changes that led to it, and the audit that names it."""
    problems, n = [], 0
    with db.read() as c:
        rows = c.execute(
            select(submission, attempt.c.params)
            .join(assignment, assignment.c.id == submission.c.assignment)
            .join(attempt, attempt.c.id == assignment.c.attempt)
            .order_by(submission.c.locked_at, submission.c.id)
        ).all()
        for row in rows:
            n += 1
            if _receipt_hash(dict(row._mapping)) != row.sha256:
                problems.append(f"submission {row.id}: its content is not what its receipt was given for")
                continue
            try:
                rubrics = [rubric_by_hash(c, ref["id"], ref["sha256"], row.params) for ref in row.rubrics]
            except SimingError as error:
                problems.append(f"submission {row.id}: {error}")
                continue
            events = select(func.count()).where(
                rating_event.c.assignment == row.assignment, rating_event.c.seq <= row.last_seq
            )
            if c.execute(events).scalar_one() != row.last_seq:
                problems.append(f"submission {row.id}: changes are missing from its log")
            elif snapshot_sha256(replayed(c, row.assignment, until=row.last_seq), rubrics) != row.snapshot_sha256:
                problems.append(f"submission {row.id}: the log of changes does not lead to what was locked")
        there = {row.sha256 for row in rows}
        problems += [
            f"audit line {line.seq}: the submission it locked for {line.object} is gone"
            for line in c.execute(select(audit_event).where(audit_event.c.act == "submission.lock"))
            if line.after not in there
        ]
    return Verified(not problems, n, tuple(problems))


def _check_ready(c: Connection, desk: Desk, client: str, fence: int, snapshot: str) -> None:
    if not desk.is_writer(client, fence):
        raise ConflictError(
            "another tab or device writes here now; take over to submit from here",
            kind="stale_writer",
            code="stale_writer",
            detail={"kept_aside": [], "fence": desk.fence},
        )
    found = summary_of(desk, n_aside=len(aside_of(c, desk.id)))
    if found.snapshot_sha256 != snapshot:
        raise ConflictError(
            "this device and the server hold different things; let it send what is left, then submit again",
            kind="incomplete",
            code="snapshot_differs",
            detail={"snapshot_sha256": found.snapshot_sha256, "seq": desk.seq},
        )
    blocking = [p for p in found.problems if p.blocking]
    if blocking:
        raise ConflictError(
            f"{len(blocking)} things stand in the way; see the summary",
            kind="incomplete",
            code="problems_left",
            params={"n": len(blocking)},
            detail={"problems": [{"rubric": p.rubric, "step": p.step, "code": p.code} for p in blocking]},
        )


def _locked_row(c: Connection, db: Database, desk: Desk, actor: Actor, initials: str, snapshot: str) -> dict[str, Any]:
    locked_at = db.stamp()
    name = code_of(c, desk.project, actor.id)
    if name is None:
        raise InputError("you have no code in this project; ask its coordinator", code="member_missing")
    sheets = sheets_of(
        desk.draft,
        desk.paper.rubrics,
        attempt=desk.attempt_code,
        author=Author(kind="physician", name=name),
        submitted_at=locked_at,
        # Rides on every copy of the sheet, so that no export can pass it for a person's own, first judgement
        # (invariants 2 and 9).
        marks={"purpose": desk.purpose} if desk.purpose in MARKED else None,
    )
    for start_s, end_s in (span for sheet in sheets for entry in sheet.steps.values() for span in entry.evidence):
        check_evidence(desk.paper, start_s, end_s)
    row: dict[str, Any] = {
        "id": new_id("su"),
        "assignment": desk.id,
        "revision": desk.revision,
        "purpose": desk.purpose,
        "rubrics": [dict(ref) for ref in desk.rubric_refs],
        "sheets": [sheet.to_plain() for sheet in sheets],
        "snapshot_sha256": snapshot,
        "media_sha256": desk.media_sha256,
        "played_share": summary_of(desk).played_share,
        "work_s": _work_s(c, desk),
        "initials": initials,
        "reason": desk.reopened_reason if desk.revision > 1 else None,
        "last_seq": desk.seq,
        "locked_at": locked_at,
    }
    return row | {"sha256": _receipt_hash(row)}


def _receipt_hash(row: Mapping[str, Any]) -> str:
    names = (c.name for c in submission.columns if c.name != "sha256")
    return digest({"schema": "siming.submission/1", **{name: row[name] for name in names}})


def _work_s(c: Connection, desk: Desk) -> float | None:
    """First to last event of the revision, by the server's clock."""
    first, last = c.execute(
        select(func.min(rating_event.c.server_at), func.max(rating_event.c.server_at)).where(
            rating_event.c.assignment == desk.id,
            rating_event.c.revision == desk.revision,
            rating_event.c.aside.is_(False),
        )
    ).one()
    return None if first is None else (moment_of(last) - moment_of(first)).total_seconds()


def _again(c: Connection, desk: Desk, snapshot: str) -> Receipt:
    last = c.execute(
        select(submission).where(submission.c.assignment == desk.id).order_by(submission.c.revision.desc()).limit(1)
    ).one()
    if last.snapshot_sha256 != snapshot:
        raise ConflictError(
            "this assignment is submitted and locked, with another content than this device holds",
            kind="locked",
            code="submission_locked",
        )
    return _receipt(dict(last._mapping), desk.attempt_code)


def _receipt(row: Mapping[str, Any], attempt_code: str) -> Receipt:
    sheets = [Sheet.from_plain(plain) for plain in row["sheets"]]
    return Receipt(
        id=row["id"],
        assignment=row["assignment"],
        attempt_code=attempt_code,
        revision=row["revision"],
        sha256=row["sha256"],
        snapshot_sha256=row["snapshot_sha256"],
        initials=row["initials"],
        locked_at=row["locked_at"],
        reason=row["reason"],
        points={sheet.rubric: sheet.points for sheet in sheets},
    )


_LOCKED = (
    select(
        submission,
        assignment.c.attempt,
        assignment.c.rater,
        assignment.c.slot,
        attempt.c.code.label("attempt_code"),
    )
    .join(assignment, assignment.c.id == submission.c.assignment)
    .join(attempt, attempt.c.id == assignment.c.attempt)
    .order_by(attempt.c.code, assignment.c.slot, assignment.c.id, submission.c.revision)
)


def _locked(row: Any) -> Locked:
    names = [name for name in Locked.__dataclass_fields__ if name != "sheets"]
    return Locked(
        sheets=tuple(Sheet.from_plain(plain) for plain in row.sheets), **{name: getattr(row, name) for name in names}
    )
