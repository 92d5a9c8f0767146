"""The rows of a database, told by names as the model tells them; and all rows as they are."""

import hashlib
import hmac
from typing import Any

from sqlalchemy import Connection, Engine, select

from presence_server.history.fold.viewings import ENDS
from presence_server.history.store import schema
from presence_server.history.store.schema import metadata
from tests.history.model_parts import Rows

GUESTS = ("g1", "g2", "u1")
"""Ids whose pseudonyms are understood."""


def all_rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the keys of guests."""
    with engine.connect() as connection:
        return {
            name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for name, table in metadata.tables.items()
            if name != "guest_keys"
        }


def named_rows(engine: Engine) -> Rows:
    """The rows by the names of what they are about."""
    with engine.connect() as connection:
        return _Names(connection).rows()


class _Names:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        guests = self._pseudonyms()
        self.rooms = {row.id: row.ref for row in self._all("rooms")}
        self.users = {
            row.id: (self.rooms[row.room_id], guests.get(row.ref, row.ref), row.is_guest)
            for row in self._all("users")
        }
        self.resources = {
            row.id: (self.rooms[row.room_id], row.kind, row.ref) for row in self._all("resources")
        }
        self.versions = {
            row.id: (*self.resources[row.resource_id], row.ref) for row in self._all("versions")
        }
        self.sessions = {
            row.id: (self.rooms[row.room_id], row.opened_at) for row in self._all("sessions")
        }

    def rows(self) -> Rows:
        return {
            **self._statistics(),
            "views": self._views(),
            "tabs": sorted(
                (
                    *(self.rooms[row.room_id], row.tab, self.users[row.user_id]),
                    self.versions.get(row.version_id, ()),
                )
                for row in self._all("tabs")
            ),
            "gaps": sorted((row.since, row.until, row.dropped) for row in self._all("gaps")),
            "sessions": {self.sessions[row.id]: tuple(row)[3:] for row in self._all("sessions")},
            "participants": {
                (*self.sessions[row.session_id], self.users[row.user_id]): tuple(row)[2:]
                for row in self._all("participants")
            },
            "activity": self._trail(),
        }

    def _statistics(self) -> Rows:
        return {
            "viewers": {
                (self.versions[row.version_id], self.users[row.user_id]): (
                    *_counts(row),
                    *(row.first_at, row.last_at, row.view_began_at, row.tabs > 0),
                )
                for row in self._all("viewers")
            },
            "resource_viewers": {
                (self.resources[row.resource_id], self.users[row.user_id]): (
                    *_counts(row),
                    *(row.first_at, row.last_at, row.last_day),
                )
                for row in self._all("resource_viewers")
            },
            "versions": {
                self.versions[row.id]: (*_counts(row), row.uniques, row.first_at, row.last_at)
                for row in self._all("versions")
            },
            "resources": {
                self.resources[row.id]: (
                    *(*_counts(row), row.uniques, row.first_at, row.last_at),
                    round(row.trend, 6),
                )
                for row in self._all("resources")
            },
            "days": {
                (self.resources[row.resource_id], row.day): (*_counts(row), row.uniques)
                for row in self._all("days")
            },
            "room_days": {
                (self.rooms[row.room_id], row.day): (*_counts(row), row.uniques)
                for row in self._all("room_days")
            },
        }

    def _views(self) -> list[tuple[Any, ...]]:
        return sorted(
            (
                *(self.versions[row.version_id], self.users[row.user_id], row.began_at),
                *(row.ended_at, row.since, row.opens, row.active_ms),
                "" if row.ended_by is None else ENDS[row.ended_by],
            )
            for row in self._all("views")
        )

    def _trail(self) -> dict[str, list[tuple[Any, ...]]]:
        trail: dict[str, list[tuple[Any, ...]]] = {}
        for row in sorted(self._all("activity"), key=lambda row: row.id):
            room = self.rooms[row.room_id]
            opened = self.sessions[row.session_id][1] if row.session_id else 0
            user = self.users[row.user_id] if row.user_id else ()
            line = (room, opened, row.at, row.what, user, row.detail or "")
            trail.setdefault(room, []).append(line)
        return trail

    def _pseudonyms(self) -> dict[str, str]:
        """`id@begin` of each that is understood, by the pseudonym under the key that began then."""
        return {
            hmac.digest(row.secret, guest.encode(), hashlib.sha256).hex(): f"{guest}@{row.began_at}"
            for row in self._all("guest_keys")
            for guest in GUESTS
        }

    def _all(self, name: str) -> list[Any]:
        return [*self._connection.execute(select(schema.metadata.tables[name]))]


def _counts(row: Any) -> tuple[int, int, int]:
    return (row.views, row.opens, row.active_ms)
