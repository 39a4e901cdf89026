"""Databases for tests: SQLite always, PostgreSQL where SIMING_TEST_POSTGRES names a server.

The address is of a server on which databases may be made and dropped, such as
``postgresql+psycopg://postgres@127.0.0.1:5432/postgres``; each test has one of its own. `make test` finds or starts such
a server with ``tools/find-postgres.sh``.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rooms import Clock, Room, build_room
from sqlalchemy import URL, create_engine, make_url, text

from siming.store import Database

KINDS = ("sqlite", "postgresql")
WHY = "SIMING_TEST_POSTGRES names no PostgreSQL server (make test sets it; see tools/find-postgres.sh)"
_numbers = itertools.count(1)


def postgres() -> URL:
    """The server for tests; skips where there is none."""
    address = os.environ.get("SIMING_TEST_POSTGRES")
    if not address:
        pytest.skip(WHY)
    pytest.importorskip("psycopg", reason="needs the postgres extra: pip install 'siming[postgres]'")
    return make_url(address)


@contextmanager
def fresh_database(kind: str, folder: Path, *, like: str | None = None) -> Iterator[str]:
    """The address of a database that nobody else uses, empty or a copy; dropped at the end.

    Args:
        kind: One of `KINDS`.
        like: Name of the PostgreSQL database to copy.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'room.db'}"
        return
    server = postgres()
    name = f"siming_test_{os.getpid()}_{next(_numbers)}"
    _as_admin(server, f'CREATE DATABASE "{name}" ENCODING UTF8 TEMPLATE "{like or "template0"}"')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _as_admin(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def room_on(kind: str, folder: Path, *, clock: Clock | None = None) -> Iterator[Room]:
    """The room of `rooms.py` on a database of that kind. It is built once per process and copied for each test."""
    model = _model(kind)
    with fresh_database(kind, folder, like=model.db.url.database) as url:
        if kind == "sqlite":
            shutil.copyfile(str(model.db.url.database), folder / "room.db")
        media = folder / "media"
        media.mkdir(exist_ok=True)
        clock = clock or Clock(model.clock.present)
        made = replace(model, db=Database(url, clock=clock), folder=folder, media=media, clock=clock)
        try:
            yield made
        finally:
            made.db.close()


@cache
def _model(kind: str) -> Room:
    """A room that tests copy; never handed out itself, and gone when the process ends."""
    if kind == "postgresql":
        postgres()
    kept = ExitStack()
    atexit.register(kept.close)
    folder = Path(kept.enter_context(TemporaryDirectory(prefix="siming-model-room-")))
    made = build_room(folder, url=kept.enter_context(fresh_database(kind, folder)))
    if made.db.is_sqlite:
        with made.db.engine.connect() as c:
            c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    made.db.close()
    return made


def _as_admin(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as c:
            c.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture(params=KINDS)
def any_room(request, tmp_path) -> Iterator[Room]:
    """A room with nobody's work in it, on SQLite and on PostgreSQL."""
    with room_on(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=KINDS)
def any_url(request, tmp_path) -> Iterator[str]:
    """The address of an empty database, on SQLite and on PostgreSQL."""
    with fresh_database(request.param, tmp_path) as url:
        yield url
