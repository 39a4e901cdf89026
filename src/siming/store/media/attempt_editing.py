"""Attempts put right: by hand, by a list that names codes which are there already, or taken out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, insert, or_, select, update

from siming.errors import ConflictError
from siming.store import audit
from siming.store.access import Actor
from siming.store.canonical import digest
from siming.store.database import Database
from siming.store.media.attempts import (
    Attempt,
    NewAttempt,
    attempt_from,
    attempt_of,
    check_code,
    check_open,
    checked_values,
    for_coordinator,
    new_rows,
    project_rubrics,
)
from siming.store.media.media_folder import MediaFolder
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    consensus_version,
    gold_sheet,
    media,
    media_view,
    membership,
    model_run,
    upload,
)

DESCRIBED: Final = ("site", "occasion", "candidate_code")
"""What may be put right as long as the project is open."""
FIXED: Final = ("code", "rubrics", "params")
"""What stays once somebody is to rate the attempt: sheets carry it, and points depend on it."""
FIELDS: Final = ("code", *DESCRIBED, "rubrics", "params", "gold")


@dataclass(frozen=True, slots=True)
class Edit:
    """What would become of an attempt."""

    code: str
    changes: Mapping[str, tuple[Any, Any]]
    """Field to what it holds and what it would hold."""


@dataclass(frozen=True, slots=True)
class Import:
    """What a list does: nothing of it, or all."""

    added: tuple[str, ...]
    """Codes that are new."""
    edits: tuple[Edit, ...]
    same: int
    """Attempts that are there as the list has them."""
    sha256: str
    """Of all this; who agrees to it agrees to this and nothing else."""
    done: bool


def delete_attempt(db: Database, actor: Actor, folder: MediaFolder, attempt_id: str) -> Attempt:
    """Take out an attempt that should never have been there: nobody is to rate it, and no video came of what was sent.

    Recordings that could not be used go with it, from the disk too. Returns what it was.

    Raises:
        ConflictError: It has a video, sheets, assignments or an upload under way; erase the video, or leave the attempt out.
    """
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        files = c.execute(select(media.c.id, media.c.path).where(media.c.attempt == attempt_id)).all()
        if _in_use(c, attempt_id):
            raise ConflictError(
                f"attempt {found.code} has a video, sheets or assignments, or a video is on its way; leave the "
                "attempt out instead",
                kind="state",
                code="attempt_in_use",
                params={"code": found.code},
            )
        c.execute(delete(upload).where(upload.c.attempt == attempt_id))
        c.execute(delete(media).where(media.c.attempt == attempt_id))
        c.execute(delete(attempt).where(attempt.c.id == attempt_id))
        _rename_in_conflicts(c, found.project, found.code, None)
        audit.record(
            c, db, actor, "attempt.delete", f"attempt:{found.id}", project=found.project, detail={"code": found.code}
        )
        kept = set(c.scalars(select(media.c.path).where(media.c.path.in_([file.path for file in files]))))
    for file in files:
        if file.path not in kept:
            folder.remove(file.path)
    return found


def is_fixed(db: Database, actor: Actor, attempt_id: str) -> bool:
    """Whether its code and its rubrics stay, because somebody is to rate it or sheets of it are here."""
    actor.require_somewhere("manage_attempts")
    with db.read() as c:
        return attempt_id in _fixed(c, [attempt_id])


def is_deletable(db: Database, actor: Actor, attempt_id: str) -> bool:
    """Whether `delete_attempt` takes it out."""
    actor.require_somewhere("manage_attempts")
    with db.read() as c:
        return not _in_use(c, attempt_id)


def change_attempt(db: Database, actor: Actor, attempt_id: str, wanted: Mapping[str, Any]) -> Attempt:
    """Put an attempt right.

    Args:
        wanted: Some of `FIELDS` and what they are to hold; the others stay.

    Raises:
        InputError: As `attempts.add_attempt`.
        ConflictError: The code is taken, or what is to change stays because the attempt is assigned; the project is closed.
    """
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        edit = _edit(c, found, wanted)
        _apply(c, db, actor, found, edit)
        return attempt_of(c, attempt_id)


def import_attempts(
    db: Database, actor: Actor, project_id: str, wanted: Sequence[NewAttempt], *, agreed: str | None = None
) -> Import:
    """Many attempts: new codes are added, those that are there take what the list fills in for them.

    A cell that the list leaves empty changes nothing. What would change an attempt is done only where `agreed` is the
    `Import.sha256` of what was shown; otherwise nothing is done and what would be is told.

    Raises:
        InputError, ConflictError: As `attempts.add_attempt` and `change_attempt`; the message names the attempt at fault.
    """
    actor.require("manage_attempts", project_id)
    with db.write() as c:
        check_open(c, project_id)
        known = c.execute(select(attempt).where(attempt.c.project == project_id)).mappings()
        there = {row["code"]: attempt_from(row) for row in known}
        rows = new_rows(c, db, project_id, [new for new in wanted if new.code not in there])
        pairs = [(there[new.code], _edit(c, there[new.code], _filled(new))) for new in wanted if new.code in there]
        changed = [(found, edit) for found, edit in pairs if edit.changes]
        edits = tuple(edit for _, edit in changed)
        added = tuple(row["code"] for row in rows)
        told = digest([list(added), [[e.code, {k: list(v) for k, v in e.changes.items()}] for e in edits]])
        done = not edits or agreed == told
        if done:
            if rows:
                c.execute(insert(attempt), rows)
            for row in rows:
                audit.record(c, db, actor, "attempt.add", f"attempt:{row['id']}", project=project_id)
            for found, edit in changed:
                _apply(c, db, actor, found, edit)
    return Import(added, edits, len(pairs) - len(changed), told, done)


def _filled(new: NewAttempt) -> dict[str, Any]:
    """What a line of a list says of an attempt that is there."""
    said = {"rubrics": new.rubrics, "params": dict(new.params) or None, "gold": new.gold}
    said |= {name: getattr(new, name) for name in DESCRIBED}
    return {name: value for name, value in said.items() if value is not None}


def _edit(c: Connection, found: Attempt, wanted: Mapping[str, Any]) -> Edit:
    now = {name: getattr(found, name) for name in FIELDS} | {"params": dict(found.params)}
    checked = {**now, **{name: value for name, value in wanted.items() if name in FIELDS}}
    checked["code"] = check_code(checked["code"])
    touched = any(name in wanted and checked[name] != now[name] for name in ("rubrics", "params"))
    offered = project_rubrics(c, found.project) if touched else None
    checked |= checked_values(c, NewAttempt(**checked), offered)
    changes = {name: (now[name], checked[name]) for name in FIELDS if checked[name] != now[name]}
    if set(changes) & set(FIXED) and found.id in _fixed(c, [found.id]):
        raise ConflictError(
            f"attempt {found.code} is given to raters or has sheets; its code, its rubrics and their params stay",
            kind="state",
            code="attempt_fixed",
            params={"code": found.code},
        )
    if "code" in changes:
        taken = select(attempt.c.id).where(attempt.c.project == found.project, attempt.c.code == checked["code"])
        if c.scalar(taken) is not None:
            raise ConflictError(
                f"there is an attempt {checked['code']!r} already; choose another code",
                kind="exists",
                code="attempt_exists",
                params={"code": checked["code"]},
            )
    return Edit(found.code, changes)


def _apply(c: Connection, db: Database, actor: Actor, found: Attempt, edit: Edit) -> None:
    if not edit.changes:
        return
    values = {name: after for name, (_, after) in edit.changes.items()}
    if "rubrics" in values:
        values["rubrics"] = list(values["rubrics"])
    c.execute(update(attempt).where(attempt.c.id == found.id).values(**values))
    if "code" in values:
        _rename_in_conflicts(c, found.project, found.code, values["code"])
    # What was typed into the other fields may name a person by mistake, and no line of the audit is ever taken out.
    told = {name: _plain(change) for name, change in edit.changes.items() if name in ("code", "gold")}
    audit.record(
        c, db, actor, "attempt.change", f"attempt:{found.id}", project=found.project,
        detail={"fields": list(edit.changes), **told},
    )  # fmt: skip


def _plain(change: tuple[Any, Any]) -> dict[str, Any]:
    return {"before": change[0], "after": change[1]}


def _rename_in_conflicts(c: Connection, project_id: str, old: str, new: str | None) -> None:
    """Who may not rate an attempt is kept by its code; None where it is gone."""
    for row in c.execute(select(membership.c.id, membership.c.conflicts).where(membership.c.project == project_id)):
        if old in row.conflicts:
            codes = sorted(set(row.conflicts) - {old} | ({new} if new else set()))
            c.execute(update(membership).where(membership.c.id == row.id).values(conflicts=codes))


def _in_use(c: Connection, attempt_id: str) -> bool:
    """Whether more than recordings that could not be used hangs on it."""
    used = select(media.c.id).where(
        media.c.attempt == attempt_id,
        or_(
            media.c.kind == "derivative",
            media.c.state.in_(("ingest", "review", "verified")),
            media.c.id.in_(select(media_view.c.media)),
        ),
    )
    busy = select(upload.c.id).where(
        upload.c.attempt == attempt_id, upload.c.state.in_(("receiving", "queued", "working"))
    )
    return bool(_fixed(c, [attempt_id])) or any(c.execute(held.limit(1)).first() for held in (used, busy))


def _fixed(c: Connection, attempts: Sequence[str]) -> set[str]:
    holding = [
        exists(select(table.c.id).where(table.c.attempt == attempt.c.id))
        for table in (assignment, adjudication_case, consensus_version, model_run, gold_sheet)
    ]
    found = select(attempt.c.id).where(attempt.c.id.in_(attempts))
    return {id_ for held in holding for id_ in c.scalars(found.where(held))}
