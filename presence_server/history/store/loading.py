"""Loading a desk: every row that a fold of given steps may touch, and all that is due by time."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select

from presence_server.history.fold.desk import Desk
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
_SESSIONS: Final = _by(kept.SESSIONS, "room_id", of=_IS_LIVE)
_PARTICIPANTS: Final = _by(kept.PARTICIPANTS, "session_id", "user_id")


class Loader:
    """Fills a desk. The tabs of the steps lie there, and resources and versions that are new."""

    def __init__(self, connection: Connection, desk: Desk, idle_ms: int) -> None:
        self._connection = connection
        self._desk = desk
        self._idle_ms = idle_ms
        self._wanted: set[Key] = set()

    def load(self, steps: Collection[Step], since: int, until: int) -> None:
        """Load what steps from `since` on touch, and what is due `until` then."""
        self._load_viewers(steps, until)
        self._load_viewed()
        self._forget_deleted()
        self._load_views(since)
        self._load_sessions({step.room for step in steps}, until)
        self._load_participants(steps)

    def _load_viewers(self, steps: Iterable[Step], until: int) -> None:
        due = self._connection.execute(_DUE_VIEWERS, {"until": until - DAY_MS})
        kept.VIEWERS.load(self._desk, due.all())
        keys = {(tab.version_id, tab.user_id) for tab in self._desk.tabs.values()}
        keys |= {(step.version, step.user) for step in steps if isinstance(step, Look)}
        self._wanted = {key for key in keys if key[0] is not None}
        self._load(kept.VIEWERS, _VIEWERS, self._wanted - {*self._desk.viewers})

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
        self._load(kept.RESOURCE_VIEWERS, _RESOURCE_VIEWERS, pairs)

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
        resources = {(number,) for number in desk.resources}
        self._load(kept.DAYS, _DAYS, resources, first=first)

    def _load_sessions(self, rooms: set[int], until: int) -> None:
        desk = self._desk
        due = self._connection.execute(_DUE_SESSIONS, {"until": until - self._idle_ms})
        kept.SESSIONS.load(desk, due.all())
        rooms |= {resource.room_id for resource in desk.resources.values()}
        self._load(kept.SESSIONS, _SESSIONS, {(room,) for room in rooms})
        desk.live |= {session.room_id: session for session in desk.sessions.values()}

    def _load_participants(self, steps: Iterable[Step]) -> None:
        live = self._desk.live
        keys: set[Key] = set()
        for step in steps:
            if step.room in live:
                keys |= {(live[step.room].id, user) for user in about(step)}
        self._load(kept.PARTICIPANTS, _PARTICIPANTS, keys)

    def _load(self, what: Kept, lookup: Lookup, keys: Collection[Key], **parameters: int) -> None:
        what.load(self._desk, lookup(self._connection, keys, **parameters))
