"""Counting again what the statistics say: queries in the order of their keys, and their merge."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    cast,
    distinct,
    func,
    select,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.schema import views

Key = tuple[int, ...]
Rows = Iterator[tuple[Key, Any]]
"""In the order of their keys, each once."""

_AT_ONCE: Final = 1_000


class Counted(NamedTuple):
    """What the ledger says of a key."""

    views: int = 0
    opens: int = 0
    active_ms: int = 0
    first_at: int = 0
    began_at: int = 0
    view_id: int = 0
    # Of viewings that are over, and of those that are open: their last span's begin.
    ended_at: int | None = None
    since: int | None = None
    open: int = 0


def ledger(connection: Connection, keys: Sequence[Column[int]], where: ColumnElement[bool]) -> Rows:
    """What the ledger says, by key."""
    is_open = views.c.ended_at.is_(None)
    columns: list[ColumnElement[Any]] = [
        *keys,
        func.count(),
        total(views.c.opens),
        total(views.c.active_ms),
        func.min(views.c.began_at),
        func.max(views.c.began_at),
        func.max(views.c.id),
        func.max(views.c.ended_at),
        func.max(views.c.since),
        func.count().filter(is_open),
    ]
    wanted: Select[Any] = select(*columns)
    for key, values in rows(connection, wanted.where(where), keys, is_grouped=True):
        yield key, Counted(*values)


def ledger_days(connection: Connection, where: ColumnElement[bool]) -> Rows:
    """The same by resource and day: views, opens, milliseconds, users."""
    keys = [views.c.resource_id, views.c.began_at // DAY_MS]
    wanted = select(
        *keys,
        func.count(),
        total(views.c.opens),
        total(views.c.active_ms),
        func.count(distinct(views.c.user_id)),
    )
    return rows(connection, wanted.where(where), keys, is_grouped=True)


def stored(connection: Connection, table: Table, where: ColumnElement[bool]) -> Rows:
    """A table's rows."""
    keys = [*table.primary_key]
    wanted = select(table).where(where).order_by(*keys)
    for row in connection.execute(wanted.execution_options(yield_per=_AT_ONCE)):
        yield tuple(getattr(row, key.name) for key in keys), row


def rows(
    connection: Connection,
    wanted: Select[Any],
    keys: Sequence[ColumnElement[int]],
    *,
    is_grouped: bool = False,
) -> Rows:
    """The rows of a query that selects its keys first."""
    if is_grouped:
        wanted = wanted.group_by(*keys)
    wanted = wanted.order_by(*keys).execution_options(yield_per=_AT_ONCE)
    for row in connection.execute(wanted):
        yield tuple(row[: len(keys)]), tuple(row[len(keys) :])


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    """A sum; PostgreSQL's is a decimal otherwise."""
    return cast(func.sum(column), BigInteger)


def merged(*streams: Rows) -> Iterator[tuple[Key, list[Any]]]:
    """What several say of each key: None where one has nothing on it."""
    heads = [next(stream, None) for stream in streams]
    while found := [head[0] for head in heads if head is not None]:
        key = min(found)
        yield key, [head[1] if head is not None and head[0] == key else None for head in heads]
        for at, head in enumerate(heads):
            if head is not None and head[0] == key:
                heads[at] = next(streams[at], None)
