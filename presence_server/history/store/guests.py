"""Pseudonyms of guests: the hex of HMAC-SHA256 under keys that change and are destroyed.

A key is used from a begin of a day or month (UTC, by the time of the facts) to the next.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, func, select

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.schema import guest_keys

Rotation = Literal["day", "month", "off"]

KEPT_MS: Final = 2 * DAY_MS
"""So long after its use ended a key is destroyed."""


class Key(NamedTuple):
    """A row of `guest_keys`."""

    id: int
    secret: bytes
    began_at: int
    ended_at: int | None

    def names(self, user_id: str) -> str:
        """The pseudonym under this key."""
        return hmac.digest(self.secret, user_id.encode(), hashlib.sha256).hex()


class Pseudonyms:
    """What guests are called in the database."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation
        # Of one transaction: what a rollback takes back must not be remembered.
        self._transaction: object = None
        self._keys: list[Key] = []

    def of(self, connection: Connection, user_id: str, at: int) -> str:
        """The pseudonym at the time of a fact, under a new key where the last one's is over."""
        keys = self._living(connection)
        if not keys or self._is_over(keys[-1], at):
            self.end_use(connection, at)
            keys = self._add(connection, at)
        # A fact may be slightly older than one that began a new key.
        fitting = [key for key in keys if key.began_at <= at]
        return (fitting[-1] if fitting else keys[0]).names(user_id)

    def known(self, connection: Connection, user_id: str) -> list[str]:
        """All pseudonyms under keys that still exist."""
        return [key.names(user_id) for key in read_keys(connection)]

    def end_use(self, connection: Connection, now: int) -> None:
        """Say of keys whose day or month is over when that was, guests or none."""
        for key in self._living(connection):
            if key.ended_at is None and self._is_over(key, now):
                at = begin_of_next(self._rotation, key.began_at)
                connection.execute(
                    guest_keys.update().where(guest_keys.c.id == key.id).values(ended_at=at)
                )
        self._forget()

    def destroy_old(self, connection: Connection, now: int) -> int:
        """Destroy the keys whose use ended 48 hours ago; says how many.

        SQLite's log has them until it is truncated, after the commit.
        """
        self.end_use(connection, now)
        is_old = guest_keys.c.ended_at <= now - KEPT_MS
        connection.execute(guest_keys.update().where(is_old).values(secret=bytes(32)))
        self._forget()
        return connection.execute(guest_keys.delete().where(is_old)).rowcount

    def _is_over(self, key: Key, at: int) -> bool:
        if self._rotation == "off":
            return key.ended_at is not None
        return (key.ended_at is not None and key.ended_at <= at) or (
            at >= begin_of_next(self._rotation, key.began_at)
        )

    def _add(self, connection: Connection, at: int) -> list[Key]:
        number = connection.scalar(select(func.coalesce(func.max(guest_keys.c.id), 0)))
        began_at = begin_of(self._rotation, at)
        row = {"id": (number or 0) + 1, "secret": secrets.token_bytes(32), "began_at": began_at}
        connection.execute(guest_keys.insert().values(**row, ended_at=None))
        self._forget()
        return self._living(connection)

    def _living(self, connection: Connection) -> list[Key]:
        transaction = connection.get_transaction()
        if transaction is None or transaction is not self._transaction:
            self._keys = read_keys(connection)
            self._transaction = connection.get_transaction()
        return self._keys

    def _forget(self) -> None:
        self._transaction = None


def read_keys(connection: Connection) -> list[Key]:
    """The keys that still exist, oldest first."""
    rows = connection.execute(select(guest_keys).order_by(guest_keys.c.began_at, guest_keys.c.id))
    return [Key(row.id, row.secret, row.began_at, row.ended_at) for row in rows]


def begin_of(rotation: Rotation, at: int) -> int:
    """When the day or month began that is now; without rotation, now."""
    if rotation == "off":
        return at
    day = at // DAY_MS
    return (day if rotation == "day" else day - _date(day).day + 1) * DAY_MS


def begin_of_next(rotation: Rotation, at: int) -> int:
    """When the next one begins."""
    if rotation == "day":
        return (at // DAY_MS + 1) * DAY_MS
    # No month has more than 31 days, and none fewer than 28.
    first = begin_of("month", at)
    return begin_of("month", first + 31 * DAY_MS)


def _date(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)
