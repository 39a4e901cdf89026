"""Members of a project: roles, code, site, conflicts, minutes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Required, TypedDict, Unpack

from sqlalchemy import Connection, Row, insert, select, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.access import ROLES, Actor, Role
from siming.store.accounts import people
from siming.store.accounts.invitations import Invitation, add_person
from siming.store.blind.past import anything_to_see, models_rated
from siming.store.database import Database, new_id
from siming.store.schema import membership, person, project
from siming.store.text import one_line

CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")

SEEING: frozenset[Role] = frozenset({"owner", "coordinator", "analyst", "auditor", "model_runner"})
"""Roles that see ratings, plans, statistics or model runs: nobody who rates blind may hold one beside it."""

MODELS: frozenset[Role] = frozenset({"analyst", "model_runner"})
"""Roles that are there to work with models' sheets: who adjudicates decides without having seen them."""


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a project."""

    id: str
    project: str
    person: str
    login: str
    name: str
    code: str
    """The name that sheets and exports carry, such as R07."""
    roles: tuple[Role, ...]
    site: str | None
    conflicts: tuple[str, ...]
    """Codes of attempts this person may not rate."""
    minutes: float | None
    ended_at: str | None
    has_password: bool
    """False until the invitation was used."""


class Seat(TypedDict, total=False):
    """What a new member is given, as keywords of `add_member`."""

    roles: Required[Iterable[Role]]
    code: str | None
    """The name that sheets carry; the next free R01, R02 ... by default."""
    site: str | None
    conflicts: Sequence[str]
    minutes: float | None


def members(db: Database, actor: Actor, project_id: str) -> tuple[Member, ...]:
    """Everybody in a project, by code; those who left come last."""
    actor.require("manage_members", project_id)
    with db.read() as c:
        found = [_member(row) for row in c.execute(_members_of(project_id))]
    return tuple(sorted(found, key=lambda m: (m.ended_at is not None, m.code)))


def get_member(db: Database, actor: Actor, member_id: str) -> Member:
    """One member."""
    actor.require_somewhere("manage_members")
    with db.read() as c:
        row = c.execute(_MEMBERS.where(membership.c.id == member_id)).first()
    if row is None or not actor.may("manage_members", row.project):
        raise NotFoundError(f"there is no member {member_id!r}")
    return _member(row)


def add_member(db: Database, actor: Actor, project_id: str, *, person_id: str, **seat: Unpack[Seat]) -> Member:
    """Give a person who has an account a place in a project; who left before takes the place up again."""
    actor.require("manage_members", project_id)
    with db.write() as c:
        open_project(c, project_id)
        member_id = insert_member(c, db, actor, project_id, person_id=person_id, **seat)
        return _member(c.execute(_MEMBERS.where(membership.c.id == member_id)).one())


def add_member_by_login(
    db: Database, actor: Actor, project_id: str, *, login: str, name: str, **seat: Unpack[Seat]
) -> tuple[Member, Invitation | None]:
    """The same by login; where there is no such account, one is made, and the link that opens it comes back."""
    actor.require("manage_members", project_id)
    login = people.normal_login(login)
    with db.write() as c:
        open_project(c, project_id)
        person_id = c.execute(select(person.c.id).where(person.c.login == login)).scalar()
        invitation = None
        if person_id is None:
            row = people.new_row(db, login=login, name=name)
            invitation = add_person(c, db, actor, row, project=project_id)
            person_id = row["id"]
        member_id = insert_member(c, db, actor, project_id, person_id=person_id, **seat)
        return _member(c.execute(_MEMBERS.where(membership.c.id == member_id)).one()), invitation


def change_member(
    db: Database,
    actor: Actor,
    member_id: str,
    *,
    roles: Iterable[Role],
    site: str | None = None,
    conflicts: Sequence[str] = (),
    minutes: float | None = None,
) -> Member:
    """Change roles, site, conflicts and minutes; the code stays, because sheets carry it.

    Raises:
        InputError: roles that nobody may hold together or, after what he has been able to see, may not hold any more.
        NotAllowedError: his own roles; or who is an owner, and the asker is none.
    """
    with db.write() as c:
        row = _member_row(c, actor, member_id)
        wanted = _checked_roles(actor, row.project, roles, had=row.roles)
        _refuse_own_roles(actor, row.person, row.roles, wanted)
        if "owner" in row.roles and "owner" not in wanted:
            _keep_an_owner(c, row)
        values = {"roles": list(wanted), "held": _held(c, row, wanted), **_details(site, conflicts, minutes)}
        c.execute(update(membership).where(membership.c.id == member_id).values(**values))
        audit.record(
            c,
            db,
            actor,
            "member.change",
            f"membership:{member_id}",
            project=row.project,
            detail={"before": row.roles, "after": list(wanted)},
        )
        return _member(c.execute(_MEMBERS.where(membership.c.id == member_id)).one())


def end_membership(db: Database, actor: Actor, member_id: str) -> Member:
    """Take a person out of a project; everything he did stays under his code."""
    with db.write() as c:
        row = _member_row(c, actor, member_id)
        if "owner" in row.roles:
            _checked_roles(actor, row.project, (), had=row.roles, may_be_none=True)
            _keep_an_owner(c, row)
        if row.ended_at is None:
            c.execute(update(membership).where(membership.c.id == member_id).values(ended_at=db.stamp()))
            audit.record(c, db, actor, "member.end", f"membership:{member_id}", project=row.project)
        return _member(c.execute(_MEMBERS.where(membership.c.id == member_id)).one())


_MEMBERS = select(
    membership,
    person.c.login,
    person.c.display_name,
    person.c.password_hash.is_not(None).label("has_password"),
).join(person, person.c.id == membership.c.person)


def _members_of(project_id: str) -> Any:
    return _MEMBERS.where(membership.c.project == project_id)


def insert_member(
    c: Connection, db: Database, actor: Actor, project_id: str, *, person_id: str, **seat: Unpack[Seat]
) -> str:
    """The same inside a transaction; the membership's id."""
    roles, code = seat["roles"], seat.get("code")
    first = not c.execute(select(membership.c.id).where(membership.c.project == project_id)).first()
    wanted = ("owner",) if first else _checked_roles(actor, project_id, roles, had=())
    known = c.execute(select(person.c.disabled_at).where(person.c.id == person_id)).first()
    if known is None or known.disabled_at is not None:
        raise NotFoundError("there is no such person, or the account is closed", code="person_not_found")
    rows = c.execute(select(membership).where(membership.c.project == project_id)).all()
    held = next((row for row in rows if row.person == person_id), None)
    if not first:
        _refuse_own_roles(actor, person_id, () if held is None or held.ended_at else held.roles, wanted)
    if held is not None and held.ended_at is None:
        raise ConflictError(
            f"this person is in the project already, as {held.code}; change the roles there",
            kind="exists",
            code="member_exists",
            params={"code": held.code},
        )
    ever = sorted(wanted) if held is None else _held(c, held, wanted)
    details = _details(seat.get("site"), seat.get("conflicts", ()), seat.get("minutes"))
    values = {"roles": list(wanted), "held": ever, **details}
    if held is not None:  # sheets carry the code: it comes back with the person
        c.execute(update(membership).where(membership.c.id == held.id).values(ended_at=None, **values))
        member_id = str(held.id)
    else:
        member_id = new_id("me")
        taken = {row.code.lower() for row in rows}
        code = _free_code(taken) if code is None or not code.strip() else _checked_code(code, taken)
        c.execute(
            insert(membership).values(
                id=member_id, project=project_id, person=person_id, code=code, created_at=db.stamp(), **values
            )
        )
    audit.record(
        c, db, actor, "member.add", f"membership:{member_id}", project=project_id, detail={"after": list(wanted)}
    )
    return member_id


def _checked_roles(
    actor: Actor, project_id: str, roles: Iterable[Role], *, had: Sequence[str], may_be_none: bool = False
) -> tuple[Role, ...]:
    asked = set(roles)
    strange = sorted(asked - set(ROLES))
    if strange:
        raise InputError(
            f"there is no role {strange[0]!r}; there are {', '.join(ROLES)}", field="roles", code="role_unknown"
        )
    if not asked and not may_be_none:
        raise InputError("choose at least one role", field="roles", code="role_missing")
    if ("owner" in asked) != ("owner" in had) and not actor.may("manage_project", project_id):
        raise NotAllowedError("only an owner of the project makes or unmakes owners", code="owner_role")
    if "rater" in asked and asked & SEEING:
        raise InputError(
            "a rater rates blind and may be nothing else but an adjudicator; the other roles see what raters may not",
            field="roles",
            code="roles_clash",
        )
    if "adjudicator" in asked and asked & MODELS:
        raise InputError(
            "an adjudicator decides without having seen what models say; analysts and model runners see it",
            field="roles",
            code="roles_clash_models",
        )
    return tuple(role for role in ROLES if role in asked)


def _refuse_own_roles(actor: Actor, person_id: str, had: Sequence[str], wanted: Sequence[Role]) -> None:
    """Nobody gives himself sight of what he may not see; an owner of the installation answers for all of it anyway.

    Raises:
        NotAllowedError: they are his own, and would change.
    """
    if person_id == actor.id and not actor.is_owner and set(had) != set(wanted):
        raise NotAllowedError(
            "nobody changes his own roles; ask another coordinator or owner of the project", code="own_roles"
        )


def _held(c: Connection, row: Row[Any], wanted: Sequence[Role]) -> list[str]:
    """Every role this member has held, the wanted ones among them.

    Raises:
        InputError: he is to rate blind, and has had a role that shows what others, a model or the expert panel gave; or
            to adjudicate, and has had one that shows what models gave.
    """
    ever = {*row.held, *row.roles}
    if "rater" in wanted and ever & SEEING and anything_to_see(c, row.project):
        raise InputError(
            "who has been able to see ratings of this project cannot rate blind in it; ask somebody else",
            field="roles",
            code="has_seen",
        )
    if "adjudicator" in wanted and "adjudicator" not in row.roles and ever & MODELS and models_rated(c, row.project):
        raise InputError(
            "who has been able to see what models gave in this project cannot adjudicate in it; ask somebody else",
            field="roles",
            code="has_seen_models",
        )
    return sorted(ever | set(wanted))


def _details(site: str | None, conflicts: Sequence[str], minutes: float | None) -> dict[str, Any]:
    if minutes is not None and not 0 <= minutes <= 1_000_000:
        raise InputError(
            f"minutes is {minutes}; give 0 to 1000000, or nothing for no limit", field="minutes", code="minutes_range"
        )
    if len(conflicts) > 10_000:
        raise InputError("more than 10000 conflicts; use sites instead", field="conflicts", code="conflicts_many")
    return {
        "site": one_line(site or "", "site", at_most=80, optional=True) or None,
        "conflicts": sorted({one_line(item, "conflicts", at_most=80) for item in conflicts}),
        "minutes": minutes,
    }


def _free_code(taken: set[str]) -> str:
    return next(f"R{n:02d}" for n in range(1, len(taken) + 2) if f"r{n:02d}" not in taken)


def _checked_code(code: str, taken: set[str]) -> str:
    code = code.strip()
    if not CODE.fullmatch(code):
        raise InputError(
            f"{code[:40]!r} is no code; use 1 to 40 letters, digits and . _ -, such as R07",
            field="code",
            code="member_code_form",
        )
    if code.lower() in taken:
        raise ConflictError(
            f"the code {code} belongs to another member; choose another",
            kind="exists",
            code="member_code_taken",
            params={"code": code},
        )
    return code


def _member_row(c: Connection, actor: Actor, member_id: str) -> Row[Any]:
    actor.require_somewhere("manage_members")
    row = c.execute(select(membership).where(membership.c.id == member_id).with_for_update()).first()
    if row is None or not actor.may("manage_members", row.project):
        raise NotFoundError(f"there is no member {member_id!r}")
    return row


def _keep_an_owner(c: Connection, leaving: Row[Any]) -> None:
    others = c.execute(
        select(membership.c.roles).where(
            membership.c.project == leaving.project, membership.c.id != leaving.id, membership.c.ended_at.is_(None)
        )
    ).scalars()
    if not any("owner" in roles for roles in others):
        raise ConflictError(
            "this is the project's last owner; make somebody else an owner first", kind="state", code="last_owner"
        )


def open_project(c: Connection, project_id: str) -> Row[Any]:
    """The row of a project, locked, inside a transaction; refuses a closed one."""
    row = c.execute(select(project).where(project.c.id == project_id).with_for_update()).one()
    if row.state == "closed":
        raise ConflictError("the project is closed; open it again first", kind="state", code="project_closed")
    return row


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        project=row.project,
        person=row.person,
        login=row.login,
        name=row.display_name,
        code=row.code,
        roles=tuple(row.roles),
        site=row.site,
        conflicts=tuple(row.conflicts),
        minutes=row.minutes,
        ended_at=row.ended_at,
        has_password=row.has_password,
    )
