"""The rows that a fold needs, loaded before it and compared after it."""

from itertools import compress, count
from operator import ne
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec.structs import astuple

from presence_server.history.fold.rows import (
    Activity,
    Day,
    Participant,
    Resource,
    ResourceViewer,
    RoomDay,
    Session,
    Tab,
    Version,
    View,
    Viewer,
)

Kept = TypeVar("Kept", bound=msgspec.Struct)
Values = tuple[Any, ...]


class Changes(NamedTuple):
    """What became of the rows of a table; those that changed by the columns that did."""

    new: list[Values]
    changed: dict[tuple[int, ...], list[Values]]
    gone: list[Any]


class Shelf(dict[Any, Kept], Generic[Kept]):
    """Rows of one table by their key. It must hold every row that a fold may ask for."""

    def __init__(self) -> None:
        super().__init__()
        self._loaded: dict[Any, Values] = {}

    def load(self, key: Any, row: Kept, values: Values) -> None:
        """Put a row there as the database has it: `values` are its own."""
        self[key] = row
        self._loaded[key] = values

    def changes(self) -> Changes:
        """What differs from what was loaded, in the order in which the rows came."""
        new: list[Values] = []
        changed: dict[tuple[int, ...], list[Values]] = {}
        for key, row in self.items():
            values = astuple(row)
            before = self._loaded.get(key)
            if before is None:
                new.append(values)
            elif values != before:
                columns = tuple(compress(count(), map(ne, before, values)))
                changed.setdefault(columns, []).append(values)
        return Changes(new, changed, [key for key in self._loaded if key not in self])


class Numbers(msgspec.Struct):
    """The last numbers that rows got."""

    rooms: int = 0
    users: int = 0
    resources: int = 0
    versions: int = 0
    sessions: int = 0
    activity: int = 0
    gaps: int = 0
    views: int = 0

    def next(self, name: str) -> int:
        """The number of another row."""
        number: int = getattr(self, name) + 1
        setattr(self, name, number)
        return number


class Desk:
    """The working set of one fold. `live` are the sessions that are not closed, by room; `came`
    says which users began a viewing on which day.
    """

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.tabs: Shelf[Tab] = Shelf()
        self.resources: Shelf[Resource] = Shelf()
        self.versions: Shelf[Version] = Shelf()
        self.viewers: Shelf[Viewer] = Shelf()
        self.resource_viewers: Shelf[ResourceViewer] = Shelf()
        self.days: Shelf[Day] = Shelf()
        self.room_days: Shelf[RoomDay] = Shelf()
        self.views: Shelf[View] = Shelf()
        self.sessions: Shelf[Session] = Shelf()
        self.participants: Shelf[Participant] = Shelf()
        self.live: dict[int, Session] = {}
        self.came: set[tuple[int, int]] = set()
        self.trail: list[Activity] = []

    def say(
        self, at: int, room: int, what: str, user: int | None = None, detail: str | None = None
    ) -> None:
        """Write a line of the trail, into the room's session if it has one."""
        session = self.live.get(room)
        line = self.numbers.next("activity")
        number = None if session is None else session.id
        self.trail.append(Activity(line, at, room, number, user, what, detail))
