"""A question sees one moment, and does not take for ever."""

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from presence_server.history.read.freshness import as_of
from presence_server.history.read.limits import QueryTimeout, asking, taking_time
from tests.history.rows import MORNING, Recorded, recorded

__all__ = ["recorded"]

LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    "SELECT max(i) FROM n",
    "postgresql": "SELECT max(i) FROM generate_series(1, {}) AS i",
}


def count(connection: Connection, to: int) -> None:
    """Takes longer the more it is."""
    connection.execute(text(LONG[connection.dialect.name].format(to)))


def count_impatiently(engine: Engine) -> None:
    """Two seconds are long for a test."""
    with asking(engine) as connection:
        count(connection, 10)
        if engine.dialect.name == "sqlite":
            connection.info["alarm"].limit_s = 0.03
        else:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 30")
        count(connection, 10**9)


def test_a_long_question_times_out_and_the_next_does_not(recorded: Recorded) -> None:
    with pytest.raises(QueryTimeout):
        count_impatiently(recorded.readers)
    with asking(recorded.readers) as connection:
        count(connection, 10)


def test_a_chunk_of_an_export_may_take_longer(recorded: Recorded) -> None:
    with taking_time(recorded.readers) as connection:
        if recorded.readers.dialect.name == "sqlite":
            assert connection.info["alarm"].limit_s is None
        else:
            assert connection.scalar(text("SHOW statement_timeout")) == "0"


def test_other_errors_are_what_they_are(recorded: Recorded) -> None:
    with pytest.raises(DBAPIError), asking(recorded.readers) as connection:
        connection.execute(text("SELECT nothing"))


def test_all_that_a_question_reads_is_of_one_moment(recorded: Recorded) -> None:
    recorded.take(at=MORNING)
    with asking(recorded.readers) as connection:
        assert as_of(connection) == MORNING
        recorded.take(at=MORNING + 1)
        assert as_of(connection) == MORNING
    with asking(recorded.readers) as connection:
        assert as_of(connection) == MORNING + 1


def test_nothing_can_be_written_through_a_question(recorded: Recorded) -> None:
    with pytest.raises(DBAPIError), asking(recorded.readers) as connection:
        connection.execute(text("DELETE FROM rooms"))
