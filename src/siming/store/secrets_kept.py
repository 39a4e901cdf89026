"""Keys that all servers of one database share, such as the one that signs media addresses."""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select

from siming.store.database import Database
from siming.store.schema import audit_head, secret


def kept_key(db: Database, name: str) -> bytes:
    """The 32 random bytes of that name; made when first asked for."""
    wanted = select(secret.c.value).where(secret.c.name == name)
    with db.read() as c:
        found = c.execute(wanted).scalar()
    if found is not None:
        return bytes(found)
    made = secrets.token_bytes(32)
    with db.write() as c:
        c.execute(select(audit_head.c.id).with_for_update())  # one maker at a time, among all servers
        first = c.execute(wanted).scalar()  # another server may have been faster
        if first is not None:
            return bytes(first)
        c.execute(insert(secret).values(name=name, value=made))
    return made
