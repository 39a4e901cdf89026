"""Why somebody did what the audit tells: in his own words, which may name a person, so they stand outside the chain.

A line holds a digest over the words and a salt; words and salt lie in `audit_reason`, where an erasure can blank both. The
chain verifies afterwards as before, and nobody can try out what the words may have been (invariant 8).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, or_, select, type_coerce, update

from siming.errors import InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database
from siming.store.schema import assignment, attempt, audit_event, audit_reason, device, membership

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reason:
    """What is left of a reason."""

    words: str | None
    """None once erased."""
    erased_at: str | None


def reasons_of(c: Connection, lines: Iterable[Mapping[str, Any]]) -> dict[str, Reason]:
    """The reasons that lines of the audit point to, by digest."""
    wanted = [line["detail"][audit.REASON] for line in lines if audit.REASON in line["detail"]]
    found: dict[str, Reason] = {}
    for part in _parts(wanted):
        for row in c.execute(select(audit_reason).where(audit_reason.c.sha256.in_(part))):
            found[row.sha256] = Reason(row.words, row.erased_at)
    return found


def erase_reason(db: Database, actor: Actor, project: str | None, digest: str) -> None:
    """Blank the words of one line, such as those that name somebody; that it was done is a line of its own.

    Args:
        project: Whose line it is; None for one of the installation.

    Raises:
        NotAllowedError: no right to erase identities there.
        NotFoundError: no line of it has such a reason, or its words are gone already.
    """
    if project is not None:
        actor.require("see_identities", project)
    elif not actor.is_owner:
        raise NotAllowedError("only an owner of the installation may do this", code="owner_only")
    where = audit_event.c.project.is_(None) if project is None else audit_event.c.project == project
    with db.write() as c:
        held = (
            re.fullmatch(r"[0-9a-f]{64}", digest)
            and c.execute(
                select(audit_event.c.seq).where(where, _detail().contains(f'"{audit.REASON}":"{digest}"')).limit(1)
            ).scalar_one_or_none()
        )
        if not held or not _blank(c, db, [digest]):
            raise NotFoundError("there is no such reason, or no more", code="no_reason")
        audit.record(c, db, actor, "audit.erase_reason", f"line:{held}", project=project)
    leave_nothing_behind(db)


def erase_reasons_about_person(c: Connection, db: Database, person_id: str) -> int:
    """Blank what was written on acts on somebody: his account, and the work that was given to him."""
    his = select(assignment.c.id).where(assignment.c.rater == person_id)
    work = c.execute(his).scalars()
    c.execute(update(device).where(device.c.assignment.in_(his)).values(written_off_reason=None))
    return _blank(c, db, _about(c, [f"person:{person_id}", *(f"assignment:{one}" for one in work)]))


def erase_reasons_about_code(c: Connection, db: Database, project: str, kind: str, code: str) -> int:
    """Blank what was written on acts on who is behind a pseudonym: looks into the vault, and work on his attempts or of his."""
    if kind == "candidate":
        ids = select(attempt.c.id).where(attempt.c.project == project, attempt.c.candidate_code == code)
        attempts = list(c.execute(ids).scalars())
        work = select(assignment.c.id).where(assignment.c.attempt.in_(ids))
    else:
        attempts = []
        rater = select(membership.c.person).where(membership.c.project == project, membership.c.code == code)
        work = select(assignment.c.id).where(assignment.c.project == project, assignment.c.rater.in_(rater))
    objects = [f"{kind}:{code}", *(f"attempt:{one}" for one in attempts)]
    objects += [f"assignment:{one}" for one in c.execute(work).scalars()]
    looks = select(audit_event.c.detail).where(audit_event.c.project == project, audit_event.c.act == "vault.open")
    looked = [
        detail[audit.REASON]
        for detail in c.execute(looks).scalars()
        if f"{kind}:{code}" in detail.get("codes", ()) and audit.REASON in detail
    ]
    return _blank(c, db, [*_about(c, objects, project=project), *looked])


def refuse_name(words: str, names: Iterable[str]) -> None:
    """Go on unless the reason of an erasure names whom it erases: it would stay.

    Raises:
        InputError: it does.
    """
    for name in names:
        edge = r"\b" if name.isascii() else ""
        if name.strip() and re.search(edge + re.escape(name.strip()) + edge, words, re.IGNORECASE):
            raise InputError(
                "the reason names the person who is erased, and it stays; say it without the name",
                field="reason",
                code="reason_names",
            )


def problems_of(c: Connection) -> Iterator[str]:
    """Words that are not those of their line, and lines whose reason is gone without having been erased."""
    rows = {row.sha256: row for row in c.execute(select(audit_reason))}
    for row in rows.values():
        if row.words is not None and audit.reason_digest(row.salt or "", row.words) != row.sha256:
            yield f"reason {row.sha256[:12]}: its words are not those that were given"
        if row.words is None and row.erased_at is None:
            yield f"reason {row.sha256[:12]}: its words are gone, and nobody erased them"
    for line in c.execute(select(audit_event.c.seq, audit_event.c.detail).where(_detail().contains(audit.REASON))):
        if line.detail.get(audit.REASON) not in rows:
            yield f"audit line {line.seq}: the reason it points to is gone"


def leave_nothing_behind(db: Database) -> None:
    """After words were blanked: the log beside SQLite's file still holds the page as it was."""
    if db.is_sqlite:
        with db.engine.connect() as c:
            c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _about(c: Connection, objects: Collection[str], *, project: str | None = None) -> list[str]:
    found: list[str] = []
    for part in _parts(objects):
        wanted = select(audit_event.c.detail).where(
            audit_event.c.object.in_(part), _detail().contains(audit.REASON),
            *(() if project is None else (or_(audit_event.c.project == project, audit_event.c.project.is_(None)),)),
        )  # fmt: skip
        found += [detail[audit.REASON] for detail in c.execute(wanted).scalars() if audit.REASON in detail]
    return found


def _blank(c: Connection, db: Database, digests: Collection[str]) -> int:
    if db.is_sqlite:
        c.exec_driver_sql("PRAGMA secure_delete=ON")  # overwrite what is let go of
    gone = 0
    for part in _parts(digests):
        held = (audit_reason.c.sha256.in_(part), audit_reason.c.words.is_not(None))
        gone += c.execute(
            update(audit_reason).where(*held).values(words=None, salt=None, erased_at=db.stamp())
        ).rowcount
    return gone


def _detail() -> Any:
    return type_coerce(audit_event.c.detail, Text)


def _parts(values: Collection[str]) -> Iterator[list[str]]:
    every = list(values)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]
