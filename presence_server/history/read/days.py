"""What began on each day."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, select

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read.places import resource_number, room_number
from presence_server.history.store.schema import days as daily
from presence_server.history.store.schema import room_days

_COUNTS: Final = ("views", "opens", "uniques", "active_ms")


class Day(NamedTuple):
    """What began on a day (UTC, `2026-11-22`)."""

    day: str
    views: int
    opens: int
    uniques: int
    active_ms: int


def days(
    connection: Connection, room: str, *, kind: str | None, ref: str | None, count: int, until: int
) -> list[Day] | None:
    """`count` days up to and with `until` (days since 1970), oldest first; those without views too.

    Of a resource (`kind` and `ref`), or of all.
    """
    of = _of(connection, room, kind, ref)
    if of is None:
        return None
    table, theirs = of
    begin = until - count + 1
    query = select(table.c.day, *(table.c[name] for name in _COUNTS)).where(
        theirs, table.c.day.between(begin, until)
    )
    found = {day: counts for day, *counts in connection.execute(query)}
    nothing = [0] * len(_COUNTS)
    return [Day(_name(day), *found.get(day, nothing)) for day in range(begin, until + 1)]


def _of(
    connection: Connection, room: str, kind: str | None, ref: str | None
) -> tuple[Table, ColumnElement[bool]] | None:
    """Where the days are."""
    if kind is not None and ref is not None:
        number = resource_number(connection, room, kind, ref)
        return None if number is None else (daily, daily.c.resource_id == number)
    number = room_number(connection, room)
    return None if number is None else (room_days, room_days.c.room_id == number)


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1_000, UTC).date().isoformat()
