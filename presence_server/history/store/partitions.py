"""PostgreSQL keeps each day (UTC) of the ledger in a partition of its own; SQLite knows none."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

from presence_server.history.fold.rules import DAY_MS

LOCK_WAIT: Final = "SET LOCAL lock_timeout = '50ms'"
_PRESENT: Final = text("SELECT 1 WHERE to_regclass(:name) IS NOT NULL")
_EMPTY: Final = text(
    "SELECT inhrelid::regclass::text FROM pg_inherits "
    "WHERE inhparent = 'views'::regclass ORDER BY 1"
)


def cover(connection: Connection, began_ats: Iterable[int]) -> None:
    """Make the partitions that viewings which began then need; call it before inserting them.

    What is there is asked each time (0.1 ms): a memory of it would be wrong after a rollback.
    """
    if connection.dialect.name != "postgresql":
        return
    for day in sorted({began_at // DAY_MS for began_at in began_ats}):
        if connection.scalar(_PRESENT, {"name": name_of(day)}) is None:
            _make(connection, day)


def drop_before(connection: Connection, day: int) -> bool:
    """Drop one partition of a day before that, if there is one; its rows are gone already.

    It waits for nobody: whoever reads the ledger holds it up until the next time.
    """
    if connection.dialect.name != "postgresql":
        return False
    for name in connection.scalars(_EMPTY):
        if name < name_of(day):
            connection.exec_driver_sql(LOCK_WAIT)
            connection.exec_driver_sql(f"DROP TABLE {name}")
            return True
    return False


def name_of(day: int) -> str:
    """What the partition of a day is called: `views_20261122`."""
    return f"views_{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"


def _make(connection: Connection, day: int) -> None:
    """Attached, not created in place: that would wait for every query on the ledger, and they
    for it.
    """
    name = name_of(day)
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE views INCLUDING DEFAULTS)")
    connection.exec_driver_sql(
        f"ALTER TABLE views ATTACH PARTITION {name} "
        f"FOR VALUES FROM ({day * DAY_MS}) TO ({(day + 1) * DAY_MS})"
    )
