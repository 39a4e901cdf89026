"""People: accounts, and what each may change of his own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.access import SYSTEM, Actor, Role
from siming.store.accounts.passwords import check_new_password, hash_password, is_outdated, is_password
from siming.store.audit_reasons import erase_reasons_about_person, leave_nothing_behind, refuse_name
from siming.store.database import Database, new_id
from siming.store.schema import api_token, audit_head, invitation, membership, person, web_session
from siming.store.text import one_line

LOGIN = re.compile(r"[a-z0-9][a-z0-9._+@-]{1,98}[a-z0-9]")

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Person:
    """An account."""

    id: str
    login: str
    name: str
    language: Language
    is_owner: bool
    created_at: str
    disabled: bool
    has_password: bool
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Theme and key map."""


def has_people(db: Database) -> bool:
    """Whether anybody can sign in; False right after installing."""
    with db.read() as c:
        return c.execute(select(person.c.id).limit(1)).first() is not None


def set_up_owner(db: Database, *, login: str, name: str, password: str, language: Language = "en") -> Person:
    """The first person: owner of the installation.

    Raises:
        ConflictError: there is somebody already.
    """
    login = normal_login(login)
    check_new_password(password, login)
    row = new_row(db, login=login, name=name, language=language, is_owner=True, password=password)
    with db.write() as c:
        c.execute(select(audit_head.c.id).with_for_update())  # two set-ups at once stand in line here
        if c.execute(select(person.c.id).limit(1)).first() is not None:
            raise ConflictError(
                "the room has its first owner already; sign in", kind="exists", code="set_up_already_done"
            )
        c.execute(insert(person).values(**row))
        audit.record(c, db, SYSTEM, "person.set_up", f"person:{row['id']}")
    return get_person(db, row["id"])


def check_password(db: Database, login: str, password: str) -> Person | None:
    """The person of that login and password; None otherwise, which costs the same whether or not the login exists."""
    try:
        login = normal_login(login)
    except InputError:
        login = ""
    with db.read() as c:
        row = c.execute(select(person).where(person.c.login == login)).first()
    usable = row is not None and row.disabled_at is None
    right = is_password(password, row.password_hash if row is not None and usable else None)
    if row is None or not right:
        return None
    known = row.password_hash
    if is_outdated(known):
        fresh = hash_password(password)
        with db.write() as c:  # not when it was changed meanwhile
            c.execute(
                update(person).where(person.c.id == row.id, person.c.password_hash == known).values(password_hash=fresh)
            )
    return person_from(row)


def change_password(
    db: Database,
    actor: Actor,
    *,
    present: str,
    new: str,
    keep_session: str | None = None,
    keep_tokens: bool = False,
) -> None:
    """Change one's own password; ends one's other sessions, and one's tokens: whoever knew the password may have made one.

    Args:
        keep_session: The token hash of the session to keep.
        keep_tokens: Let programs go on with the tokens they have.

    Raises:
        InputError: the present password is wrong, or the new one too easy.
    """
    with db.read() as c:
        row = person_row(c, actor.id)
    if row.password_hash is not None and check_password(db, row.login, present) is None:
        raise InputError("the present password is not right", field="present", code="password_wrong")
    check_new_password(new, row.login)
    hashed = hash_password(new)
    with db.write() as c:
        c.execute(update(person).where(person.c.id == actor.id).values(password_hash=hashed))
        ended = end_access(c, db, actor.id, keep_session=keep_session, keep_tokens=keep_tokens)
        audit.record(c, db, actor, "person.password", f"person:{actor.id}", detail=ended)


def end_access(
    c: Connection, db: Database, person_id: str, *, keep_session: str | None = None, keep_tokens: bool = False
) -> dict[str, int]:
    """End a person's sessions and revoke his tokens, inside a transaction; how many of each, for the audit."""
    others = delete(web_session).where(web_session.c.person == person_id)
    if keep_session is not None:
        others = others.where(web_session.c.token_hash != keep_session)
    ended = {"sessions": c.execute(others).rowcount, "tokens": 0}
    if not keep_tokens:
        open_tokens = (api_token.c.person == person_id) & api_token.c.revoked_at.is_(None)
        ended["tokens"] = c.execute(update(api_token).where(open_tokens).values(revoked_at=db.stamp())).rowcount
    return ended


def change_person(
    db: Database,
    actor: Actor,
    *,
    name: str | None = None,
    language: Language | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Person:
    """Change one's own name, language or settings; settings are laid over the ones there are."""
    values: dict[str, Any] = {}
    if name is not None:
        values["display_name"] = one_line(name, "name", at_most=100)
    if language is not None:
        values["language"] = language
    with db.write() as c:
        row = c.execute(select(person).where(person.c.id == actor.id).with_for_update()).first()
        if row is None:
            raise NotFoundError("there is no such person")
        if settings is not None:
            values["settings"] = {**row.settings, **settings}
        if values:
            c.execute(update(person).where(person.c.id == actor.id).values(**values))
        if name is not None and values["display_name"] != row.display_name:
            audit.record(c, db, actor, "person.rename", f"person:{actor.id}")
    return get_person(db, actor.id)


def disable_person(db: Database, actor: Actor, person_id: str, *, disabled: bool = True) -> Person:
    """Close an account or open it again; its sessions and tokens end, its work stays.

    Raises:
        NotAllowedError: only an owner of the installation may.
        ConflictError: he would close the last owner's account.
    """
    _require_owner(actor)
    with db.write() as c:
        row = c.execute(select(person).where(person.c.id == person_id).with_for_update()).first()
        if row is None:
            raise NotFoundError("there is no such person")
        if disabled and row.is_owner:
            _keep_an_owner(c, person_id)
        now = db.stamp()
        c.execute(update(person).where(person.c.id == person_id).values(disabled_at=now if disabled else None))
        if disabled:
            end_access(c, db, person_id)
            end_invitations(c, db, person_id)
        audit.record(c, db, actor, "person.disable" if disabled else "person.enable", f"person:{person_id}")
    return get_person(db, person_id)


def erase_person(db: Database, actor: Actor, person_id: str, *, reason: str) -> Person:
    """Deletion by law: name, login, password and settings go for ever; the work stays under the project's codes.

    Raises:
        NotAllowedError: only an owner of the installation may.
        ConflictError: this is the last owner.
        InputError: the reason names him.
    """
    _require_owner(actor)
    reason = one_line(reason, "reason", at_most=300)
    with db.write() as c:
        row = c.execute(select(person).where(person.c.id == person_id).with_for_update()).first()
        if row is None:
            raise NotFoundError("there is no such person")
        refuse_name(reason, (row.display_name, row.login))
        if row.is_owner:
            _keep_an_owner(c, person_id)
        nobody: dict[str, Any] = {
            "login": f"erased-{person_id.lower().replace('_', '-')}",
            "display_name": "–",
            "password_hash": None,
            "oidc_subject": None,
            "is_owner": False,
            "settings": {},
            "disabled_at": row.disabled_at or db.stamp(),
        }
        c.execute(update(person).where(person.c.id == person_id).values(**nobody))
        for table in (web_session, api_token, invitation):
            c.execute(delete(table).where(table.c.person == person_id))
        erase_reasons_about_person(c, db, person_id)
        audit.record(c, db, actor, "person.erase", f"person:{person_id}", reason=reason)
    leave_nothing_behind(db)
    return get_person(db, person_id)


def get_person(db: Database, person_id: str) -> Person:
    """An account by its id.

    Raises:
        NotFoundError: there is none.
    """
    with db.read() as c:
        return person_from(person_row(c, person_id))


def people(db: Database, actor: Actor) -> tuple[Person, ...]:
    """Every account, by login; for owners of the installation."""
    _require_owner(actor)
    with db.read() as c:
        return tuple(person_from(row) for row in c.execute(select(person).order_by(person.c.login)))


def person_by_oidc(
    db: Database, *, issuer: str, subject: str, login: str | None, login_is_verified: bool
) -> Person | None:
    """Who a provider says this is: tied to the account by its subject, the first time by a verified e-mail address
    that is the login of an account which nobody else of the provider holds. None when there is no such account.

    Tying ends what opened the account before: its password, invitations, sessions and tokens. A link may have gone
    astray, and from here on the provider alone says who this is. An owner of the installation keeps the password, or
    nobody could enter while the provider is down.
    """
    known = f"{issuer}|{subject}"
    with db.write() as c:
        row = c.execute(select(person).where(person.c.oidc_subject == known)).first()
        if row is None and login and login_is_verified:
            row = c.execute(
                select(person)
                .where(person.c.login == login.strip().lower(), person.c.oidc_subject.is_(None))
                .with_for_update()
            ).first()
            if row is not None and row.disabled_at is None:
                kept = row.password_hash if row.is_owner else None
                c.execute(update(person).where(person.c.id == row.id).values(oidc_subject=known, password_hash=kept))
                end_invitations(c, db, row.id)
                ended = end_access(c, db, row.id)
                audit.record(c, db, SYSTEM, "person.tie_to_provider", f"person:{row.id}", detail=ended)
        if row is None or row.disabled_at is not None:
            return None
        return person_from(row)


def end_invitations(c: Connection, db: Database, person_id: str) -> None:
    """Inside a transaction: links that nobody has used yet open nothing any more."""
    open_ones = (invitation.c.person == person_id) & invitation.c.used_at.is_(None)
    c.execute(update(invitation).where(open_ones).values(used_at=db.stamp()))


def actor_of(db: Database, person_id: str) -> Actor:
    """Who asks, with his roles in every project."""
    with db.read() as c:
        return actor_from(c, person_row(c, person_id))


def actor_from(c: Connection, row: Row[Any]) -> Actor:
    """The same from a row of `person` inside a transaction."""
    held = c.execute(
        select(membership.c.project, membership.c.roles).where(
            membership.c.person == row.id, membership.c.ended_at.is_(None)
        )
    )
    return actor_with(row, {m.project: frozenset(m.roles) for m in held})


def actor_with(row: Row[Any], roles: Mapping[str, frozenset[Role]]) -> Actor:
    """The same with roles that were read already."""
    return Actor(
        id=row.id,
        login=row.login,
        name=row.display_name,
        language=row.language,
        is_owner=row.is_owner,
        roles=roles,
    )


def normal_login(login: str) -> str:
    """A login as it is kept: lower case, without spaces at its ends.

    Raises:
        InputError: not a short name or an e-mail address.
    """
    text = login.strip().lower()
    if not LOGIN.fullmatch(text):
        raise InputError(
            f"{login[:40]!r} is no login; use 3 to 100 letters a to z, digits and . _ + - @, such as an e-mail address",
            field="login",
            code="login_form",
        )
    return text


def token_digest(token: str) -> str:
    """What is kept of a token: a stolen database opens no door."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_row(
    db: Database,
    *,
    login: str,
    name: str,
    language: Language = "en",
    is_owner: bool = False,
    password: str | None = None,
) -> dict[str, Any]:
    """The columns of a new account."""
    return {
        "id": new_id("pe"),
        "login": normal_login(login),
        "display_name": one_line(name, "name", at_most=100),
        "password_hash": None if password is None else hash_password(password),
        "is_owner": is_owner,
        "language": language,
        "settings": {},
        "created_at": db.stamp(),
    }


def person_row(c: Connection, person_id: str) -> Row[Any]:
    """The row of a person, inside a transaction."""
    row = c.execute(select(person).where(person.c.id == person_id)).first()
    if row is None:
        raise NotFoundError("there is no such person")
    return row


def person_from(row: Row[Any]) -> Person:
    """The account in a row of `person`."""
    return Person(
        id=row.id,
        login=row.login,
        name=row.display_name,
        language=row.language,
        is_owner=row.is_owner,
        created_at=row.created_at,
        disabled=row.disabled_at is not None,
        has_password=row.password_hash is not None,
        settings=row.settings,
    )


def _require_owner(actor: Actor) -> None:
    if not actor.is_owner:
        raise NotAllowedError("only an owner of the installation may do this", code="owner_only")


def _keep_an_owner(c: Connection, leaving: str) -> None:
    others = c.execute(
        select(func.count())
        .select_from(person)
        .where(person.c.is_owner, person.c.disabled_at.is_(None), person.c.id != leaving)
    ).scalar_one()
    if not others:
        raise ConflictError(
            "this is the last owner of the installation; name another one first", kind="state", code="last_owner"
        )
