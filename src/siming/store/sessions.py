"""Sessions of signed-in people: a random token in a cookie, of which only the sha256 is kept.

A session ends when it is idle for longer than the strictest policy of the person's projects allows, at a fixed time
after signing in, or when the person says so.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from siming.errors import StoreError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database, moment_of, time_text
from siming.store.people import Person, actor_from, person_from, token_digest
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


def find(db: Database, token: str) -> Found | None:
    """The session of a cookie's value; None when it is unknown, over, or its person is not let in any more."""
    now, key = db.now(), token_digest(token)
    with db.read() as c:
        row = c.execute(select(web_session).where(web_session.c.token_hash == key)).first()
        if row is None:
            return None
        who = c.execute(select(person).where(person.c.id == row.person, person.c.disabled_at.is_(None))).first()
        if who is None:
            return None
        policies = c.execute(
            select(project.c.policy)
            .join(membership, membership.c.project == project.c.id)
            .where(membership.c.person == row.person, membership.c.ended_at.is_(None))
        ).scalars()
        idle = min((timedelta(minutes=Policy(**p).session_minutes) for p in policies), default=IDLE)
        actor = actor_from(c, who)
    if time_text(now) >= row.expires_at or now - moment_of(row.seen_at) > idle:
        return None
    if now - moment_of(row.seen_at) >= NOTED_EVERY:
        with suppress(StoreError), db.write() as c:  # a full disk must not stop people from reading
            c.execute(update(web_session).where(web_session.c.token_hash == key).values(seen_at=time_text(now)))
    session = Session(token_hash=key, csrf=row.csrf, created_at=row.created_at, expires_at=row.expires_at)
    return Found(session=session, person=person_from(who), actor=actor)


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
