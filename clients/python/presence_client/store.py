"""What the client knows of the room: a pure reducer.

No asyncio, no clock, no I/O: time comes in as an argument. Everything that decides whether an event
counts is here and nowhere else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from presence_client.changes import (
    Change,
    Changed,
    Counted,
    CursorMoved,
    Entry,
    Joined,
    Left,
    Reset,
)

RESYNC_AGAIN_S: Final = 5.0

Message = Mapping[str, Any]


class PresenceStore:
    """The members of one room, kept in order by `seq`.

    Give it every message from the server. While `resync_at` is not None you must ask `due(now)` at
    that time, and send a `resync` where it says so.

    The map outlives a connection. A snapshot replaces it whole; between a welcome, or a gap, and
    the snapshot that follows, room events are ignored.
    """

    def __init__(self) -> None:
        self._members: dict[str, Entry] = {}
        self._seq: int | None = None
        self._live = False
        self._resync_at: float | None = None
        self._occupancy: int | None = None
        self.members: Final[Mapping[str, Entry]] = MappingProxyType(self._members)

    @property
    def seq(self) -> int | None:
        """The number of the last event that the map includes; None before the first snapshot."""
        return self._seq

    @property
    def occupancy(self) -> int | None:
        """How many users are here, as a connection hears that counts them; None before it has."""
        return self._occupancy

    @property
    def resync_at(self) -> float | None:
        """When a `resync` is due, or None while none is wanted."""
        return self._resync_at

    def due(self, now: float) -> bool:
        """Whether a `resync` is due. Told so you must send it: the next is due in 5 s."""
        if self._resync_at is None or now < self._resync_at:
            return False
        self._resync_at = now + RESYNC_AGAIN_S
        return True

    def receive(self, message: Message, now: float) -> Change | None:
        """Take in one message; return what it changed, if anything.

        Messages of unknown types and malformed ones change nothing. A malformed event does not
        advance `seq` either: the next one is a gap, and the snapshot mends both.
        """
        match message.get("type"):
            case "welcome":
                self._await_snapshot()
            case "presence_snapshot":
                return self._replace(message)
            case "user_joined" | "presence_changed" | "user_left":
                return self._take_numbered(message, now)
            case "cursor_changed":
                return self._move_cursor(message)
            case "occupancy":
                return self._count(message)
        return None

    def _await_snapshot(self) -> None:
        self._live = False
        self._resync_at = None

    def _replace(self, message: Message) -> Change | None:
        users, seq = message.get("users"), message.get("seq")
        if not isinstance(users, list) or not isinstance(seq, int):
            return None
        self._members.clear()
        self._members.update({user_id: entry for entry in users if (user_id := _user_id(entry))})
        self._seq = seq
        self._live = True
        self._resync_at = None
        return Reset(dict(self._members))

    def _take_numbered(self, message: Message, now: float) -> Change | None:
        seq, user_id = message.get("seq"), _user_id(message)
        if not self._live or self._seq is None or not isinstance(seq, int) or seq <= self._seq:
            return None
        if seq > self._seq + 1:
            self._live = False
            self._resync_at = now
            return None
        if user_id is None:
            return None
        self._seq = seq
        return self._apply(user_id, message)

    def _apply(self, user_id: str, message: Message) -> Change | None:
        if message["type"] == "user_left":
            known = self._members.pop(user_id, None) is not None
            return Left(user_id, str(message.get("reason"))) if known else None
        entry = {key: value for key, value in message.items() if key not in ("type", "seq")}
        self._members[user_id] = entry
        kind = Joined if message["type"] == "user_joined" else Changed
        return kind(user_id, entry)

    def _move_cursor(self, message: Message) -> Change | None:
        user_id, cursor = _user_id(message), message.get("cursor")
        if not self._live or user_id is None or user_id not in self._members:
            return None
        entry = dict(self._members[user_id])
        if isinstance(cursor, dict):
            entry["cursor"] = cursor
        elif cursor is None:
            entry.pop("cursor", None)
        else:
            return None
        self._members[user_id] = entry
        return CursorMoved(user_id, cursor)

    def _count(self, message: Message) -> Change | None:
        members = message.get("members")
        if type(members) is not int or members == self._occupancy:
            return None
        self._occupancy = members
        return Counted(members)


def _user_id(message: object) -> str | None:
    """The user that an entry or event is about; None where there is none to speak of."""
    user_id = message.get("userId") if isinstance(message, Mapping) else None
    return user_id if isinstance(user_id, str) and user_id else None
