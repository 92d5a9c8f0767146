"""What a database wants besides its rows: statistics for its planner, and an empty log."""

from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from presence_server.history.store.partitions import LOCK_WAIT
from presence_server.history.store.schema import metadata
from presence_server.history.store.troubles import classify

TABLES: Final = sorted(metadata.tables)
_ROWS: Final = 1_000
"""That SQLite looks at in each index."""


def analyze(engine: Engine, name: str) -> None:
    """Refresh what the planner knows of a table, from a sample.

    PostgreSQL does so by itself but for `views`, whose parts are all that it looks at.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA analysis_limit={_ROWS}")
            connection.exec_driver_sql(f"ANALYZE {name}")
        elif name == "views":
            connection.exec_driver_sql(LOCK_WAIT)
            connection.exec_driver_sql("SET LOCAL default_statistics_target = 10")
            connection.exec_driver_sql("ANALYZE views")


def truncate_log(engine: Engine) -> bool:
    """Move SQLite's log into the database and leave nothing in it; says whether that was possible.

    It waits for nobody: a reader in the middle of something holds it up until the next time.
    """
    if engine.dialect.name != "sqlite":
        return True
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute("PRAGMA busy_timeout=0")
        try:
            (is_busy, _, _) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={patience}")
        return not is_busy
    finally:
        raw.close()


def rewrite(engine: Engine, name: str) -> bool:
    """Have PostgreSQL write a small table anew, without what its dead rows held.

    It waits for nobody, and says whether that was possible.
    """
    if engine.dialect.name != "postgresql":
        return True
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET lock_timeout = '50ms'")
        try:
            connection.exec_driver_sql(f"VACUUM FULL {name}")
        except DBAPIError as error:
            if classify(error) != "locked":
                raise
            return False
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql("SET lock_timeout = '5s'")
    return True
