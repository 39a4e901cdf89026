"""Write a migration that brings a database from the last one to the present schema.

    python tools/make_migration.py "appeals carry a deadline"    the next migration, to be read and completed by hand
    python tools/make_migration.py --first                       migration 0001 anew, from nothing; until the first release

A migration is explicit: what it does must not change when the schema changes later. The test
`tests/store/test_store_migrate.py` holds all of them together against the schema.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from siming.store import Database, migrate
from siming.store.migrate import newest_version
from siming.store.schema import APPEND_ONLY, KEPT, METADATA, Json

VERSIONS = Path(__file__).resolve().parents[1] / "src/siming/store/migrations/versions"

FIRST = '''"""The first tables.

Made by tools/make_migration.py; never changed after the first release.
"""

import sqlalchemy as sa
from alembic import op

from siming.store.triggers import all_guards

revision = "0001"
down_revision = None

APPEND_ONLY = {append_only}
"""Tables whose rows never change and never go."""
KEPT = {kept}
"""Tables whose rows never go, and what of them never changes."""


def upgrade() -> None:
    """From nothing to the first release."""
    {body}
    for statement in all_guards(APPEND_ONLY, KEPT, dialect=op.get_bind().dialect.name):
        op.execute(statement)
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
'''

NEXT = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    """{title}."""
    {body}
'''


def body_from(url: str, *, batch: bool) -> str:
    """Alembic's statements that lead from a database to the schema."""
    engine = create_engine(url)
    with engine.connect() as connection:
        options = {
            "render_item": as_stored,
            "render_as_batch": batch,
            "compare_type": True,
            "target_metadata": METADATA,
        }
        context = MigrationContext.configure(connection, opts=options)
        script = produce_migrations(context, METADATA)
        assert script.upgrade_ops is not None
        code = render_python_code(script.upgrade_ops, render_as_batch=batch, render_item=as_stored)
    engine.dispose()
    return re.sub(r"\n?\s*# ### .* ###", "", code).strip()


def as_stored(kind: str, thing: Any, context: AutogenContext) -> str | bool:
    """Our own type by what the database sees of it."""
    return "sa.Text()" if kind == "type" and isinstance(thing, Json) else False


def write_first() -> Path:
    with tempfile.TemporaryDirectory() as folder:
        body = body_from(f"sqlite:///{folder}/empty.db", batch=False)
    path = VERSIONS / "0001_first.py"
    path.write_text(FIRST.format(append_only=repr(tuple(APPEND_ONLY)), kept=repr(KEPT), body=body), "utf-8")
    return path


def write_next(title: str) -> Path:
    before = newest_version()
    number = f"{int(before) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/present.db"
        db = Database(url)
        migrate(db)
        db.close()
        body = body_from(url, batch=True)  # SQLite changes a table by copying it
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40]
    path = VERSIONS / f"{number}_{name}.py"
    path.write_text(NEXT.format(title=title, number=number, before=before, body=body), "utf-8")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("title", nargs="?", help="what changes, in words")
    parser.add_argument("--first", action="store_true", help="migration 0001 anew")
    options = parser.parse_args()
    if options.first == (options.title is not None):
        parser.error("give a title, or --first")
    path = write_first() if options.first else write_next(options.title)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "--quiet", str(path)], check=False)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
