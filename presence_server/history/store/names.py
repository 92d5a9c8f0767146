"""The rows that facts name: rooms, users, resources and versions, found or newly numbered."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection, Table, select

from presence_server.history.facts import AnyFact, Ended, Moved, Opened, Refused, Removed
from presence_server.history.fold.desk import Desk
from presence_server.history.fold.meaning import Holder, Tabs
from presence_server.history.fold.rows import Resource, Tab, Version
from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store import kept, schema
from presence_server.history.store.bulk import add
from presence_server.history.store.guests import Pseudonyms
from presence_server.history.store.keys import Key, Lookup

_OF_TABS: Final = (Opened, Moved, Ended)


def _by(table: Table, *names: str) -> Lookup:
    """By the columns that follow the number."""
    return Lookup(select(table), table, *(table.c[name] for name in names))


_ROOMS: Final = _by(schema.rooms, "ref")
_USERS: Final = _by(schema.users, "room_id", "ref", "is_guest")
_RESOURCES: Final = _by(schema.resources, "room_id", "kind", "ref")
_VERSIONS: Final = _by(schema.versions, "resource_id", "ref")
_TABS: Final = Lookup(
    select(*schema.tabs.c, schema.users.c.ref, schema.users.c.is_guest),
    schema.tabs.outerjoin(schema.users, schema.users.c.id == schema.tabs.c.user_id),
    *(schema.tabs.c.room_id, schema.tabs.c.tab),
)


class Index:
    """The numbers of a table's rows by their key: found, or given in the order of asking. The rows
    that are found are `load`ed too.
    """

    def __init__(
        self,
        connection: Connection,
        lookup: Lookup,
        load: Callable[[Sequence[Key]], None] | None = None,
    ) -> None:
        self.new: list[tuple[int, Key]] = []
        self._connection = connection
        self._lookup = lookup
        self._load = load
        self._found: dict[Key, int | None] = {}

    def find(self, keys: Iterable[Key]) -> None:
        """Look for rows that were not looked for yet."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._found]
        self._found |= dict.fromkeys(wanted)
        rows = self._lookup(self._connection, wanted)
        self._found |= {row[1 : 1 + self._lookup.width]: row[0] for row in rows}
        if self._load is not None:
            self._load(rows)

    def get(self, key: Key) -> int | None:
        """The number of a row, if there is one."""
        if key not in self._found:
            self.find([key])
        return self._found[key]

    def number(self, key: Key, new: Callable[[], int], *, is_unknown: bool = False) -> int:
        """The number of a row; a `new` one if there is none, as is certain of one `is_unknown`."""
        number = self._found.get(key) if is_unknown else self.get(key)
        if number is None:
            number = self._found[key] = new()
            self.new.append((number, key))
        return number


class Book:
    """Names the rows of one fold; `fold/meaning` asks it. `find`, ask, then `write`."""

    def __init__(self, connection: Connection, desk: Desk, guests: Pseudonyms) -> None:
        self.tabs: Tabs = {}
        self._connection = connection
        self._desk = desk
        self._guests = guests
        self._last_resource = desk.numbers.resources
        self._pseudonyms: dict[tuple[str, int], str] = {}
        self._rooms = Index(connection, _ROOMS)
        self._users = Index(connection, _USERS)
        self._resources = Index(connection, _RESOURCES, partial(kept.RESOURCES.load, desk))
        self._versions = Index(connection, _VERSIONS, partial(kept.VERSIONS.load, desk))

    # The names of `fold/meaning`

    def room(self, ref: str) -> int:
        """A room."""
        return self._rooms.number((ref,), lambda: self._desk.numbers.next("rooms"))

    def user(self, room: int, user: str, is_guest: bool, at: int) -> int:
        """A user; a guest is the pseudonym of now."""
        key = self._user_key(room, user, is_guest, at)
        return self._users.number(key, lambda: self._desk.numbers.next("users"))

    def known(self, room: int, user: str) -> tuple[int, ...]:
        """Users of this id, or guests who may have it; no new ones."""
        guests = self._guests.known(self._connection, user)
        keys: list[Key] = [(room, user, False), *((room, guest, True) for guest in guests)]
        found = (self._users.get(key) for key in keys)
        return tuple(number for number in found if number is not None)

    def version(self, room: int, kind: str, ref: str, version: str) -> int:
        """A version of a resource."""
        resource = self._resources.number((room, kind, ref), self._new_resource(room, kind, ref))
        key = resource, version
        is_unknown = resource > self._last_resource
        return self._versions.number(key, self._new_version(*key), is_unknown=is_unknown)

    # Before and after

    def find(self, facts: Collection[AnyFact]) -> None:
        """Look for all that the facts are likely to name, and for their tabs."""
        self._rooms.find((fact.room,) for fact in facts)
        known = [(self.room(fact.room), fact) for fact in facts]
        self._find_tabs({(room, fact.tab) for room, fact in known if isinstance(fact, _OF_TABS)})
        self._users.find(self._users_of(known))
        looks = [(room, fact) for room, fact in known if isinstance(fact, Moved) and fact.kind]
        self._resources.find((room, fact.kind, fact.id) for room, fact in looks)
        found = ((self._resources.get((room, fact.kind, fact.id)), fact) for room, fact in looks)
        self._versions.find((number, fact.version or "") for number, fact in found if number)

    def write(self) -> None:
        """Insert new rooms and users; resources and versions are on the desk with their counts."""
        for table, index in ((schema.rooms, self._rooms), (schema.users, self._users)):
            add(self._connection, table, [(number, *key) for number, key in index.new])

    # The rest is how

    def _find_tabs(self, keys: Collection[Key]) -> None:
        for *values, ref, is_guest in _TABS(self._connection, keys):
            tab = Tab(*values)
            self._desk.tabs.load((tab.room_id, tab.tab), tab, tuple(values))
            self.tabs[tab.room_id, tab.tab] = Holder(tab.user_id, ref, bool(is_guest))

    def _users_of(self, known: Iterable[tuple[int, AnyFact]]) -> Iterator[Key]:
        """All but those of tabs whose users are known. Guests are named in the order of time, as
        keys change with it: so it matters who holds a tab after each fact.
        """
        held = {key: holder.is_guest for key, holder in self.tabs.items()}
        for room, fact in known:
            match fact:
                case Ended():
                    held.pop((room, fact.tab), None)
                case Moved() if held.get((room, fact.tab)) is fact.is_guest:
                    pass
                case Opened() | Moved():
                    held[room, fact.tab] = fact.is_guest
                    yield self._user_key(room, fact.user, fact.is_guest, fact.at)
                case Refused():
                    yield self._user_key(room, fact.user, fact.is_guest, fact.at)
                case Removed(is_guest=bool(is_guest)):
                    yield self._user_key(room, fact.user, is_guest, fact.at)

    def _user_key(self, room: int, user: str, is_guest: bool, at: int) -> Key:
        return room, self._pseudonym(user, at) if is_guest else user, is_guest

    def _pseudonym(self, user: str, at: int) -> str:
        """Keys change at the begin of a day at the soonest."""
        key = user, at // DAY_MS
        if key not in self._pseudonyms:
            self._pseudonyms[key] = self._guests.of(self._connection, user, at)
        return self._pseudonyms[key]

    def _new_resource(self, room: int, kind: str, ref: str) -> Callable[[], int]:
        def new() -> int:
            number = self._desk.numbers.next("resources")
            self._desk.resources[number] = Resource(number, room, kind, ref)
            return number

        return new

    def _new_version(self, resource: int, ref: str) -> Callable[[], int]:
        def new() -> int:
            number = self._desk.numbers.next("versions")
            self._desk.versions[number] = Version(number, resource, ref)
            return number

        return new
