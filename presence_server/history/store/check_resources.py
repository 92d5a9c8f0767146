"""What exactly is amiss with some resources: each row is counted again, and laid beside the rows
of its ledger and below it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from presence_server.history.fold.rules import DAY_MS, first_whole_day
from presence_server.history.store import differences as must
from presence_server.history.store import recount
from presence_server.history.store.differences import Difference, compare
from presence_server.history.store.recount import Key, total
from presence_server.history.store.schema import (
    COUNTS,
    days,
    resource_viewers,
    tabs,
    versions,
    viewers,
    views,
)


class Resources:
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
            for at, name in enumerate(COUNTS, 1):
                summed = sum(day[at] for day in daily)
                if row is not None and summed != getattr(row, name):
                    yield Difference("days", f"{key[0]}/*", name, summed, getattr(row, name))

    def _days(self) -> Iterator[Difference]:
        """Those of which the ledger tells wholly."""
        first = first_whole_day(self._told.ledger_from)
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
