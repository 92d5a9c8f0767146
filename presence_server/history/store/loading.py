"""Loading a desk: every row that a fold of given steps may touch, and all that is due by time."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select

from presence_server.history.fold.desk import Desk, Numbers
from presence_server.history.fold.rules import DAY_MS, DEBOUNCE_MS
from presence_server.history.fold.steps import Look, Step, about
from presence_server.history.store import kept, schema
from presence_server.history.store.kept import Kept
from presence_server.history.store.keys import Key, Lookup


def _by(what: Kept, *names: str, of: ColumnElement[bool] | None = None) -> Lookup:
    columns = (what.table.c[name] for name in names)
    return Lookup(select(what.table), what.table, *columns, of=of)


_IS_LIVE: Final = schema.sessions.c.closed_at.is_(None)

# SQLite uses the partial index only if the condition's 0 stands in the text.
_DUE_VIEWERS: Final = select(schema.viewers).where(
    schema.viewers.c.tabs > literal_column("0"),
    schema.viewers.c.view_began_at <= bindparam("until"),
)
_DUE_SESSIONS: Final = select(schema.sessions).where(
    _IS_LIVE, schema.sessions.c.empty_since < bindparam("until")
)

_VIEWERS: Final = _by(kept.VIEWERS, "version_id", "user_id")
_VERSIONS: Final = _by(kept.VERSIONS, "id")
_RESOURCES: Final = _by(kept.RESOURCES, "id")
_RESOURCE_VIEWERS: Final = _by(kept.RESOURCE_VIEWERS, "resource_id", "user_id")
_VIEWS: Final = _by(kept.VIEWS, "began_at", "id")
_DAYS: Final = _by(kept.DAYS, "resource_id", of=schema.days.c.day >= bindparam("first"))
_ROOM_DAYS: Final = _by(kept.ROOM_DAYS, "room_id", of=schema.room_days.c.day >= bindparam("first"))
_SESSIONS: Final = _by(kept.SESSIONS, "room_id", of=_IS_LIVE)
_PARTICIPANTS: Final = _by(kept.PARTICIPANTS, "session_id", "user_id")

# One step in an index for each user, which PostgreSQL does not turn into a join with the whole day.
_VIEWING: Final = (
    select(schema.views.c.user_id)
    .where(
        schema.views.c.user_id == schema.users.c.id,
        schema.views.c.began_at >= bindparam("begin"),
        schema.views.c.began_at < bindparam("end"),
    )
    .limit(1)
    .scalar_subquery()
)
_CAME: Final = Lookup(select(_VIEWING), schema.users, schema.users.c.id)


class Loader:
    """Fills a desk. The tabs of the steps lie there, and resources and versions that are new: those
    have numbers greater than `before`, and are not looked for.
    """

    def __init__(self, connection: Connection, desk: Desk, idle_ms: int, before: Numbers) -> None:
        self._connection = connection
        self._desk = desk
        self._idle_ms = idle_ms
        self._before = before
        self._wanted: set[Key] = set()

    def load(self, steps: Collection[Step], since: int, until: int) -> None:
        """Load what steps from `since` on touch, and what is due `until` then."""
        self._load_viewers(steps, until)
        self._load_viewed()
        self._forget_deleted()
        self._load_views(since)
        self._load_who_came(steps, until)
        self._load_sessions({step.room for step in steps}, until)
        self._load_participants(steps)

    def _load_viewers(self, steps: Iterable[Step], until: int) -> None:
        due = self._connection.execute(_DUE_VIEWERS, {"until": until - DAY_MS})
        kept.VIEWERS.load(self._desk, map(tuple, due))
        keys = {(tab.version_id, tab.user_id) for tab in self._desk.tabs.values()}
        keys |= {(step.version, step.user) for step in steps if isinstance(step, Look)}
        self._wanted = {key for key in keys if key[0] is not None}
        wanted = self._may_be(self._wanted - {*self._desk.viewers}, self._before.versions)
        self._load(kept.VIEWERS, _VIEWERS, wanted)

    def _load_viewed(self) -> None:
        """The versions and resources that are looked at, and what the viewers did there."""
        desk = self._desk
        versions = {(version,) for version, _ in (*self._wanted, *desk.viewers)}
        known = {(number,) for number in desk.versions}
        self._load(kept.VERSIONS, _VERSIONS, versions - known)
        resources = {version.resource_id for version in desk.versions.values()}
        unknown = {(number,) for number in resources - {*desk.resources}}
        self._load(kept.RESOURCES, _RESOURCES, unknown)
        pairs = {(viewer.resource_id, viewer.user_id) for viewer in desk.viewers.values()}
        for version, user in self._wanted:
            if version in desk.versions:
                pairs.add((desk.versions[version].resource_id, user))
        wanted = self._may_be(pairs, self._before.resources)
        self._load(kept.RESOURCE_VIEWERS, _RESOURCE_VIEWERS, wanted)

    def _forget_deleted(self) -> None:
        """A tab may look at what was deleted meanwhile."""
        for tab in self._desk.tabs.values():
            viewer = self._desk.viewers.get((tab.version_id, tab.user_id))
            if viewer is None or viewer.tabs == 0:
                tab.version_id = None

    def _load_views(self, since: int) -> None:
        """Those that are open or may go on, and the days on which they and new ones begin."""
        desk = self._desk
        viewers = [
            viewer
            for viewer in desk.viewers.values()
            if viewer.tabs > 0 or viewer.last_at >= since - DEBOUNCE_MS
        ]
        keys = {(viewer.view_began_at, viewer.view_id) for viewer in viewers}
        self._load(kept.VIEWS, _VIEWS, keys)
        first = min((since, *(view.began_at for view in desk.views.values()))) // DAY_MS
        resources = {(number,) for number in desk.resources if number <= self._before.resources}
        self._load(kept.DAYS, _DAYS, resources, first=first)
        rooms = {(resource.room_id,) for resource in desk.resources.values()}
        self._load(kept.ROOM_DAYS, _ROOM_DAYS, rooms, first=first)

    def _load_who_came(self, steps: Iterable[Step], until: int) -> None:
        """Who of those that may begin a viewing on a day began another on it."""
        came = self._desk.came
        came |= {(mine.user_id, mine.last_day) for mine in self._desk.resource_viewers.values()}
        users_of: dict[int, list[Key]] = {}
        for user, day in self._may_begin(steps, until) - came:
            users_of.setdefault(day, []).append((user,))
        for day, users in users_of.items():
            span = {"begin": day * DAY_MS, "end": (day + 1) * DAY_MS}
            found = _CAME(self._connection, users, **span)
            came |= {(row[0], day) for row in found}

    def _may_begin(self, steps: Iterable[Step], until: int) -> set[Key]:
        """Users, and days on which a viewing of theirs may begin."""
        found: set[Key] = set()
        for step in steps:
            if isinstance(step, Look) and step.version is not None:
                found |= _days_of(step.user, step.at, until)
        for viewer in self._desk.viewers.values():
            if viewer.tabs > 0:
                found |= _days_of(viewer.user_id, viewer.view_began_at + DAY_MS, until)
        for mine in self._desk.resource_viewers.values():
            if mine.last_at > until:  # a clock went back: none begins before the last one
                found |= _days_of(mine.user_id, mine.last_at, mine.last_at)
        return found

    def _load_sessions(self, rooms: set[int], until: int) -> None:
        desk = self._desk
        due = self._connection.execute(_DUE_SESSIONS, {"until": until - self._idle_ms})
        kept.SESSIONS.load(desk, map(tuple, due))
        rooms |= {resource.room_id for resource in desk.resources.values()}
        self._load(kept.SESSIONS, _SESSIONS, {(room,) for room in rooms})
        desk.live |= {session.room_id: session for session in desk.sessions.values()}

    def _load_participants(self, steps: Iterable[Step]) -> None:
        live = self._desk.live
        keys: set[Key] = set()
        for step in steps:
            if step.room in live:
                keys |= {(live[step.room].id, user) for user in about(step)}
        wanted = self._may_be(keys, self._before.sessions)
        self._load(kept.PARTICIPANTS, _PARTICIPANTS, wanted)

    def _may_be(self, keys: Iterable[Key], last: int) -> list[Key]:
        """Those with a user, and a first number up to the `last`, that were there before."""
        users = self._before.users
        return [key for key in keys if key[0] <= last and key[1] <= users]

    def _load(self, what: Kept, lookup: Lookup, keys: Collection[Key], **parameters: int) -> None:
        what.load(self._desk, lookup(self._connection, keys, **parameters))


def _days_of(user: int, begin: int, end: int) -> set[Key]:
    """The user with each day from one time to another."""
    return {(user, day) for day in range(begin // DAY_MS, end // DAY_MS + 1)}
