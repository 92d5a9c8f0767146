"""Writing many rows of a table. The one writer knows which there are: an insert meets none.

What goes to the driver is made once for each table: by row SQLAlchemy takes longer than SQLite.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import Insert, Update

from presence_server.history.store.keys import Key, among, driver, given

Values = tuple[Any, ...]
Chosen = Callable[[Values], Any]


def add(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows: values in the order of the table's columns."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        driver(connection).executemany(_insertion(table), rows)


def change(
    connection: Connection, table: Table, rows: Sequence[Values], columns: tuple[int, ...]
) -> None:
    """Write the columns at these places of rows that are there, and touch no index of others.

    Values are in the order of the table's columns.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _change_by_arrays(connection, table, rows, columns)
    else:
        text, chosen = _change(table, columns)
        driver(connection).executemany(text, map(chosen, rows))


def remove(connection: Connection, table: Table, keys: Sequence[Key]) -> None:
    """Delete rows by their primary key."""
    if keys:
        dialect = connection.dialect.name
        where = among(dialect, tuple(table.primary_key))
        connection.execute(delete(table).where(where), given(dialect, keys))


# SQLite


@lru_cache(maxsize=32)
def _insertion(table: Table) -> str:
    return _text(insert(table))[0]


@lru_cache(maxsize=256)
def _change(table: Table, columns: tuple[int, ...]) -> tuple[str, Chosen]:
    keys = [column.name for column in table.primary_key]
    # A parameter must not be named like a column that is set.
    where = [table.c[name] == bindparam(f"key_{name}") for name in keys]
    names = table.c.keys()
    values: dict[str, Any] = {names[at]: bindparam(names[at]) for at in columns}
    text, order = _text(update(table).where(*where).values(values))
    places = {name: at for at, name in enumerate(names)}
    places |= {f"key_{name}": places[name] for name in keys}
    return text, itemgetter(*(places[name] for name in order))


def _text(statement: Insert | Update) -> tuple[str, list[str]]:
    """A statement for the driver, and the order of its parameters."""
    compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
    return str(compiled), compiled.positiontup or []


# PostgreSQL


def _copy(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    with (
        driver(connection).cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({', '.join(table.c.keys())}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _change_by_arrays(
    connection: Connection, table: Table, rows: Sequence[Values], columns: tuple[int, ...]
) -> None:
    statement, chosen = _change_from_arrays(table, columns)
    arrays = zip(*map(chosen, rows), strict=True)
    parameters = {f"new_{at}": [*array] for at, array in enumerate(arrays)}
    connection.execute(statement, parameters)


@lru_cache(maxsize=256)
def _change_from_arrays(table: Table, columns: tuple[int, ...]) -> tuple[Update, Chosen]:
    keys = [column.name for column in table.primary_key]
    changing = [table.c.keys()[at] for at in columns]
    names = [*keys, *changing]
    arrays = [
        bindparam(f"new_{at}", type_=ARRAY(table.c[name].type)) for at, name in enumerate(names)
    ]
    new = func.unnest(*arrays).table_valued(*names, name="new").render_derived()
    statement = update(table).where(*(table.c[name] == new.c[name] for name in keys))
    places = {name: at for at, name in enumerate(table.c.keys())}
    return (
        statement.values({name: new.c[name] for name in changing}),
        itemgetter(*(places[name] for name in names)),
    )
