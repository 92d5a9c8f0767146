"""Which tables the fold keeps on its desk: their rows and their keys there."""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Table

from presence_server.history.fold import rows
from presence_server.history.fold.desk import Desk, Shelf
from presence_server.history.store import schema


class Kept(NamedTuple):
    """A table, the rows of which lie on a shelf of the same name."""

    table: Table
    row: type[msgspec.Struct]
    key: Callable[[Sequence[Any]], Any]

    def shelf(self, desk: Desk) -> Shelf[Any]:
        """Where its rows lie."""
        shelf: Shelf[Any] = getattr(desk, self.table.name)
        return shelf

    def load(self, desk: Desk, found: Iterable[tuple[Any, ...]]) -> None:
        """Put rows of the database there, but for those that are there already."""
        shelf = self.shelf(desk)
        for row in found:
            key = self.key(row)
            if key not in shelf:
                shelf.load(key, self.row(*row), row)


def _kept(table: Table, row: type[msgspec.Struct], *key: str) -> Kept:
    """`key` is its primary key unless less is enough."""
    names, columns = key or table.primary_key.columns.keys(), table.c.keys()
    return Kept(table, row, itemgetter(*(columns.index(name) for name in names)))


RESOURCES: Final = _kept(schema.resources, rows.Resource)
VERSIONS: Final = _kept(schema.versions, rows.Version)
VIEWERS: Final = _kept(schema.viewers, rows.Viewer)
RESOURCE_VIEWERS: Final = _kept(schema.resource_viewers, rows.ResourceViewer)
DAYS: Final = _kept(schema.days, rows.Day)
ROOM_DAYS: Final = _kept(schema.room_days, rows.RoomDay)
VIEWS: Final = _kept(schema.views, rows.View, "id")
TABS: Final = _kept(schema.tabs, rows.Tab)
SESSIONS: Final = _kept(schema.sessions, rows.Session)
PARTICIPANTS: Final = _kept(schema.participants, rows.Participant)

ALL: Final = (
    *(RESOURCES, VERSIONS, VIEWERS, RESOURCE_VIEWERS, DAYS, ROOM_DAYS),
    *(VIEWS, TABS, SESSIONS, PARTICIPANTS),
)
