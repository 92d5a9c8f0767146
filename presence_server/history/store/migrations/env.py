"""Alembic runs this: it migrates on the connection and in the transaction that it is given."""

from alembic import context

from presence_server.history.store.database import VERSIONS
from presence_server.history.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSIONS,
)
with context.begin_transaction():
    context.run_migrations()
