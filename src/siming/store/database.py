"""One database: SQLite by default, PostgreSQL for teams; durable before it says so.

SQLite runs in WAL mode with full sync: a write that returned survives kill -9 and a power cut. Writes take the lock
when they begin (`BEGIN IMMEDIATE`), and those of one process stand in line for it instead of polling.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from siming.errors import StoreError

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Without i, l, o and u, which are misread."""


class Database:
    """Connections to the exam room's database.

    Args:
        url: ``sqlite:///room.db`` or ``postgresql+psycopg://user@host/name``.
        clock: Gives the present time; tests hold it still.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] | None = None) -> None:
        self.url = make_url(url)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._line = threading.Lock()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _engine_for(self.url, is_sqlite=self.is_sqlite)
        self._reader = self.engine
        if not self.is_sqlite:  # said with BEGIN itself, which saves a round trip
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ")

    def now(self) -> datetime:
        """The server's time, in UTC."""
        return self._clock()

    def stamp(self) -> str:
        """The server's time as the tables hold it."""
        return time_text(self.now())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; sees one state of the database from the first statement on."""
        with _as_store_errors(self), self._reader.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is on the disk when the block ends, or none of it ever happened."""
        with _as_store_errors(self):
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    yield connection
                return
            with self._line, self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.commit()
                except BaseException:
                    connection.rollback()
                    raise

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def new_id(prefix: str) -> str:
    """A short random id, such as ``as_7k2m9q4x1v0b``: 60 random bits, nothing to count and nothing to guess from."""
    return f"{prefix}_" + "".join(secrets.choice(DIGITS) for _ in range(12))


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC with six decimals; sorts as text.

    >>> time_text(datetime(2026, 3, 1, 8, 0, tzinfo=UTC))
    '2026-03-01T08:00:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> datetime:
    """What `time_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


_POOL: Mapping[str, Any] = {"pool_size": 40, "max_overflow": 8}
"""One connection for each thread in which the server answers; those beyond are opened and closed each time, which costs
PostgreSQL more than what they are opened for."""


def _engine_for(url: Any, *, is_sqlite: bool) -> Engine:
    if not is_sqlite:
        engine = create_engine(url, **_POOL, pool_pre_ping=True)
        event.listen(engine, "connect", make_durable)
        return engine
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **_POOL, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # this module says BEGIN itself
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def make_durable(connection: Any, _record: object) -> None:
    """PostgreSQL may be set up, for a role or as a whole, to say "saved" before the disk has it: not in here."""
    asked = ("fsync", "full_page_writes", "synchronous_commit")
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in asked))
        fsync, pages, commit = cursor.fetchone()
        off = [name for name, value in zip(asked, (fsync, pages), strict=False) if value == "off"]
        if off:
            raise StoreError(
                f"the PostgreSQL server runs with {off[0]} = off, so what it calls saved may be lost when it stops; "
                f"set {off[0]} = on in postgresql.conf and reload it",
                kind="unreachable",
            )
        if commit in ("off", "local"):
            cursor.execute("SET SESSION synchronous_commit = on")
    connection.commit()


@contextmanager
def _as_store_errors(database: Database) -> Iterator[None]:
    """What the database says about itself, in siming's words. Errors of the caller's own pass through."""
    try:
        yield
    except DBAPIError as error:
        kind = _kind_of(error)
        if kind is None:
            raise
        where = database.url.render_as_string(hide_password=True)
        raise StoreError(f"{where}: {_SAID[kind]} ({error.orig})", kind=kind) from error


_SAID = {
    "full": "the disk is full, nothing was saved; free some space and send again",
    "read_only": "the database cannot be written to, nothing was saved; give the server's user the right to write",
    "busy": "somebody else was at the same thing at that moment, nothing was saved; send again",
    "damaged": "the file is not a sound database; restore the last backup",
    "unreachable": "the database cannot be reached; check its address and that it runs",
}


_CROSSED = ("40001", "40P01", "55P03", "23505")
"""PostgreSQL lets transactions run side by side: serialization failure, deadlock, lock not available, and a row that
somebody else inserted between our looking and our inserting. Sent again, they meet what is there by then."""


def _kind_of(error: DBAPIError) -> str | None:
    code = getattr(error.orig, "sqlite_errorname", "") or ""
    for start, kind in (
        ("SQLITE_FULL", "full"),
        ("SQLITE_IOERR", "full"),
        ("SQLITE_READONLY", "read_only"),
        ("SQLITE_BUSY", "busy"),
        ("SQLITE_LOCKED", "busy"),
        ("SQLITE_CORRUPT", "damaged"),
        ("SQLITE_NOTADB", "damaged"),
        ("SQLITE_CANTOPEN", "unreachable"),
    ):
        if code.startswith(start):
            return kind
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "53100":
        return "full"
    if state == "25006":
        return "read_only"
    if state in _CROSSED:
        return "busy"
    if isinstance(error, OperationalError) and error.connection_invalidated:
        return "unreachable"
    return "unreachable" if isinstance(error, OperationalError) and state[:2] in ("08", "57", "") and not code else None
