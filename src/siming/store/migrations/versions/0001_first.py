"""The first tables."""

from alembic import op

from siming.store.schema import APPEND_ONLY, METADATA
from siming.store.triggers import all_guards

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From nothing to the first release."""
    bind = op.get_bind()
    METADATA.create_all(bind)
    for statement in all_guards(APPEND_ONLY, dialect=bind.dialect.name):
        op.execute(statement)
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
