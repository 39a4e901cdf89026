"""The audit: who saw and did what, each line holding the hash of the one before it.

Changing, removing or reordering a line breaks every hash after it; what was cut off at the end shows against the head
and against any receipt given out since. Details never hold a secret or an identity: erasing a person by law leaves the
chain whole (invariant 8).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from siming.store.access import Actor
from siming.store.canonical import digest
from siming.store.database import Database
from siming.store.schema import audit_event, audit_head, audit_reason

REASON = "reason_sha256"
"""Under this name a line's detail points to the reason that was given."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain holds."""

    ok: bool
    n: int
    """Lines read."""
    broken_at: int | None = None
    """Number of the first line that does not follow from the one before it."""
    reason: str | None = None
    kind: Literal["missing", "unlinked", "changed", "cut_off"] | None = None
    """What is wrong with that line, for the sentence in the reader's language."""


def record(
    connection: Connection,
    database: Database,
    actor: Actor,
    act: str,
    target: str,
    *,
    project: str | None = None,
    before: str | None = None,
    after: str | None = None,
    detail: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> int:
    """Add a line inside the transaction of the act itself: both are kept or neither is. Returns its number.

    Args:
        act: Noun and verb, such as ``submission.lock``.
        target: Kind and id of the thing acted on, such as ``assignment:as_7k2m``.
        before, after: sha256 of the thing's content.
        detail: Plain values that help a reader; never a secret, never an identity.
        reason: Somebody's own words, which may name a person: they are kept beside the chain, see `audit_reasons.py`.
    """
    about = dict(detail or {})
    if reason:
        salt = secrets.token_hex(16)
        about[REASON] = reason_digest(salt, reason)
        connection.execute(
            insert(audit_reason).values(sha256=about[REASON], salt=salt, words=reason, created_at=database.stamp())
        )
    head = connection.execute(select(audit_head).where(audit_head.c.id == 1).with_for_update()).one()
    line = {
        "seq": head.seq + 1,
        "at": database.stamp(),
        "actor": actor.id,
        "act": act,
        "project": project,
        "object": target,
        "before": before,
        "after": after,
        "detail": about,
        "previous": head.hash,
    }
    line["hash"] = digest(line)
    connection.execute(insert(audit_event).values(**line))
    connection.execute(update(audit_head).where(audit_head.c.id == 1).values(seq=line["seq"], hash=line["hash"]))
    return int(head.seq) + 1


def reason_digest(salt: str, words: str) -> str:
    """What a line holds of a reason."""
    return hashlib.sha256(f"{salt}\n{words}".encode()).hexdigest()


def lines(connection: Connection, *, project: str | None = None) -> Generator[Mapping[str, Any], None, None]:
    """Every line in order, or those of one project."""
    wanted = select(audit_event).order_by(audit_event.c.seq)
    if project is not None:
        wanted = wanted.where(audit_event.c.project == project)
    with connection.execute(wanted.execution_options(yield_per=1000)) as found:
        for row in found.mappings():
            yield dict(row)


def verify(database: Database) -> Verdict:
    """Read the whole chain and say whether it holds."""
    previous, n = "", 0
    with database.read() as connection:
        head = connection.execute(select(audit_head)).one()
        with closing(lines(connection)) as every:
            for line in every:
                n += 1
                content = {name: line[name] for name in line if name != "hash"}
                if line["seq"] != n:
                    return Verdict(False, n, n, f"line {n} is missing; the next one is {line['seq']}", "missing")
                if line["previous"] != previous:
                    return Verdict(False, n, n, f"line {n} does not hold the hash of line {n - 1}", "unlinked")
                if digest(content) != line["hash"]:
                    return Verdict(False, n, n, f"the content of line {n} was changed after it was written", "changed")
                previous = line["hash"]
    if (head.seq, head.hash) != (n, previous):
        return Verdict(False, n, n + 1, f"lines {n + 1} to {head.seq} were cut off", "cut_off")
    return Verdict(True, n)
