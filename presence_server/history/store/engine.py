"""Opening the database: one connection that writes, others that only read."""

import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, ExecutionContext, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError

from presence_server.history.store import place

BUSY_S: Final = 5.0
QUERY_MS: Final = 2_000
LOCK_WAIT_MS: Final = 1_000
LOCK_KEY: Final = 0x70726573
"""The advisory lock of PostgreSQL that the one connection holds which writes."""

_OPERATIONS: Final = 20_000
"""Of SQLite's machine between looks at the clock: well under a millisecond."""

_REACH: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    # Milliseconds; without it a vanished server is noticed after a quarter of an hour.
    "tcp_user_timeout": "15000",
    "application_name": "presence-server",
}
_WRITING: Final = " ".join(
    f"-c {setting}"
    for setting in (
        "lock_timeout=5s",
        "synchronous_commit=on",
        # The server's end holds the lock of a recorder that vanished; by default for two hours.
        "tcp_keepalives_idle=10",
        "tcp_keepalives_interval=5",
        "tcp_keepalives_count=3",
    )
)


class Occupied(Exception):
    """Another server writes to this database."""


def driver_url(address: str) -> URL:
    """The address of the settings with the driver that is used: psycopg 3 for PostgreSQL."""
    url = make_url(address)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def sqlite_file(url: URL) -> Path:
    """Where SQLite's file is, whatever folder the process moves to later."""
    return Path(url.database or "").absolute()


def writer(address: str) -> Engine:
    """The engine of the one connection that writes, and checkpoints SQLite's log.

    On PostgreSQL each connection it makes takes the lock of the writer first, or raises `Occupied`.
    """
    url = driver_url(address)
    if url.get_backend_name() == "sqlite":
        # A file that is gone is an error, not a new database.
        path = sqlite_file(url)
        engine = _sqlite(url, partial(_open_to_write, path), 1)
        event.listen(engine, "close", lambda connection, _: place.leave(path, connection))
        event.listen(engine, "begin", _begin_to_write)
        return engine
    engine = _postgresql(url, 1, _WRITING)
    event.listen(engine, "connect", _take_lock)
    return engine


def readers(address: str, count: int = 4) -> Engine:
    """The engine of those who read: nothing can be changed through it.

    A statement ends with an error (`is_timeout`) after two seconds, but in a `snapshot`.
    """
    url = driver_url(address)
    if url.get_backend_name() == "sqlite":
        path = sqlite_file(url)
        engine = _sqlite(url, partial(_open_to_read, path), count)
        event.listen(engine, "connect", _read_sqlite)
        event.listen(engine, "connect", partial(_note_place, path))
        event.listen(engine, "checkout", partial(_check_place, path))
        event.listen(engine, "begin", _begin_to_read)
        event.listen(engine, "before_cursor_execute", _wind_up)
        return engine
    return _postgresql(
        url, count, f"-c default_transaction_read_only=on -c statement_timeout={QUERY_MS}"
    )


def snapshot(connection: Connection) -> None:
    """Have all that a reader reads in this transaction be of one moment, and lift the limit.

    Call it first in the transaction.
    """
    if connection.dialect.name == "sqlite":
        if connection.get_transaction() is None:
            connection.begin()
        _alarm(connection).limit_s = None
        return
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


def is_timeout(error: DBAPIError) -> bool:
    """Whether a reader's statement took too long."""
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    return getattr(error.orig, "sqlstate", None) == "57014"


class Alarm:
    """Ends a statement of SQLite that takes too long."""

    def __init__(self) -> None:
        self.limit_s: float | None = QUERY_MS / 1_000
        self._until = 0.0

    def wind_up(self) -> None:
        """A statement starts now."""
        self._until = time.monotonic() + (self.limit_s or float("inf"))

    def is_ringing(self) -> bool:
        """Whether it has to end: SQLite asks."""
        return time.monotonic() > self._until


def _sqlite(url: URL, connect: Callable[[], sqlite3.Connection], count: int) -> Engine:
    return create_engine(
        url, creator=connect, pool_size=count, max_overflow=0, hide_parameters=True
    )


def _open_to_write(path: Path) -> sqlite3.Connection:
    place.clear(path)
    there = place.identity(path)
    connection = _open(path, "rw")
    try:
        _write_sqlite(connection)
    except BaseException:
        connection.close()
        raise
    place.note(path, there)
    return connection


def _open_to_read(path: Path) -> sqlite3.Connection:
    if place.is_other(path):
        error = sqlite3.OperationalError("the file was removed or replaced")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        error.sqlite_errorname = "SQLITE_CANTOPEN"
        raise error
    return _open(path, "ro")


def _note_place(path: Path, _connection: Any, record: Any) -> None:
    record.info["file"] = place.identity(path)


def _check_place(path: Path, _connection: Any, record: Any, _proxy: Any) -> None:
    """Have a reader of a file that is not there any more open the one that is."""
    if place.identity(path) != record.info["file"]:
        raise DisconnectionError


def _open(path: Path, mode: str) -> sqlite3.Connection:
    name = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(name, BUSY_S, uri=True, check_same_thread=False, isolation_level=None)


def _postgresql(url: URL, count: int, options: str) -> Engine:
    asked = {name: value for name, value in _REACH.items() if name not in url.query}
    theirs = url.query.get("options", "")
    arguments = {**asked, "options": f"{theirs} {options}".strip()}
    return create_engine(
        url,
        pool_size=count,
        max_overflow=0,
        pool_pre_ping=True,
        # Errors go to the log, the ids in them must not.
        hide_parameters=True,
        connect_args=arguments,
    )


def _write_sqlite(connection: sqlite3.Connection) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=OFF",
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _read_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    alarm = Alarm()
    record.info["alarm"] = alarm
    connection.set_progress_handler(alarm.is_ringing, _OPERATIONS)


def _take_lock(connection: Any, _record: Any) -> None:
    """Take the lock, which a connection that was just closed may hold for a moment yet."""
    from psycopg.errors import LockNotAvailable  # it is there only where it is wanted

    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        connection.commit()
    except LockNotAvailable:
        connection.close()
        raise Occupied("another server writes to this database") from None


def _begin_to_write(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_to_read(connection: Connection) -> None:
    _alarm(connection).limit_s = QUERY_MS / 1_000
    connection.exec_driver_sql("BEGIN")


def _alarm(connection: Connection) -> Alarm:
    alarm: Alarm = connection.info["alarm"]
    return alarm


def _wind_up(
    connection: Connection,
    _cursor: Any,
    _statement: str,
    _parameters: Any,
    _context: ExecutionContext | None,
    _is_many: bool,
) -> None:
    _alarm(connection).wind_up()
