"""Alembic's entry: always runs on the connection that `migrate` hands over."""

from alembic import context

from siming.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
