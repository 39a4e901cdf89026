"""Who saw what: one line of the audit per person, object and session, as for films (`media_access.view_media`)."""

from __future__ import annotations

import hashlib

from sqlalchemy import insert, select

from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database
from siming.store.schema import object_view, person


def note_view(db: Database, actor: Actor, act: str, target: str, *, project_id: str, session: str) -> None:
    """Write down that somebody was shown something, the first time in a session.

    Args:
        act: Such as ``case.view``.
        target: Such as ``case:ca_...``.
        session: What tells this session from others; only a digest of it is kept.
    """
    key = hashlib.sha256(f"siming.view\n{session}".encode()).hexdigest()[:32]
    row = {"object": target, "person": actor.id, "session": key}
    there = select(object_view.c.first_at).where(*(object_view.c[name] == value for name, value in row.items()))
    with db.read() as c:
        if c.execute(there).first() is not None:
            return
    with db.write() as c:
        # Two requests of one page stand in line here.
        c.execute(select(person.c.id).where(person.c.id == actor.id).with_for_update(key_share=True))
        if c.execute(there).first() is None:
            c.execute(insert(object_view).values(**row, first_at=db.stamp()))
            audit.record(c, db, actor, act, target, project=project_id)
