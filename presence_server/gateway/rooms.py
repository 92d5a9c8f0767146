"""The rooms that are live: id → room, its way out, and who sits where.

This is the seam behind which rooms may one day span processes: the gateway asks for a room here,
joins, publishes and leaves, and the admin listener gets its four questions answered.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from presence_server.core.close_codes import Close, LeaveReason
from presence_server.core.codec import encode_entries
from presence_server.core.entry import Identity
from presence_server.core.events import Event
from presence_server.core.room import Admission, Room, RoomLimits, Seat
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.ports import Clocks, Listener


class Holder(Protocol):
    """Whoever sits on a seat."""

    def dismiss(self, code: Close, reason: str) -> None:
        """Close the connection, if it is still there, and give up the seat at once."""


class Occupancy(NamedTuple):
    """How many are in a room."""

    room_id: str
    members: int
    connections: int


class LiveRoom:
    """A room and its way out. It lives while any seat is taken."""

    __slots__ = ("_clocks", "_listeners", "_on_empty", "fanout", "room", "room_id")

    def __init__(
        self,
        room_id: str,
        room: Room,
        fanout: Fanout,
        clocks: Clocks,
        listeners: Sequence[Listener],
        on_empty: Callable[["LiveRoom"], None],
    ) -> None:
        self.room_id = room_id
        self.room = room
        self.fanout = fanout
        self._clocks = clocks
        self._listeners = listeners
        self._on_empty = on_empty

    def join(self, holder: Holder, identity: Identity, connection_id: str) -> Admission:
        """Take a seat; the caller dismisses the one replaced, then publishes the events."""
        clocks = self._clocks
        now_ms = round(clocks.wall() * 1000)
        try:
            return self.room.join(holder, identity, connection_id, clocks.monotonic(), now_ms)
        finally:
            self.forget_if_empty()

    def publish(self, events: Sequence[Event]) -> None:
        """Tell the room, then the listeners."""
        if not events:
            return
        self.fanout.publish(events)
        if self._listeners:
            now_ms = round(self._clocks.wall() * 1000)
            for listener in self._listeners:
                listener.on_events(self.room_id, events, now_ms)

    def leave(self, seat: Seat, reason: LeaveReason) -> None:
        """Give up a seat."""
        self.publish(self.room.leave(seat, reason))
        self.forget_if_empty()

    def forget_if_empty(self) -> None:
        """Let go of a room that nobody is in."""
        if self.room.is_empty:
            self.fanout.close()
            self._on_empty(self)


class Rooms:
    """Every live room."""

    def __init__(
        self,
        limits: RoomLimits,
        new_fanout: Callable[[Room], Fanout],
        clocks: Clocks,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._limits = limits
        self._new_fanout = new_fanout
        self._clocks = clocks
        self._listeners = listeners
        self._live: dict[str, LiveRoom] = {}

    def __len__(self) -> int:
        """How many rooms are live."""
        return len(self._live)

    def get(self, room_id: str) -> LiveRoom:
        """The room of this id, made if it isn't live; the caller joins it in the same breath."""
        live = self._live.get(room_id)
        if live is None:
            room = Room(self._limits)
            live = self._live[room_id] = LiveRoom(
                room_id, room, self._new_fanout(room), self._clocks, self._listeners, self._forget
            )
        return live

    def user_count(self) -> int:
        """Members of all rooms, a user in two rooms counted twice."""
        return sum(len(live.room) for live in self._live.values())

    def list(self) -> list[Occupancy]:
        """How many are in each room, by id."""
        return [
            Occupancy(room_id, len(live.room), live.room.connections)
            for room_id, live in sorted(self._live.items())
        ]

    def entries(self, room_id: str) -> bytes | None:
        """The entries of a room as a JSON array, as on the wire; None if it isn't live."""
        live = self._live.get(room_id)
        return None if live is None else encode_entries(live.room.entries())

    def remove_user(self, room_id: str, user_id: str) -> int:
        """Close all of a user's connections in a room with 4410; returns how many there were."""
        live = self._live.get(room_id)
        seats = live.room.seats(user_id) if live else []
        return _dismiss(seats, Close.REMOVED, "removed by an operator")

    def end(self, room_id: str) -> int:
        """Close every connection of a room with 4410; returns how many there were."""
        live = self._live.get(room_id)
        return _dismiss(live.room.seats() if live else [], Close.REMOVED, "the room was ended")

    def drain(self, room_id: str) -> None:
        """Close a room's connections with 1012, all in one turn; nobody is told of the others."""
        live = self._live.get(room_id)
        if live is not None:
            live.fanout.close()
            _dismiss(live.room.seats(), Close.RESTART, "server is restarting")

    def ids(self) -> Sequence[str]:
        """The ids of the live rooms."""
        return [*self._live]

    def _forget(self, live: LiveRoom) -> None:
        self._live.pop(live.room_id, None)


def _dismiss(seats: Iterable[Seat], code: Close, reason: str) -> int:
    count = 0
    for seat in seats:
        holder: Holder = seat.holder  # type: ignore[assignment] # what `join` was given
        holder.dismiss(code, reason)
        count += 1
    return count
