"""Whether the statistics are what the ledger says.

Counted again are all that the ledger still tells of, and what retention moved to the base is taken
from there. A day that it does not tell of any more counts in the sum of its resource.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select, true

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store import differences as must
from presence_server.history.store import recount
from presence_server.history.store.check_sessions import check_sessions
from presence_server.history.store.differences import Difference, compare
from presence_server.history.store.engine import snapshot
from presence_server.history.store.recount import Key, total
from presence_server.history.store.schema import (
    days,
    progress,
    resource_viewers,
    resources,
    rooms,
    tabs,
    versions,
    viewers,
    views,
)

__all__ = ["Difference", "Progress", "check"]

_RESOURCES: Final = 500
_VIEWS: Final = 20_000
"""So many are looked at together, or one resource with more views."""


class Progress(NamedTuple):
    """So many rows of about so many are checked."""

    rows: int
    total: int


def check(connection: Connection, room: str | None = None) -> Iterator[Progress | Difference]:
    """Count again what the statistics say, of a room or all, in one snapshot.

    `connection` is a reader's, without a transaction; the limit on queries does not hold here.
    """
    snapshot(connection)
    theirs = _room(connection, room)
    told = connection.execute(select(progress)).one_or_none()
    if told is None or theirs is None:
        yield Progress(0, 0)
        return
    size = func.count() + func.coalesce(total(resources.c.views - resources.c.base_views), 0)
    done, whole = 0, connection.scalar(select(size).where(theirs)) or 0
    for some in _pages(connection, theirs):
        yield from _Chunk(connection, some, told).differences()
        done += sum(1 + row.views - row.base_views for row in some)
        yield Progress(done, max(done, whole))
    room_id = None if room is None else some_room(connection, room)
    if room_id is None:
        yield from _orphans(connection)
    yield from check_sessions(connection, told.ledger_from, room_id)


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


def some_room(connection: Connection, room: str) -> int | None:
    """The number of a room."""
    return connection.scalar(select(rooms.c.id).where(rooms.c.ref == room))


def _room(connection: Connection, room: str | None) -> ColumnElement[bool] | None:
    if room is None:
        return true()
    number = some_room(connection, room)
    return None if number is None else resources.c.room_id == number


def _pages(connection: Connection, theirs: ColumnElement[bool]) -> Iterator[list[Row[Any]]]:
    """Resources with about as many views in the ledger as are looked at together."""
    last, is_more = 0, True
    while is_more:
        page = select(resources).where(theirs, resources.c.id > last).order_by(resources.c.id)
        found = connection.execute(page.limit(_RESOURCES)).all()
        is_more = len(found) == _RESOURCES
        some: list[Row[Any]] = []
        for row in found:
            some.append(row)
            if sum(of.views - of.base_views for of in some) >= _VIEWS:
                yield some
                some = []
            last = row.id
        if some:
            yield some


class _Chunk:
    """Some resources, and all that hangs on them."""

    def __init__(self, connection: Connection, some: Sequence[Row[Any]], told: Row[Any]) -> None:
        self._connection = connection
        self._some = some
        self._rooms = {row.id: row.room_id for row in some}
        self._told = told

    def differences(self) -> Iterator[Difference]:
        """All of them."""
        yield from self._viewers()
        yield from self._resource_viewers()
        yield from self._versions()
        yield from self._resources()
        yield from self._days()

    def _viewers(self) -> Iterator[Difference]:
        looking = self._looking()
        counted = self._ledger(views.c.version_id, views.c.user_id)
        for key, (row, of) in recount.merged(self._stored(viewers), counted):
            yield from compare("viewers", key, row, must.of_viewer(row, of, looking.pop(key, 0)))
        for key, count in looking.items():
            yield Difference("viewers", f"{key[0]}/{key[1]}", "tabs", 0, count)

    def _resource_viewers(self) -> Iterator[Difference]:
        table = resource_viewers
        counted = self._ledger(views.c.resource_id, views.c.user_id)
        below = self._below(viewers, viewers.c.resource_id, viewers.c.user_id)
        for key, (row, of, under) in recount.merged(self._stored(table), counted, below):
            last_day = 0 if of is None else of.began_at // DAY_MS
            wanted = must.of_resource_viewer(row, of, last_day, under, self._rooms[key[0]])
            yield from compare(table.name, key, row, wanted)

    def _versions(self) -> Iterator[Difference]:
        counted = self._ledger(views.c.version_id)
        below = self._below(viewers, viewers.c.version_id)
        for key, (row, of, under) in recount.merged(self._stored(versions), counted, below):
            yield from compare("versions", key, row, must.of_many(row, of, under))

    def _resources(self) -> Iterator[Difference]:
        counted = self._ledger(views.c.resource_id)
        below = self._below(resource_viewers, resource_viewers.c.resource_id)
        days_of = self._days_of()
        rows = iter([((row.id,), row) for row in self._some])
        for key, (row, of, under) in recount.merged(rows, counted, below):
            daily = days_of.get(key[0], [])
            wanted = must.of_many(row, of, under)
            wanted |= must.trend_of([(day[0], day[1]) for day in daily], self._told.half_life)
            yield from compare("resources", key, row, wanted)
            for at, name in enumerate(("views", "opens", "active_ms"), 1):
                summed = sum(day[at] for day in daily)
                if row is not None and summed != getattr(row, name):
                    yield Difference("days", f"{key[0]}/*", name, summed, getattr(row, name))

    def _days(self) -> Iterator[Difference]:
        """Those of which the ledger tells wholly."""
        first = -(-self._told.ledger_from // DAY_MS)
        counted = recount.ledger_days(
            self._connection, self._of(views) & (views.c.began_at >= first * DAY_MS)
        )
        stored = recount.stored(self._connection, days, self._of(days) & (days.c.day >= first))
        for key, (row, of) in recount.merged(stored, counted):
            yield from compare("days", key, row, must.of_day(of, self._rooms[key[0]]))

    # What they are compared with

    def _of(self, table: Any) -> ColumnElement[bool]:
        theirs: ColumnElement[bool] = table.c.resource_id.in_(self._rooms)
        return theirs

    def _stored(self, table: Any) -> recount.Rows:
        return recount.stored(self._connection, table, self._of(table))

    def _ledger(self, *keys: Any) -> recount.Rows:
        return recount.ledger(self._connection, keys, self._of(views))

    def _below(self, table: Any, *keys: Any) -> recount.Rows:
        """How many rows there are, their views, first and last time."""
        first_at, last_at = func.min(table.c.first_at), func.max(table.c.last_at)
        wanted = select(*keys, func.count(), total(table.c.views), first_at, last_at)
        return recount.rows(self._connection, wanted.where(self._of(table)), keys, is_grouped=True)

    def _looking(self) -> dict[Key, int]:
        """How many tabs of whom look at what now."""
        keys = [tabs.c.version_id, tabs.c.user_id]
        wanted = select(*keys, func.count()).join(versions, versions.c.id == tabs.c.version_id)
        found = recount.rows(
            self._connection, wanted.where(self._of(versions)), keys, is_grouped=True
        )
        return {key: count for key, (count,) in found}

    def _days_of(self) -> dict[int, list[tuple[int, ...]]]:
        keys = [days.c.resource_id, days.c.day]
        wanted = select(*keys, days.c.views, days.c.opens, days.c.active_ms)
        found: dict[int, list[tuple[int, ...]]] = {}
        for (resource_id, day), counts in recount.rows(
            self._connection, wanted.where(self._of(days)), keys
        ):
            found.setdefault(resource_id, []).append((day, *counts))
        return found
