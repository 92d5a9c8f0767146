"""Whether the statistics are what the ledger says.

Counted again are all that the ledger still tells of, and what retention moved to the base is taken
from there. A day that it does not tell of any more counts in the sum of its resource and room.

Most of a database is right, and a statement for each chunk of resources says so (see `amiss`).
Only where something is amiss each row is looked at.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select, true

from presence_server.history.fold.rules import first_whole_day
from presence_server.history.store import recount
from presence_server.history.store.amiss import is_amiss
from presence_server.history.store.check_days import check_room_days
from presence_server.history.store.check_resources import Resources
from presence_server.history.store.check_sessions import check_sessions
from presence_server.history.store.differences import Difference, compare, trend_of
from presence_server.history.store.engine import snapshot
from presence_server.history.store.recount import total
from presence_server.history.store.schema import (
    days,
    progress,
    resource_viewers,
    resources,
    rooms,
    versions,
    viewers,
    views,
)

__all__ = ["Difference", "Progress", "check"]

_RESOURCES: Final = 500
_VIEWS: Final = 20_000
"""So many are looked at together, or one resource with more views."""
_ENDLESS: Final = 2**62


class Progress(NamedTuple):
    """So many rows of about so many are checked."""

    rows: int
    total: int


def check(connection: Connection, room: str | None = None) -> Iterator[Progress | Difference]:
    """Count again what the statistics say, of a room or all, in one snapshot.

    `connection` is a reader's, without a transaction; the limit on queries does not hold here.
    """
    snapshot(connection)
    room_id = None if room is None else some_room(connection, room)
    told = connection.execute(select(progress)).one_or_none()
    if told is None or (room_id is None and room is not None):
        yield Progress(0, 0)
        return
    yield from _Check(connection, room_id, told).run()


def some_room(connection: Connection, room: str) -> int | None:
    """The number of a room."""
    return connection.scalar(select(rooms.c.id).where(rooms.c.ref == room))


class _Check:
    """Of a room or all; `told` is the row of `progress`."""

    def __init__(self, connection: Connection, room_id: int | None, told: Row[Any]) -> None:
        self._connection = connection
        self._room_id = room_id
        self._told = told
        self._told_from = first_whole_day(told.ledger_from)

    def run(self) -> Iterator[Progress | Difference]:
        """All of it."""
        done, last, is_right = 0, 0, True
        whole = self._size()
        for some in self._pages():
            if self._is_amiss(last + 1, some[-1].id) or self._is_trend_off(some):
                is_right = False
                yield from Resources(self._connection, some, self._told).differences()
            last = some[-1].id
            done += sum(1 + row.views - row.base_views for row in some)
            yield Progress(done, max(done, whole))
        if self._room_id is None and (not is_right or self._is_amiss(last + 1, _ENDLESS)):
            yield from _orphans(self._connection)
        yield from check_room_days(self._connection, self._told_from, self._room_id)
        yield from check_sessions(self._connection, self._told.ledger_from, self._room_id)

    def _is_amiss(self, first: int, last: int) -> bool:
        """Of all rooms whatever has a number up to the last one, though there is no resource."""
        return is_amiss(self._connection, first, last, self._room_id, self._told_from)

    def _theirs(self) -> ColumnElement[bool]:
        return true() if self._room_id is None else resources.c.room_id == self._room_id

    def _size(self) -> int:
        views = total(resources.c.views - resources.c.base_views)
        size = select(func.count() + func.coalesce(views, 0)).where(self._theirs())
        return self._connection.scalar(size) or 0

    def _pages(self) -> Iterator[list[Row[Any]]]:
        """Resources with about as many views in the ledger as are looked at together."""
        last, is_more = 0, True
        while is_more:
            page = select(resources).where(self._theirs(), resources.c.id > last)
            page = page.order_by(resources.c.id).limit(_RESOURCES)
            found = self._connection.execute(page).all()
            is_more = len(found) == _RESOURCES
            some: list[Row[Any]] = []
            size = 0
            for row in found:
                some.append(row)
                size += row.views - row.base_views
                if size >= _VIEWS:
                    yield some
                    some, size = [], 0
                last = row.id
            if some:
                yield some

    def _is_trend_off(self, some: list[Row[Any]]) -> bool:
        """Of one of them. Not every database can add them up."""
        of_these = self._theirs() & resources.c.id.between(some[0].id, some[-1].id)
        wanted = (
            select(days.c.resource_id, days.c.day, days.c.views)
            .join(resources, resources.c.id == days.c.resource_id)
            .where(of_these)
            .order_by(days.c.resource_id, days.c.day)
        )
        found = self._connection.execute(wanted.execution_options(yield_per=1_000))
        trends = {
            number: trend_of(((day, views) for _, day, views in rows), self._told.half_life)
            for number, rows in groupby(found, itemgetter(0))
        }
        none = trend_of((), self._told.half_life)
        return any(
            any(compare("resources", (row.id,), row, trends.get(row.id, none))) for row in some
        )


def _orphans(connection: Connection) -> Iterator[Difference]:
    """Rows of resources that there are not."""
    for table in (versions, viewers, resource_viewers, days, views):
        keys = [table.c.resource_id]
        lost = ~exists().where(resources.c.id == table.c.resource_id)
        found = recount.rows(
            connection, select(*keys, func.count()).where(lost), keys, is_grouped=True
        )
        for (number,), (count,) in found:
            yield Difference(table.name, f"resource {number}", "rows", count, 0)
