"""Bring a database to the present schema, from nothing or from any earlier version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from siming.errors import StoreError
from siming.store.database import Database

_LINE = 0x73696D696E67
"""PostgreSQL's advisory lock of migrations: the bytes of "siming"."""


def migrate(database: Database) -> None:
    """Run every migration that the database has not seen; all of them or none.

    Raises:
        StoreError: ``newer`` when a later siming made it, or that it cannot be reached or written.
    """
    with database.write() as connection:
        if not database.is_sqlite:  # servers that start together wait for the first; SQLite's own lock does so
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LINE})")
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            where = database.url.render_as_string(hide_password=True)
            raise StoreError(
                f"{where}: made by a later siming (schema {present_version(database)!r} is not known here); "
                "upgrade with: pip install --upgrade 'siming[web]'",
                kind="newer",
            ) from error


def present_version(database: Database) -> str | None:
    """The schema version that the database is at; None for an empty one."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """The schema version of this siming."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config
