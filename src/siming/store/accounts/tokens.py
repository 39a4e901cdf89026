"""Tokens for programs: made on the account page, shown once, revocable."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import insert, select, update

from siming.errors import InputError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.accounts.people import Person, actor_from, person_from, token_digest
from siming.store.database import Database, new_id, time_text
from siming.store.schema import api_token, person
from siming.store.text import one_line

PREFIX = "sm_"
"""Lets a scanner for leaked secrets know one."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as its owner sees it later."""

    id: str
    name: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


def make_token(db: Database, actor: Actor, *, name: str, days: int | None = 90) -> tuple[ApiToken, str]:
    """A token and its secret, which cannot be shown again.

    Args:
        days: How long it holds; None for ever.
    """
    name = one_line(name, "name", at_most=80)
    if days is not None and not 1 <= days <= 3660:
        raise InputError(
            f"a token may hold 1 to 3660 days, not {days}", field="days", code="token_days", params={"n": days}
        )
    secret, now = PREFIX + secrets.token_urlsafe(32), db.now()
    made = ApiToken(
        id=new_id("to"),
        name=name,
        created_at=time_text(now),
        expires_at=None if days is None else time_text(now + timedelta(days=days)),
        revoked_at=None,
    )
    with db.write() as c:
        c.execute(insert(api_token).values(token_hash=token_digest(secret), person=actor.id, **asdict(made)))
        audit.record(c, db, actor, "token.make", f"token:{made.id}")
    return made, secret


def tokens(db: Database, actor: Actor) -> tuple[ApiToken, ...]:
    """One's own tokens, newest first."""
    with db.read() as c:
        rows = c.execute(
            select(api_token)
            .where(api_token.c.person == actor.id)
            .order_by(api_token.c.created_at.desc(), api_token.c.id)
        )
        return tuple(ApiToken(r.id, r.name, r.created_at, r.expires_at, r.revoked_at) for r in rows)


def revoke_token(db: Database, actor: Actor, token_id: str) -> None:
    """End one of one's own tokens."""
    with db.write() as c:
        mine = (api_token.c.id == token_id) & (api_token.c.person == actor.id)
        if c.execute(select(api_token.c.id).where(mine)).first() is None:
            raise NotFoundError("there is no such token")
        c.execute(update(api_token).where(mine, api_token.c.revoked_at.is_(None)).values(revoked_at=db.stamp()))
        audit.record(c, db, actor, "token.revoke", f"token:{token_id}")


def find_by_token(db: Database, secret: str) -> tuple[Person, Actor] | None:
    """Whose token this is; None when it is unknown, revoked, too old, or its person is not let in any more."""
    with db.read() as c:
        row = c.execute(
            select(person, api_token.c.expires_at)
            .join(api_token, api_token.c.person == person.c.id)
            .where(
                api_token.c.token_hash == token_digest(secret),
                api_token.c.revoked_at.is_(None),
                person.c.disabled_at.is_(None),
            )
        ).first()
        if row is None or (row.expires_at is not None and row.expires_at <= db.stamp()):
            return None
        return person_from(row), actor_from(c, row)
