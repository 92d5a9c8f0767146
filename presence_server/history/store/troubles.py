"""What is the matter with a database: from the errors of both drivers to one word."""

import errno
import sqlite3
from typing import Final, Literal

from sqlalchemy import exc

from presence_server.history.store.engine import Occupied

Trouble = Literal["locked", "full", "gone", "other"]

_SQLITE: Final[dict[int, Trouble]] = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CANTOPEN: "gone",
    sqlite3.SQLITE_READONLY: "gone",
    sqlite3.SQLITE_IOERR: "gone",
}
_NO_SPACE: Final = {
    # Over a quota or a size limit, and where the file beside the log cannot grow: SQLite says
    # SQLITE_FULL only for ENOSPC in the database and its log.
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
_SQLSTATES: Final[dict[str, Trouble]] = {
    "53100": "full",
    "53200": "locked",  # out of memory, for now
    "55P03": "locked",
    "57014": "locked",
    "40001": "locked",
    "40P01": "locked",
    "25006": "gone",  # a standby, which only reads
    "3D000": "gone",
    "53300": "gone",
}
_GONE_CLASSES: Final = ("08", "28", "57", "58")
_ERRNOS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def classify(error: BaseException) -> Trouble:
    """What is the matter with the database; all but `other` may pass by itself.

    An error is a driver's own or what SQLAlchemy makes of it.
    """
    if isinstance(error, Occupied | exc.TimeoutError):
        return "locked"
    driver = getattr(error, "orig", error)
    if isinstance(driver, sqlite3.Error):
        return _of_sqlite(driver)
    if isinstance(error, OSError):
        return "full" if error.errno in _ERRNOS else "gone"
    state = getattr(driver, "sqlstate", None)
    if state is not None:
        known = _SQLSTATES.get(state)
        return known or ("gone" if state.startswith(_GONE_CLASSES) else "other")
    return "gone" if _is_lost(error) else "other"


def _is_lost(error: BaseException) -> bool:
    """Without a word from PostgreSQL: there was none."""
    if isinstance(error, exc.DisconnectionError):
        return True
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    return type(error).__name__ in ("OperationalError", "InterfaceError")


def _of_sqlite(error: sqlite3.Error) -> Trouble:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return "other"
    return "full" if code in _NO_SPACE else _SQLITE.get(code & 0xFF, "other")
