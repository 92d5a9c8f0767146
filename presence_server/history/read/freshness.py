"""How fresh the rows are."""

from typing import Final

from sqlalchemy import Connection, func, select

from presence_server.history.store.schema import progress

_AT: Final = select(func.max(progress.c.at))


def as_of(connection: Connection) -> int:
    """Everything that happened before this is in the rows: UTC milliseconds, 0 before any batch."""
    at = connection.scalar(_AT)
    return 0 if at is None else int(at)
