"""Reading the audit: by project, act, person and time, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from siming.errors import NotAllowedError
from siming.store.access import Actor
from siming.store.database import Database
from siming.store.schema import audit_event, membership, person

PAGE = 100


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some lines, newest first."""

    lines: tuple[Mapping[str, Any], ...]
    """With `who`: the actor's code in the project (and his name, for who may know it)."""
    older: int | None
    """What to give as `before` for the next page; None at the end."""
    acts: tuple[str, ...]
    """Every act there is, to choose from."""


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
    wanted = _of(actor, project)
    with db.read() as c:
        acts = tuple(
            c.execute(wanted.with_only_columns(audit_event.c.act).distinct().order_by(audit_event.c.act)).scalars()
        )
        for column, value in ((audit_event.c.act, act), (audit_event.c.actor, by)):
            wanted = wanted if not value else wanted.where(column == value)
        wanted = wanted if not since else wanted.where(audit_event.c.at >= since)
        wanted = wanted if not until else wanted.where(audit_event.c.at < until)
        wanted = wanted if before is None else wanted.where(audit_event.c.seq < before)
        found = c.execute(wanted.order_by(audit_event.c.seq.desc()).limit(limit + 1)).mappings().all()
        names = _names(c, actor, project, {row["actor"] for row in found})
    lines = tuple({**row, "who": names.get(row["actor"], row["actor"])} for row in found[:limit])
    return AuditPage(lines=lines, older=lines[-1]["seq"] if len(found) > limit else None, acts=acts)


def every_line(db: Database, actor: Actor, project: str | None) -> list[Mapping[str, Any]]:
    """All lines in order, for a file."""
    with db.read() as c:
        return [dict(row) for row in c.execute(_of(actor, project).order_by(audit_event.c.seq)).mappings()]


def _of(actor: Actor, project: str | None) -> Select[Any]:
    if project is not None:
        actor.require("see_audit", project)
        return select(audit_event).where(audit_event.c.project == project)
    if not actor.is_owner:
        raise NotAllowedError("only an owner of the installation may do this", code="owner_only")
    return select(audit_event).where(audit_event.c.project.is_(None))


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
