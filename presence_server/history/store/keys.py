"""Rows by many keys in one query, whose text does not depend on how many.

SQLite is given the keys as JSON, PostgreSQL as an array for each column. So there is no limit to
run into, a statement is prepared once, and PostgreSQL plans a join instead of a long `OR`.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY

Key = tuple[Any, ...]
Columns = tuple[Column[Any], ...]


@lru_cache(maxsize=64)
def among(dialect: str, columns: Columns) -> ColumnElement[bool]:
    """Whether numbers in `columns` are one of the keys that `given` puts into the parameters."""
    wanted, values = _wanted(dialect, columns)
    chosen = select(*values).select_from(wanted)
    return columns[0].in_(chosen) if len(columns) == 1 else tuple_(*columns).in_(chosen)


def given(dialect: str, keys: Collection[Key]) -> dict[str, Any]:
    """The parameters of `among`; there must be a key."""
    if dialect == "sqlite":
        return {"keys": orjson.dumps([*keys]).decode()}
    return {f"keys_{at}": [*column] for at, column in enumerate(zip(*keys, strict=True))}


def driver(connection: Connection) -> Any:
    """The connection as its driver has it."""
    return connection.connection.driver_connection


class Statement:
    """A query as SQLite's driver is given it: SQLAlchemy would make something of each row."""

    def __init__(self, query: Select[Any]) -> None:
        compiled = query.compile(dialect=sqlite.dialect(paramstyle="named"))
        self._text = str(compiled)
        self._parameters = compiled.params

    def rows(self, connection: Connection, parameters: dict[str, Any]) -> list[Key]:
        """All of its rows."""
        asked = self._parameters | parameters
        found: list[Key] = driver(connection).execute(self._text, asked).fetchall()
        return found


class Lookup:
    """A query for the rows that have some keys, each given once. Made once: it is slow to build.

    It joins the keys: for `IN` SQLite uses no more of an index than its first column of text.
    """

    def __init__(
        self,
        query: Select[Any],
        table: FromClause,
        *columns: Column[Any],
        of: ColumnElement[bool] | None = None,
    ) -> None:
        self._sqlite = Statement(_joined("sqlite", query, table, columns, of))
        self.width = len(columns)
        self._postgresql = _joined("postgresql", query, table, columns, of)

    def __call__(
        self, connection: Connection, keys: Collection[Key], **parameters: int
    ) -> Sequence[Key]:
        """The rows; none is asked for without keys."""
        if not keys:
            return ()
        dialect = connection.dialect.name
        asked = {**given(dialect, keys), **parameters}
        if dialect == "sqlite":
            rows = self._sqlite.rows(connection, asked)
        else:
            rows = [*map(tuple, connection.execute(self._postgresql, asked))]
        return [row for row in rows if row[0] is not None]


def _joined(
    dialect: str,
    query: Select[Any],
    table: FromClause,
    columns: Columns,
    of: ColumnElement[bool] | None,
) -> Select[Any]:
    """With a condition it is an outer join: else SQLite may begin with that, and read all rows."""
    wanted, values = _wanted(dialect, columns)
    pairs = zip(columns, values, strict=True)
    matches = and_(*(column == value for column, value in pairs))
    if of is None:
        return query.select_from(wanted.join(table, matches))
    return query.select_from(wanted.outerjoin(table, and_(matches, of)))


def _wanted(dialect: str, columns: Columns) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """The keys as a table, and their columns."""
    if dialect == "sqlite":
        each = func.json_each(bindparam("keys", type_=Text)).table_valued("value", name="wanted")
        values = (func.json_extract(each.c.value, f"$[{at}]") for at in range(len(columns)))
        # Of the columns' types: text is no number's key.
        return each, [
            cast(value, column.type) for value, column in zip(values, columns, strict=True)
        ]
    arrays = [
        bindparam(f"keys_{at}", type_=ARRAY(column.type)) for at, column in enumerate(columns)
    ]
    names = [column.name for column in columns]
    each = func.unnest(*arrays).table_valued(*names, name="wanted").render_derived(name="wanted")
    return each, [each.c[name] for name in names]
