"""Migrations: from nothing to the present schema, on both databases, and no further."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from databases import fresh_database
from sqlalchemy import CheckConstraint, inspect, text
from sqlalchemy.exc import DatabaseError

from siming.errors import StoreError
from siming.store import Database, migrate
from siming.store.migrate import newest_version, present_version
from siming.store.schema import APPEND_ONLY, METADATA


@pytest.fixture
def db(any_url):
    made = Database(any_url)
    yield made
    made.close()


def shape(db):
    """Everything that the database says of its tables, and what it holds."""
    found = inspect(db.engine)
    tables = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], str(c["default"])) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(map(str, found.get_foreign_keys(name))),
            sorted(map(str, found.get_indexes(name))),
            sorted(map(str, found.get_unique_constraints(name))),
            sorted(str(c["name"]) for c in found.get_check_constraints(name)),
        )
        for name in found.get_table_names()
    }
    with db.read() as c:
        rows = {name: c.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}
    return tables, triggers(db), rows


def triggers(db):
    where = {
        True: "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        False: "SELECT DISTINCT trigger_name FROM information_schema.triggers",
    }
    with db.read() as c:
        return set(c.execute(text(where[db.is_sqlite])).scalars())


def test_a_migrated_database_is_what_the_code_says(db):
    migrate(db)
    with db.engine.connect() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    found = inspect(db.engine)
    for table in METADATA.sorted_tables:  # alembic does not look at these
        wanted = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {c["name"] for c in found.get_check_constraints(table.name)} == wanted, table.name
        keys = [c.name for c in table.primary_key.columns]
        assert found.get_pk_constraint(table.name)["constrained_columns"] == keys, table.name
    assert {f"{t}_no_{act}" for t in APPEND_ONLY for act in ("update", "delete")} <= triggers(db)


def test_the_first_migration_is_frozen(tmp_path, monkeypatch):
    """A later schema must not change what an earlier release made."""
    from sqlalchemy import MetaData

    with fresh_database("sqlite", tmp_path) as url:
        monkeypatch.setattr("siming.store.schema.METADATA", MetaData())
        made = Database(url)
        migrate(made)
        assert {"rating_event", "submission"} <= set(inspect(made.engine).get_table_names())
        made.close()


def test_migrating_twice_changes_nothing(db):
    migrate(db)
    before = shape(db)
    migrate(db)
    assert shape(db) == before
    assert present_version(db) == newest_version()


def test_two_servers_that_start_at_once_migrate_once(db):
    act = "import sys; from siming.store import Database, migrate; migrate(Database(sys.argv[1]))"
    command = [sys.executable, "-c", act, db.url.render_as_string(hide_password=False)]
    servers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [server.communicate(timeout=100)[1] for server in servers]
    assert [server.returncode for server in servers] == [0, 0, 0], said
    assert present_version(db) == newest_version()


def test_a_database_of_a_later_siming_is_left_alone_and_the_mend_is_named(db):
    migrate(db)
    with db.write() as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = shape(db)
    with pytest.raises(StoreError, match=r"pip install --upgrade 'siming\[web\]'") as caught:
        migrate(db)
    assert (caught.value.kind, "9999" in str(caught.value)) == ("newer", True)
    assert shape(db) == before


def test_a_migration_that_fails_leaves_the_database_as_it_was(db, monkeypatch):
    """All of it in one transaction, on both."""
    monkeypatch.setattr("siming.store.triggers.published_guard", lambda dialect: ["CREATE NONSENSE"])
    with pytest.raises(DatabaseError):
        migrate(db)
    assert inspect(db.engine).get_table_names() == []
