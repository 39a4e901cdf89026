"""The vault: who candidates and raters are, apart from everything else.

Its own database, each identity sealed by a key of its own, the keys sealed by a master key that lies in a file beside
it. Erasing by law destroys an identity's key: the scores stay under the pseudonym, and the audit, which never held the
identity, still verifies (invariant 8). Every look is written into the audit before it happens.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, LargeBinary, MetaData, Row, Table, Text, UniqueConstraint, event, insert, select, update

from siming.errors import InputError, NotFoundError, StoreError
from siming.store import audit
from siming.store.access import Actor
from siming.store.audit_reasons import erase_reasons_about_code, leave_nothing_behind, refuse_name
from siming.store.canonical import canonical_json
from siming.store.database import Database, new_id
from siming.store.text import free_text, one_line

Kind = Literal["candidate", "rater"]
KINDS: tuple[Kind, ...] = get_args(Kind)

VAULT = MetaData()

identity = Table(
    "identity",
    VAULT,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),  # the pseudonym that the rest of the room uses
    Column("key", LargeBinary),  # of this identity, sealed by the master key; NULL once erased
    Column("sealed", LargeBinary),
    Column("changed_at", Text, nullable=False),
    Column("erased_at", Text),
    UniqueConstraint("project", "kind", "code"),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is behind a pseudonym."""

    code: str
    name: str
    number: str = ""
    """Such as a student number."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the vault as it lies there: the pseudonym and whether there is somebody behind it."""

    kind: Kind
    code: str
    changed_at: str
    erased_at: str | None


class Vault:
    """The vault of an installation.

    Args:
        folder: Holds ``vault.db`` and ``master.key``; made when it is not there.
        url: Another database than ``vault.db``.
        key_file: Another place for the master key, such as a medium of its own.

    Raises:
        StoreError: ``damaged`` when the key file is not a key, or is missing beside a vault that has entries.
    """

    def __init__(
        self, folder: Path, *, url: str | None = None, key_file: Path | None = None, clock: Any = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = Database(url or f"sqlite:///{folder / 'vault.db'}", clock=clock)
        if self.database.is_sqlite:
            event.listen(self.database.engine, "connect", _overwrite_what_is_deleted)
        VAULT.create_all(self.database.engine)
        self._master = AESGCM(self._master_key(key_file or folder / "master.key"))

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def put(self, project: str, kind: Kind, who: Identity) -> None:
        """Seal an identity, in place of the one of the same code."""
        key = AESGCM.generate_key(256)
        with self.database.write() as c:
            held = c.execute(_at(project, kind, who.code).with_for_update()).first()
            row_id = new_id("id") if held is None else str(held.id)
            plain = canonical_json({"name": who.name, "number": who.number, "note": who.note})
            values = {
                "key": _seal(self._master, key, row_id),
                "sealed": _seal(AESGCM(key), plain.encode(), _bound(project, kind, who.code)),
                "changed_at": self.database.stamp(),
                "erased_at": None,
            }
            if held is None:
                c.execute(insert(identity).values(id=row_id, project=project, kind=kind, code=who.code, **values))
            else:
                c.execute(update(identity).where(identity.c.id == row_id).values(**values))

    def entries(self, project: str) -> tuple[Entry, ...]:
        """What there is, without opening anything."""
        with self.database.read() as c:
            rows = c.execute(
                select(identity).where(identity.c.project == project).order_by(identity.c.kind, identity.c.code)
            )
            return tuple(Entry(r.kind, r.code, r.changed_at, r.erased_at) for r in rows)

    def open(self, project: str, kind: Kind, code: str) -> Identity | None:
        """Who it is; None when there is nobody of that code, or no more."""
        with self.database.read() as c:
            row = c.execute(_at(project, kind, code)).first()
        return None if row is None or row.key is None else self._opened(row)

    def destroy(self, project: str, kind: Kind, code: str) -> bool:
        """Destroy the key and what it sealed; False when there was nothing."""
        with self.database.write() as c:
            row = c.execute(_at(project, kind, code).with_for_update()).first()
            if row is None or row.key is None:
                return False
            c.execute(
                update(identity)
                .where(identity.c.id == row.id)
                .values(key=None, sealed=None, erased_at=self.database.stamp())
            )
        if self.database.is_sqlite:  # the log beside the file still holds the old page
            with self.database.engine.connect() as c:
                c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return True

    def _opened(self, row: Row[Any]) -> Identity:
        try:
            key = _unseal(self._master, row.key, row.id)
            plain = json.loads(_unseal(AESGCM(key), row.sealed, _bound(row.project, row.kind, row.code)))
        except InvalidTag as error:
            raise StoreError(
                f"the vault's entry {row.kind} {row.code} does not open with this master key; put back the key file "
                "that belongs to this vault",
                kind="damaged",
            ) from error
        return Identity(code=row.code, **plain)

    def _master_key(self, path: Path) -> bytes:
        if not path.exists():
            with self.database.read() as c:
                if c.execute(select(identity.c.id).where(identity.c.key.is_not(None)).limit(1)).first() is not None:
                    raise StoreError(
                        f"{path}: the vault has entries and its master key is missing; put the key file back",
                        kind="damaged",
                    )
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                    out.write(secrets.token_bytes(32))
                    out.flush()
                    os.fsync(out.fileno())
            except FileExistsError:
                pass  # another server was faster
        key = path.read_bytes()
        if len(key) != 32:
            raise StoreError(f"{path}: a master key has 32 bytes, this file has {len(key)}", kind="damaged")
        return key


def put_identities(
    db: Database, vault: Vault, actor: Actor, project: str, kind: Kind, people: Iterable[Identity]
) -> int:
    """Put people behind pseudonyms; those there are for a code give way. Says how many.

    Raises:
        NotAllowedError: without the right to see identities.
        InputError: a code or a name is missing, or too long.
    """
    actor.require("see_identities", project)
    if kind not in KINDS:
        raise InputError(f"an identity is one of {', '.join(KINDS)}, not {kind!r}", field="kind")
    checked = [
        Identity(
            code=one_line(who.code, "code", at_most=80),
            name=one_line(who.name, "name", at_most=200),
            number=one_line(who.number, "number", at_most=80, optional=True),
            note=free_text(who.note, "note", at_most=1000),
        )
        for who in people
    ]
    with db.write() as c:
        for who in checked:
            audit.record(c, db, actor, "vault.put", f"{kind}:{who.code}", project=project)
    for who in checked:
        vault.put(project, kind, who)
    return len(checked)


def entries(db: Database, vault: Vault, actor: Actor, project: str) -> tuple[Entry, ...]:
    """Which pseudonyms have somebody behind them."""
    actor.require("see_identities", project)
    return vault.entries(project)


def open_identities(
    db: Database,
    vault: Vault,
    actor: Actor,
    project: str,
    *,
    reason: str,
    codes: Iterable[tuple[Kind, str]] | None = None,
) -> dict[tuple[Kind, str], Identity]:
    """Look: all of a project, or some; written into the audit with its reason first."""
    actor.require("see_identities", project)
    reason = one_line(reason, "reason", at_most=300)
    wanted = list(codes) if codes is not None else [(e.kind, e.code) for e in vault.entries(project)]
    with db.write() as c:
        audit.record(
            c,
            db,
            actor,
            "vault.open",
            f"project:{project}",
            project=project,
            detail={"codes": [f"{kind}:{code}" for kind, code in wanted]},
            reason=reason,
        )
    found = {(kind, code): vault.open(project, kind, code) for kind, code in wanted}
    return {place: who for place, who in found.items() if who is not None}


def erase_identity(
    db: Database, vault: Vault, actor: Actor, project: str, kind: Kind, code: str, *, reason: str
) -> None:
    """Deletion by law: nobody can ever tell again who this was; the scores stay under the code.

    Raises:
        NotFoundError: there is nobody of that code, or no more.
        InputError: the reason names him.
    """
    actor.require("see_identities", project)
    reason = one_line(reason, "reason", at_most=300)
    if not any((e.kind, e.code) == (kind, code) and e.erased_at is None for e in vault.entries(project)):
        raise NotFoundError(f"the vault holds no {kind} {code!r}", code="identity_not_found", params={"code": code})
    refuse_name(reason, _names(vault, project, kind, code))
    with db.write() as c:
        erase_reasons_about_code(c, db, project, kind, code)
        audit.record(c, db, actor, "vault.erase", f"{kind}:{code}", project=project, reason=reason)
    leave_nothing_behind(db)
    vault.destroy(project, kind, code)


def _names(vault: Vault, project: str, kind: Kind, code: str) -> tuple[str, ...]:
    try:
        held = vault.open(project, kind, code)
    except StoreError:
        return ()  # it no longer opens, and may be erased all the same
    return () if held is None else (held.name, held.number)


def _at(project: str, kind: str, code: str) -> Any:
    return select(identity).where(identity.c.project == project, identity.c.kind == kind, identity.c.code == code)


def _bound(project: str, kind: str, code: str) -> str:
    """What a sealed identity is tied to: moved to another code it does not open."""
    return canonical_json([project, kind, code])


def _seal(cipher: AESGCM, plain: bytes, bound: str) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + cipher.encrypt(nonce, plain, bound.encode())


def _unseal(cipher: AESGCM, sealed: bytes, bound: str) -> bytes:
    return cipher.decrypt(sealed[:12], sealed[12:], bound.encode())


def _overwrite_what_is_deleted(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA secure_delete=ON")
