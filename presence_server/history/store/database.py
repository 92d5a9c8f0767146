"""The database as a whole: whether it can be used, its schema, and who may write to it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, column, inspect, select, table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from presence_server.history.store.engine import Occupied, driver_url, sqlite_file, writer
from presence_server.history.store.place import is_other
from presence_server.history.store.schema import metadata
from presence_server.history.store.troubles import Trouble, classify

__all__ = ["Occupied", "Trouble", "Unusable", "WriterLock", "check_place", "classify", "prepare"]

VERSIONS: Final = "presence_history_schema"
"""Alembic's table: an application's own in the same database is called `alembic_version`."""

NEWEST: Final = "0001"
SCRIPTS: Final = "presence_server.history.store:migrations"


class Unusable(Exception):
    """Why history cannot be kept there, in one line, without the password.

    `trouble` says whether it may pass by itself, as in `classify`.
    """

    def __init__(self, message: str, trouble: Trouble = "other") -> None:
        super().__init__(message)
        self.trouble = trouble


def prepare(address: str) -> None:
    """Bring the database to the newest schema, making it if it is a file that is not there.

    Hold the `WriterLock`. Raises `Occupied` or `Unusable`.
    """
    url = _parsed(address)
    with _explained(url):
        if url.get_backend_name() == "sqlite":
            _make_file(url)
        engine = writer(address)
        try:
            with engine.begin() as connection:
                _migrate(connection)
        finally:
            engine.dispose()


def check_place(address: str) -> None:
    """Raise `Unusable` if the file of SQLite that is written to is not the one at its path."""
    url = driver_url(address)
    if url.get_backend_name() == "sqlite" and is_other(sqlite_file(url)):
        raise Unusable(f"{_place(url)} was removed or replaced while in use", "gone")


class WriterLock:
    """Only one process may write: `Occupied` is raised if another does, `Unusable` if none can.

    For SQLite it is held on a file beside the database until the process ends, however it does.
    On PostgreSQL the one connection of the engine `writer` holds a lock of the session, so that
    nobody writes without it after a lost connection; here it is only looked at.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._file: int | None = None

    def __enter__(self) -> Self:
        url = _parsed(self._address)
        with _explained(url):
            if url.get_backend_name() == "sqlite":
                self._file = _lock_beside(sqlite_file(url))
            else:
                engine = writer(self._address)
                engine.connect().close()
                engine.dispose()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _parsed(address: str) -> URL:
    try:
        url = driver_url(address)
        is_known = url.get_backend_name() in ("sqlite", "postgresql")
    except (SQLAlchemyError, ValueError):
        is_known = False
    if not is_known:
        raise Unusable(
            "the address of history's database is no sqlite:///file or postgresql://user@host/name"
        )
    if url.get_backend_name() == "sqlite" and (url.query or url.database in (None, ":memory:")):
        raise Unusable("history needs the path of a file after sqlite:///, without a query")
    return url


def _make_file(url: URL) -> None:
    """Readable to its owner only: it holds ids of users. The log beside it follows suit."""
    with suppress(FileExistsError):
        os.close(os.open(sqlite_file(url), os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _lock_beside(database: Path) -> int:
    """The lock goes with the process; the file stays, as removing it would let two in."""
    path = f"{database.resolve()}.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise Occupied("another server writes to this database") from None
    return file


def _migrate(connection: Connection) -> None:
    """In one transaction: the schema is the old or the new one, also after a crash."""
    _check_database(connection)
    version = _version(connection)
    if version == NEWEST:
        return
    # Slow to load, and seldom needed.
    from alembic.command import upgrade
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise Unusable("this database is of a newer presence-server, which this one cannot read")
    upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    found = set(inspect(connection).get_table_names())
    if VERSIONS in found:
        return connection.scalars(select(column("version_num")).select_from(table(VERSIONS))).one()
    foreign = sorted(found & set(metadata.tables))
    if foreign:
        raise Unusable(f"there is a table {foreign[0]!r} of something else: it needs its own place")
    return None


def _check_database(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            raise Unusable("SQLite cannot keep a write-ahead log on this file system")
    elif connection.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
        raise Unusable("the database's encoding is not UTF8")


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    """Errors as `Unusable`, with the place."""
    try:
        yield
    except Unusable as error:
        raise Unusable(f"{_place(url)}: {error}", error.trouble) from None
    except ImportError:
        raise Unusable(
            "PostgreSQL needs psycopg: pip install 'presence-server[postgresql]'"
        ) from None
    except DBAPIError as error:
        why = _hidden(str(error.orig), url)
        raise Unusable(f"{_place(url)}: {why}", classify(error)) from None
    except OSError as error:
        raise Unusable(f"{_place(url)}: {error.strerror}", classify(error)) from None


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"history's database {sqlite_file(url)}"
    return f"history's database {url.database} at {url.host or 'the default host'}"


def _hidden(message: str, url: URL) -> str:
    """In one line; drivers quote what they were given."""
    secrets = [url.password, *map(str, url.query.values())]
    for secret in filter(None, secrets):
        message = message.replace(secret, "***")
    return " ".join(message.split())
