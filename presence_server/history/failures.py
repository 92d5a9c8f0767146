"""What a database does that a writer lives with, and what the server is told of it."""

import sqlite3
import sys

from sqlalchemy.exc import SQLAlchemyError

from presence_server.history.facts import Trouble
from presence_server.history.store.database import Occupied, Unusable, classify


def failures() -> tuple[type[Exception], ...]:
    """What to try again after; psycopg may be there or not."""
    psycopg = sys.modules.get("psycopg")
    driver = () if psycopg is None else (psycopg.Error,)
    return (SQLAlchemyError, OSError, Occupied, Unusable, sqlite3.Error, *driver)


def trouble(error: BaseException) -> Trouble:
    """What the server is told of a failure: nothing that a client said."""
    if isinstance(error, Occupied):
        return Trouble("taken")
    if isinstance(error, Unusable):
        return Trouble(error.trouble, str(error))
    driver = getattr(error, "orig", error)
    codes = (getattr(driver, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return Trouble(classify(error), next(filter(None, codes), None))
