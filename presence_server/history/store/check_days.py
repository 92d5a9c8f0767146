"""Whether the days of rooms are what the days of their resources and the ledger say."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ScalarSelect,
    case,
    cast,
    distinct,
    func,
    select,
    true,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store import recount
from presence_server.history.store.differences import Difference, compare, of_room_day
from presence_server.history.store.recount import Rows, total
from presence_server.history.store.schema import COUNTS, days, room_days, views


def check_room_days(
    connection: Connection, told_from: int, room_id: int | None
) -> Iterator[Difference]:
    """Of a room or all; `told_from` is the first day of which the ledger tells wholly."""
    stored = _stored(connection, told_from, _is_of(room_days, room_id))
    summed = _summed(connection, _is_of(days, room_id))
    for key, (row, below) in recount.merged(stored, summed):
        users = None if row is None else row.users
        yield from compare("room_days", key, row, of_room_day(row, below, users))


def _is_of(table: Any, room_id: int | None) -> ColumnElement[bool]:
    return true() if room_id is None else table.c.room_id == room_id


def _stored(connection: Connection, told_from: int, where: ColumnElement[bool]) -> Rows:
    """The rows, and `users`: counted one by one in the ledger if it tells of the day."""
    users = case((room_days.c.day >= told_from, _users())).label("users")
    keys = [*room_days.primary_key]
    wanted = select(room_days, users).where(where).order_by(*keys)
    for row in connection.execute(wanted.execution_options(yield_per=1_000)):
        yield (row.room_id, row.day), row


def _users() -> ScalarSelect[int]:
    begin = cast(room_days.c.day, BigInteger) * DAY_MS
    began = views.c.began_at.between(begin, begin + (DAY_MS - 1))
    wanted = select(func.count(distinct(views.c.user_id)))
    return wanted.where(views.c.room_id == room_days.c.room_id, began).scalar_subquery()


def _summed(connection: Connection, where: ColumnElement[bool]) -> Rows:
    """What the days of resources add up to, and the most uniques of one."""
    keys = [days.c.room_id, days.c.day]
    counts = [total(days.c[name]) for name in COUNTS]
    wanted = select(*keys, *counts, func.max(days.c.uniques)).where(where)
    return recount.rows(connection, wanted, keys, is_grouped=True)
