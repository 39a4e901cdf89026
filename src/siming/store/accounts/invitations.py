"""Invitations: a link that lets one person choose a password, once. Nobody types another person's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from siming.errors import ConflictError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.access import SYSTEM, Actor
from siming.store.accounts.passwords import check_new_password, hash_password
from siming.store.accounts.people import (
    Language,
    Person,
    end_access,
    end_invitations,
    get_person,
    new_row,
    person_from,
    person_row,
    token_digest,
)
from siming.store.database import Database, time_text
from siming.store.schema import audit_event, invitation, membership, person

INVITATION_LASTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link's secret part, shown once to who made it."""

    person: str
    token: str
    expires_at: str


def create_person(
    db: Database, actor: Actor, *, login: str, name: str, language: Language = "en", is_owner: bool = False
) -> tuple[Person, Invitation]:
    """An account without a password, and the invitation that lets its person choose one.

    Raises:
        NotAllowedError: only an owner of the installation, or who manages the members of a project, adds people.
        ConflictError: the login is taken.
    """
    _require_inviter(actor, is_owner=is_owner)
    row = new_row(db, login=login, name=name, language=language, is_owner=is_owner)
    with db.write() as c:
        made = add_person(c, db, actor, row)
    return get_person(db, row["id"]), made


def add_person(
    c: Connection, db: Database, actor: Actor, row: Mapping[str, Any], *, project: str | None = None
) -> Invitation:
    """Inside a transaction: the account of `new_row` and its invitation.

    Args:
        project: For whose sake the account is made; those who manage that project's members may renew the link.
    """
    if c.execute(select(person.c.id).where(person.c.login == row["login"])).first() is not None:
        raise ConflictError(
            f"there is an account {row['login']!r} already; choose another login, or add that person",
            kind="exists",
            code="login_taken",
            params={"login": row["login"]},
        )
    c.execute(insert(person).values(**row))
    detail = {"owner": row["is_owner"]}
    audit.record(c, db, actor, "person.create", f"person:{row['id']}", project=project, detail=detail)
    return _invite(c, db, actor, row["id"])


def invite(db: Database, actor: Actor, person_id: str) -> Invitation:
    """A new link for somebody who has lost the first one or the password; earlier links end.

    Raises:
        NotAllowedError: whoever holds the link takes the account over. So anybody but an owner of the installation only
            makes one for an account that was made for a project whose members he manages, that nobody has opened yet,
            neither by a password nor through a provider, and that has no right anywhere else.
    """
    with db.write() as c:
        row = person_row(c, person_id)
        if not actor.is_owner and not _is_new_and_his(c, actor, row):
            raise NotAllowedError(
                "a new link for a person who has an account already is for the owner of the installation to make",
                code="invite_owner_only",
            )
        return _invite(c, db, actor, person_id)


def invited(db: Database, token: str) -> Person | None:
    """Whose invitation this is; None when it is unknown, used or too old."""
    with db.read() as c:
        row = _open_invitation(c, db, token)
        return None if row is None else person_from(person_row(c, row.person))


def accept_invitation(db: Database, token: str, password: str, *, language: Language | None = None) -> Person:
    """Choose a password by a link; it works once, and ends the person's sessions and tokens.

    Args:
        language: In which the person has read the invitation; taken over by who comes for the first time.

    Raises:
        NotFoundError: the link is unknown, used or too old.
        InputError: the password is too easy.
    """
    held = invited(db, token)
    if held is None:
        raise _no_invitation()
    check_new_password(password, held.login)
    hashed = hash_password(password)
    with db.write() as c:
        row = _open_invitation(c, db, token, lock=True)
        if row is None:
            raise _no_invitation()
        c.execute(update(invitation).where(invitation.c.token_hash == row.token_hash).values(used_at=db.stamp()))
        first_time = person.c.id == row.person, person.c.password_hash.is_(None)
        if language is not None:
            c.execute(update(person).where(*first_time).values(language=language))
        c.execute(update(person).where(person.c.id == row.person).values(password_hash=hashed))
        ended = end_access(c, db, row.person)
        audit.record(c, db, SYSTEM, "person.accept_invitation", f"person:{row.person}", detail=ended)
    return get_person(db, held.id)


def _invite(c: Connection, db: Database, actor: Actor, person_id: str) -> Invitation:
    now = db.now()
    end_invitations(c, db, person_id)
    token = secrets.token_urlsafe(32)
    expires_at = time_text(now + INVITATION_LASTS)
    c.execute(
        insert(invitation).values(
            token_hash=token_digest(token), person=person_id, created_at=time_text(now), expires_at=expires_at
        )
    )
    audit.record(c, db, actor, "person.invite", f"person:{person_id}")
    return Invitation(person=person_id, token=token, expires_at=expires_at)


def _open_invitation(c: Connection, db: Database, token: str, *, lock: bool = False) -> Row[Any] | None:
    wanted = (
        select(invitation)
        .join(person, person.c.id == invitation.c.person)
        .where(
            invitation.c.token_hash == token_digest(token),
            invitation.c.used_at.is_(None),
            invitation.c.expires_at > db.stamp(),
            person.c.disabled_at.is_(None),
        )
    )
    return c.execute(wanted.with_for_update(of=invitation) if lock else wanted).first()


def _no_invitation() -> NotFoundError:
    return NotFoundError(
        "this link is unknown, was used, or is too old; ask who invited you for a new one", code="invitation_gone"
    )


def _require_inviter(actor: Actor, *, is_owner: bool) -> None:
    if actor.is_owner:
        return
    if is_owner or not any(actor.may("manage_members", project) for project in actor.roles):
        raise NotAllowedError(
            "only an owner of the installation, or who manages a project's members, adds people", code="owner_only"
        )


def _is_new_and_his(c: Connection, actor: Actor, row: Row[Any]) -> bool:
    """Whether a link for this account gives nobody more than who asks for it may give himself."""
    if row.password_hash is not None or row.oidc_subject is not None or row.is_owner:
        return False
    made = select(audit_event.c.project).where(
        audit_event.c.act == "person.create", audit_event.c.object == f"person:{row.id}"
    )
    member_of = select(membership.c.project).where(membership.c.person == row.id)
    theirs = {*c.execute(made).scalars(), *c.execute(member_of).scalars()}
    return all(project is not None and actor.may("manage_members", project) for project in theirs)
