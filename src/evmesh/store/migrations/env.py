"""Alembic runs this: the revisions go through the connection, and inside the transaction, of whoever opens a store."""

from alembic import context

from evmesh.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
