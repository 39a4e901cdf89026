"""Reading the audit: by project, act, person and time, a page at a time.

The chain counts what everybody does, so its numbers, and the gaps between those of some of its lines, tell how much others
have saved and locked. Whoever still has ratings before him, whatever his other roles, reads lines that are numbered among
themselves, without the hashes that tie them to the rest (invariant 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Subquery, func, literal, select

from siming.errors import NotAllowedError
from siming.store.access import Actor
from siming.store.audit import REASON
from siming.store.audit_reasons import reasons_of
from siming.store.database import Database
from siming.store.schema import assignment, audit_event, membership, person
from siming.store.schema import project as project_table

PAGE = 100
AT_ONCE = 1000
"""Lines of a file that are in memory together."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some lines, newest first."""

    lines: tuple[Mapping[str, Any], ...]
    """With `who`: the actor's code in the project (and his name, for who may know it); and `why`: the `Reason` that was
    given, if one was."""
    older: int | None
    """What to give as `before` for the next page; None at the end."""
    acts: tuple[str, ...]
    """Every act there is, to choose from."""
    counted: bool
    """Whether the lines bear their numbers in the chain."""
    may_erase: bool
    """Whether the reader may erase the words of a reason."""


def audit_page(
    db: Database,
    actor: Actor,
    project: str | None,
    *,
    act: str | None = None,
    by: str | None = None,
    since: str | None = None,
    until: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> AuditPage:
    """Lines of a project; with None those of the installation that belong to no project, for its owners.

    Args:
        by: A person's id.
        since, until: Dates or times as text; a date counts as its first moment, so `until` leaves that day out.
        before: Only lines with a smaller number.
    """
    _require(actor, project)
    with db.read() as c:
        counted = not _still_rates(c, actor)
        told = _told(project, counted=counted)
        wanted = select(told)
        acts = tuple(c.execute(select(told.c.act).distinct().order_by(told.c.act)).scalars())
        for column, value in ((told.c.act, act), (told.c.actor, by)):
            wanted = wanted if not value else wanted.where(column == value)
        wanted = wanted if not since else wanted.where(told.c.at >= since)
        wanted = wanted if not until else wanted.where(told.c.at < until)
        wanted = wanted if before is None else wanted.where(told.c.seq < before)
        found = c.execute(wanted.order_by(told.c.seq.desc()).limit(limit + 1)).mappings().all()
        names = _names(c, actor, project, {row["actor"] for row in found})
        reasons = reasons_of(c, [dict(row) for row in found])
    lines = tuple(
        {**row, "who": names.get(row["actor"], row["actor"]), "why": reasons.get(row["detail"].get(REASON))}
        for row in found[:limit]
    )
    older = lines[-1]["seq"] if len(found) > limit else None
    may_erase = actor.is_owner if project is None else actor.may("see_identities", project)
    return AuditPage(lines=lines, older=older, acts=acts, counted=counted, may_erase=may_erase)


def every_line(
    db: Database, actor: Actor, project: str | None, *, at_once: int = AT_ONCE
) -> Iterator[Mapping[str, Any]]:
    """All lines in order, for a file: those that stand now, read a part at a time.

    Raises:
        NotFoundError, NotAllowedError: at once, not when the first line is taken.
    """
    _require(actor, project)
    with db.read() as c:
        told = _told(project, counted=not _still_rates(c, actor))
        last = c.execute(select(func.max(told.c.seq))).scalar() or 0
    wanted = select(told).order_by(told.c.seq)

    def lines() -> Iterator[Mapping[str, Any]]:
        seq = 0
        while seq < last:
            with db.read() as c:
                part = wanted.where(told.c.seq > seq, told.c.seq <= last).limit(at_once)
                rows = [dict(row) for row in c.execute(part).mappings()]
            yield from rows
            seq = rows[-1]["seq"]

    return lines()


def _require(actor: Actor, project: str | None) -> None:
    if project is not None:
        actor.require("see_audit", project)
    elif not actor.is_owner:
        raise NotAllowedError("only an owner of the installation may do this", code="owner_only")


def _told(project: str | None, *, counted: bool) -> Subquery:
    """The lines of a project, or those of none; by their numbers in the chain or among themselves."""
    of = audit_event.c.project.is_(None) if project is None else audit_event.c.project == project
    if counted:
        return select(audit_event).where(of).subquery()
    hidden = {
        "seq": func.row_number().over(order_by=audit_event.c.seq),
        "previous": literal(""),
        "hash": literal(""),
    }
    return select(*(hidden.get(c.name, c).label(c.name) for c in audit_event.c)).where(of).subquery()


def _still_rates(c: Connection, actor: Actor) -> bool:
    """Whether he has something left to rate in a project that is open."""
    before_him = (
        select(assignment.c.id)
        .join(project_table, project_table.c.id == assignment.c.project)
        .where(
            assignment.c.rater == actor.id,
            assignment.c.state.not_in(("submitted", "withdrawn")),
            project_table.c.state == "open",
        )
    )
    return c.execute(before_him.limit(1)).first() is not None


def _names(c: Any, actor: Actor, project: str | None, ids: set[str]) -> dict[str, str]:
    if project is None:
        found = c.execute(select(person.c.id, person.c.display_name).where(person.c.id.in_(ids)))
        return {row.id: row.display_name for row in found}
    rows = c.execute(
        select(membership.c.person, membership.c.code, person.c.display_name)
        .join(person, person.c.id == membership.c.person)
        .where(membership.c.project == project, membership.c.person.in_(ids))
    )
    named = actor.may("see_raters", project)
    return {row.person: f"{row.code} {row.display_name}" if named else row.code for row in rows}
