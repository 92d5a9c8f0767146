"""A connection to ask on: one snapshot for all that a question reads, and two seconds."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from presence_server.history.store.engine import is_timeout, snapshot


class QueryTimeout(Exception):
    """The question took longer than it may."""


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """A connection to ask one question on; a statement over two seconds is `QueryTimeout`."""
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":  # whose transactions are all like this
            connection.execution_options(isolation_level="REPEATABLE READ")
        try:
            yield connection
        except DBAPIError as error:
            if is_timeout(error):
                raise QueryTimeout from error
            raise


@contextmanager
def taking_time(engine: Engine) -> Iterator[Connection]:
    """The same for a chunk of an export, which nobody waits for."""
    with engine.connect() as connection:
        snapshot(connection)
        yield connection
