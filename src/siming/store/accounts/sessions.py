"""Sessions of signed-in people: a random token in a cookie, of which only the sha256 is kept.

A session ends when it is idle for longer than the strictest policy of the person's projects allows, at a fixed time
after signing in, or when the person says so.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from siming.errors import StoreError
from siming.store import audit
from siming.store.access import Actor
from siming.store.accounts.people import Person, actor_from, actor_with, person_from, token_digest
from siming.store.database import Database, moment_of, time_text
from siming.store.policy import Policy
from siming.store.schema import membership, person, project, web_session

LASTS = timedelta(days=14)
"""From signing in, however busy."""

IDLE = timedelta(minutes=720)
"""Where no project says anything shorter."""

NOTED_EVERY = timedelta(seconds=60)
"""Being seen is written down no more often: saving a score must not cost a second write."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A fresh session; the token is known to the browser only."""

    token: str
    csrf: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session that holds."""

    token_hash: str
    csrf: str
    created_at: str
    expires_at: str
    """Absolute; being idle may end it sooner."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session with its person."""

    session: Session
    person: Person
    actor: Actor


def begin(db: Database, person_id: str, *, replaces: str | None = None, act: str = "session.begin") -> Begun:
    """Sign a person in whose password, link or provider was checked; always a new token.

    Args:
        replaces: Token of the session this browser had before; it ends.
    """
    token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), db.now()
    expires_at = time_text(now + LASTS)
    with db.write() as c:
        c.execute(delete(web_session).where(web_session.c.expires_at < time_text(now)))
        if replaces:
            c.execute(delete(web_session).where(web_session.c.token_hash == token_digest(replaces)))
        c.execute(
            insert(web_session).values(
                token_hash=token_digest(token),
                person=person_id,
                csrf=csrf,
                created_at=time_text(now),
                seen_at=time_text(now),
                expires_at=expires_at,
            )
        )
        row = c.execute(select(person).where(person.c.id == person_id)).one()
        audit.record(c, db, actor_from(c, row), act, f"person:{person_id}")
    return Begun(token=token, csrf=csrf, expires_at=expires_at)


_FOUND = (
    select(
        person,
        web_session.c.csrf,
        web_session.c.created_at.label("begun_at"),
        web_session.c.seen_at,
        web_session.c.expires_at,
        membership.c.project.label("member_of"),
        membership.c.roles,
        project.c.policy,
    )
    .join_from(web_session, person, person.c.id == web_session.c.person)
    .outerjoin(membership, (membership.c.person == person.c.id) & membership.c.ended_at.is_(None))
    .outerjoin(project, project.c.id == membership.c.project)
    .where(web_session.c.token_hash == bindparam("key"), person.c.disabled_at.is_(None))
)
"""A line for each project the person belongs to, or one without a project."""


def find(db: Database, token: str) -> Found | None:
    """The session of a cookie's value; None when it is unknown, over, or its person is not let in any more."""
    now, key = db.now(), token_digest(token)
    with db.read() as c:
        rows = c.execute(_FOUND, {"key": key}).all()  # one statement: it stands before every request
    if not rows:
        return None
    row, held = rows[0], [r for r in rows if r.member_of is not None]
    idle = min((timedelta(minutes=Policy(**r.policy).session_minutes) for r in held), default=IDLE)
    if time_text(now) >= row.expires_at or now - moment_of(row.seen_at) > idle:
        return None
    if now - moment_of(row.seen_at) >= NOTED_EVERY:
        with suppress(StoreError), db.write() as c:  # a full disk must not stop people from reading
            c.execute(update(web_session).where(web_session.c.token_hash == key).values(seen_at=time_text(now)))
    session = Session(token_hash=key, csrf=row.csrf, created_at=row.begun_at, expires_at=row.expires_at)
    actor = actor_with(row, {r.member_of: frozenset(r.roles) for r in held})
    return Found(session=session, person=person_from(row), actor=actor)


def whose_form(db: Database, csrf: str) -> str | None:
    """Id of the person on whose page a form token stood, also where the session is over; None for no token of ours."""
    with db.read() as c:
        return c.scalar(select(web_session.c.person).where(web_session.c.csrf == csrf))


def end(db: Database, actor: Actor, session: Session) -> None:
    """Sign out."""
    with db.write() as c:
        c.execute(delete(web_session).where(web_session.c.token_hash == session.token_hash))
        audit.record(c, db, actor, "session.end", f"person:{actor.id}")


def end_all(db: Database, actor: Actor, *, keep: Session | None = None) -> int:
    """Sign out everywhere, or everywhere else; says how many sessions ended."""
    with db.write() as c:
        mine = delete(web_session).where(web_session.c.person == actor.id)
        gone = c.execute(mine if keep is None else mine.where(web_session.c.token_hash != keep.token_hash))
        audit.record(c, db, actor, "session.end_all", f"person:{actor.id}", detail={"ended": gone.rowcount})
    return gone.rowcount
