"""Projects: their rules, and who made them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, insert, select, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.access import ROLES, Actor
from siming.store.blind.devices import require_settled
from siming.store.canonical import digest
from siming.store.database import Database, new_id
from siming.store.policy import Policy
from siming.store.projects.members import insert_member, open_project
from siming.store.schema import membership, project
from siming.store.text import one_line

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Project:
    """A project."""

    id: str
    slug: str
    title: str
    policy: Policy
    state: str
    """``open`` or ``closed``."""
    created_at: str
    closed_at: str | None = None


def create_project(
    db: Database, actor: Actor, *, slug: str, title: str, policy: Policy | None = None, code: str = "P01"
) -> Project:
    """A project whose owner is who makes it.

    Raises:
        NotAllowedError: only an owner of the installation may.
        ConflictError: the short name is taken.
    """
    if not actor.is_owner:
        raise NotAllowedError("only an owner of the installation makes projects", code="owner_only")
    slug = slug.strip().lower()
    if not SLUG.fullmatch(slug):
        raise InputError(
            f"{slug[:40]!r} is no short name; use 1 to 60 letters a to z, digits and -, such as spring-2026",
            field="slug",
            code="slug_form",
        )
    project_id = new_id("pr")
    row = {
        "id": project_id,
        "slug": slug,
        "title": one_line(title, "title", at_most=120),
        "policy": (policy or Policy()).model_dump(mode="json"),
        "state": "open",
        "created_at": db.stamp(),
    }
    with db.write() as c:
        if c.execute(select(project.c.id).where(project.c.slug == slug)).first() is not None:
            raise ConflictError(
                f"there is a project {slug!r} already; choose another short name",
                kind="exists",
                code="slug_taken",
                params={"slug": slug},
            )
        c.execute(insert(project).values(**row))
        audit.record(c, db, actor, "project.create", f"project:{project_id}", project=project_id)
        insert_member(c, db, actor, project_id, person_id=actor.id, roles=("owner",), code=code)
        return _project(c.execute(select(project).where(project.c.id == project_id)).one())


def projects_of(db: Database, actor: Actor) -> tuple[Project, ...]:
    """The projects an actor belongs to, open ones first, then by title."""
    with db.read() as c:
        rows = c.execute(
            select(project)
            .where(project.c.id.in_(list(actor.roles)))
            .order_by(project.c.state.desc(), project.c.title, project.c.id)
        )
        return tuple(_project(row) for row in rows)


def get_project(db: Database, actor: Actor, slug: str) -> Project:
    """A project by its short name, for who belongs to it.

    Raises:
        NotFoundError: there is none, or he does not belong to it: the two read the same.
    """
    with db.read() as c:
        row = c.execute(select(project).where(project.c.slug == slug)).first()
    if row is None or not actor.roles.get(row.id):
        raise NotFoundError(
            f"there is no project {slug!r} that you belong to; ask its coordinator for a role",
            code="project_not_found",
            params={"slug": slug},
        )
    return _project(row)


def get_project_by_id(db: Database, actor: Actor, project_id: str) -> Project:
    """The same by id."""
    actor.require("see_project", project_id)
    with db.read() as c:
        return _project(c.execute(select(project).where(project.c.id == project_id)).one())


def policy_in(c: Connection, project_id: str) -> Policy:
    """A project's present policy inside a transaction."""
    return Policy(**c.execute(select(project.c.policy).where(project.c.id == project_id)).scalar_one())


def change_project(
    db: Database, actor: Actor, project_id: str, *, title: str | None = None, policy: Policy | None = None
) -> Project:
    """Change the title or the rules; what was decided keeps the rules it was decided under."""
    actor.require("manage_project", project_id)
    with db.write() as c:
        row = open_project(c, project_id)
        values: dict[str, Any] = {}
        if title is not None:
            values["title"] = one_line(title, "title", at_most=120)
        if policy is not None:
            values["policy"] = policy.model_dump(mode="json")
        changed = {name: value for name, value in values.items() if value != row._mapping[name]}
        if changed:
            c.execute(update(project).where(project.c.id == project_id).values(**changed))
            audit.record(
                c,
                db,
                actor,
                "project.change",
                f"project:{project_id}",
                project=project_id,
                before=digest([row.title, row.policy]),
                after=digest([values.get("title", row.title), values.get("policy", row.policy)]),
                detail=_policy_changes(row.policy, changed.get("policy")),
            )
        return _project(c.execute(select(project).where(project.c.id == project_id)).one())


def set_project_state(db: Database, actor: Actor, project_id: str, *, closed: bool) -> Project:
    """Close a project, or open it again; closing is the end of rating, not of reading.

    Raises:
        ConflictError: ``incomplete``: devices may still hold work; see `devices.py`.
    """
    actor.require("manage_project", project_id)
    with db.write() as c:
        row = c.execute(select(project).where(project.c.id == project_id).with_for_update()).one()
        if (row.state == "closed") != closed:
            if closed:
                require_settled(c, db, project_id)
            state, at = ("closed", db.stamp()) if closed else ("open", None)
            c.execute(update(project).where(project.c.id == project_id).values(state=state, closed_at=at))
            act = "project.close" if closed else "project.reopen"
            audit.record(c, db, actor, act, f"project:{project_id}", project=project_id)
        return _project(c.execute(select(project).where(project.c.id == project_id)).one())


def break_glass(db: Database, actor: Actor, slug: str, *, reason: str) -> Project:
    """An owner of the installation makes himself an owner of a project that has lost its own; every auditor of the
    project sees it, with the reason.

    Raises:
        NotAllowedError: only an owner of the installation may.
        NotFoundError: there is no such project.
        ConflictError: he rates in it, and would see what raters may not; that he tried is in the audit all the same.
    """
    if not actor.is_owner:
        raise NotAllowedError("only an owner of the installation may do this", code="owner_only")
    reason = one_line(reason, "reason", at_most=300)
    with db.write() as c:
        row = c.execute(select(project).where(project.c.slug == slug.strip().lower()).with_for_update()).first()
        if row is None:
            raise NotFoundError(
                f"there is no project {slug!r}", code="project_not_found", params={"slug": slug.strip()[:60]}
            )
        held = c.execute(
            select(membership).where(membership.c.project == row.id, membership.c.person == actor.id)
        ).first()
        refused = held is not None and "rater" in held.roles
        act = "project.break_glass_refused" if refused else "project.break_glass"
        audit.record(c, db, actor, act, f"project:{row.id}", project=row.id, reason=reason)
        if not refused:
            _enter_as_owner(c, db, actor, row.id, held)
    if refused:
        raise ConflictError(
            "you rate in this project and must not see what the others do; let another owner of the installation "
            "do this",
            kind="state",
            code="glass_rater",
        )
    return _project(row)


def _enter_as_owner(c: Connection, db: Database, actor: Actor, project_id: str, held: Row[Any] | None) -> None:
    if held is not None:
        roles = sorted({*(held.roles if held.ended_at is None else ()), "owner"}, key=ROLES.index)
        ever = sorted({*held.held, *held.roles, "owner"}, key=ROLES.index)
        c.execute(update(membership).where(membership.c.id == held.id).values(roles=roles, held=ever, ended_at=None))
        return
    taken = {
        code.lower()
        for code in c.execute(select(membership.c.code).where(membership.c.project == project_id)).scalars()
    }
    code = next(f"G{n:02d}" for n in range(1, len(taken) + 2) if f"g{n:02d}" not in taken)
    c.execute(
        insert(membership).values(
            id=new_id("me"),
            project=project_id,
            person=actor.id,
            code=code,
            roles=["owner"],
            held=["owner"],
            conflicts=[],
            created_at=db.stamp(),
        )
    )


def code_of(c: Connection, project_id: str, person_id: str) -> str | None:
    """The code of a person in a project, inside a transaction; also of who has left."""
    found = c.execute(
        select(membership.c.code).where(membership.c.project == project_id, membership.c.person == person_id)
    ).scalar()
    return None if found is None else str(found)


def policy_from(plain: dict[str, Any]) -> Policy:
    """A policy from plain values.

    Raises:
        InputError: naming the first field at fault.
    """
    try:
        return Policy(**plain)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "policy"
        raise InputError(
            f"{field}: {first['msg']}", field=field, code="policy_value", params={"field": field}
        ) from error


def _policy_changes(before: dict[str, Any], after: dict[str, Any] | None) -> dict[str, Any]:
    if after is None:
        return {}
    return {name: [before.get(name), after[name]] for name in after if before.get(name) != after[name]}


def _project(row: Row[Any]) -> Project:
    return Project(
        id=row.id,
        slug=row.slug,
        title=row.title,
        policy=Policy(**row.policy),
        state=row.state,
        created_at=row.created_at,
        closed_at=row.closed_at,
    )
