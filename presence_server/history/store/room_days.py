"""The days of a room, of which a resource is deleted."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, distinct, exists, func, select

from presence_server.history.fold.rules import DAY_MS, first_whole_day
from presence_server.history.store.bulk import change, remove
from presence_server.history.store.schema import COUNTS, days, progress, room_days, views

_COLUMNS: Final = tuple(at for at, column in enumerate(room_days.c) if not column.primary_key)


def take_out(connection: Connection, room_id: int, resource_id: int) -> None:
    """Take what a resource counted from its room's days; call it while the resource is there.

    Uniques are counted again as far as the ledger tells. Of older days nobody knows who saw
    something else: they stay, but there are no more than views.
    """
    ledger_from = connection.scalar(select(progress.c.ledger_from)) or 0
    first = first_whole_day(ledger_from)
    rows: list[tuple[int, ...]] = []
    for day in _days(connection, room_id, resource_id):
        gone = _only_there(connection, resource_id, day.day) if day.day >= first else 0
        left = [getattr(day, name) - getattr(day, f"its_{name}") for name in COUNTS]
        rows.append((room_id, day.day, *left, min(day.uniques - gone, left[0])))
    remove(connection, room_days, [row[:2] for row in rows if not row[2]])
    change(connection, room_days, [row for row in rows if row[2]], _COLUMNS)


def _days(connection: Connection, room_id: int, resource_id: int) -> Iterable[Row[Any]]:
    its = [days.c[name].label(f"its_{name}") for name in COUNTS]
    return connection.execute(
        select(room_days, *its)
        .join(days, days.c.day == room_days.c.day)
        .where(days.c.resource_id == resource_id, room_days.c.room_id == room_id)
    ).all()


def _only_there(connection: Connection, resource_id: int, day: int) -> int:
    """How many looked at nothing else on that day."""
    other = views.alias()
    elsewhere = exists().where(
        other.c.user_id == views.c.user_id,
        other.c.began_at.between(day * DAY_MS, (day + 1) * DAY_MS - 1),
        other.c.resource_id != resource_id,
    )
    here = (
        views.c.resource_id == resource_id,
        views.c.began_at.between(day * DAY_MS, (day + 1) * DAY_MS - 1),
    )
    wanted = select(func.count(distinct(views.c.user_id))).where(*here, ~elsewhere)
    return connection.scalar(wanted) or 0
