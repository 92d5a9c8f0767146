"""The rooms that are live: id → room, its way out, and who sits where.

This is the seam behind which rooms may one day span processes: the gateway asks for a room here,
joins, publishes and leaves; the admin listener asks who is where, and removes. So what was removed
is remembered here too.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from presence_server.core.claims import Claims
from presence_server.core.clocks import Clocks
from presence_server.core.close_codes import Close, EndReason
from presence_server.core.codec import encode_entries
from presence_server.core.entry import Identity
from presence_server.core.events import EntryRefused, Event, RoomEnded, UserRemoved
from presence_server.core.removals import Removals
from presence_server.core.room import Admission, Room, RoomLimits
from presence_server.core.seats import Seat, Tab
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.ports import Listener

REMOVED: Final = "removed by an operator"


class Holder(Protocol):
    """Whoever sits on a seat."""

    def dismiss(self, code: Close, reason: str) -> None:
        """Close the connection, if it is still there, and give up the seat at once."""


class Occupancy(NamedTuple):
    """How many are in a room."""

    room_id: str
    members: int
    connections: int


class Whereabouts(NamedTuple):
    """A user in a room: the entry is JSON as on the wire, None if the user only observes."""

    room_id: str
    connections: int
    entry: bytes | None


class Census:
    """How many seats each user has, in all rooms together."""

    __slots__ = ("_users",)

    def __init__(self) -> None:
        self._users: dict[str, int] = {}

    def __len__(self) -> int:
        """How many users there are: never more than connections."""
        return len(self._users)

    def of(self, user_id: str) -> int:
        """How many seats a user has."""
        return self._users.get(user_id, 0)

    def add(self, user_id: str) -> None:
        """Count a seat that was taken."""
        self._users[user_id] = self._users.get(user_id, 0) + 1

    def remove(self, user_id: str) -> None:
        """Count it no more."""
        self._users[user_id] -= 1
        if not self._users[user_id]:
            del self._users[user_id]


class LiveRoom:
    """A room and its way out. It lives while any seat is taken."""

    __slots__ = (
        "_census",
        "_clocks",
        "_on_empty",
        "_removals",
        "_tell",
        "fanout",
        "room",
        "room_id",
    )

    def __init__(
        self,
        room_id: str,
        room: Room,
        fanout: Fanout,
        clocks: Clocks,
        tell: Callable[[str, Sequence[Event]], None],
        census: "Census",
        removals: Removals,
        on_empty: Callable[["LiveRoom"], None],
    ) -> None:
        self.room_id = room_id
        self.room = room
        self.fanout = fanout
        self._clocks = clocks
        self._tell = tell
        self._census = census
        self._removals = removals
        self._on_empty = on_empty

    def join(self, holder: Holder, identity: Identity, connection_id: str) -> Admission:
        """Take a seat; the caller dismisses the one replaced, then publishes the events."""
        clocks = self._clocks
        now_ms = round(clocks.wall() * 1000)
        try:
            seat = self.room.join(holder, identity, connection_id, clocks.monotonic(), now_ms)
        finally:
            self.forget_if_empty()
        self._census.add(identity.user_id)
        return seat

    def publish(self, events: Sequence[Event]) -> None:
        """Tell the room, then the listeners."""
        if not events:
            return
        self.fanout.publish(events)
        self._tell(self.room_id, events)

    def leave(self, seat: Seat, reason: EndReason) -> None:
        """Give up a seat; call it once for each that was taken, also if another replaced it."""
        self._census.remove(seat.identity.user_id)
        self.publish(self.room.leave(seat, reason))
        self.forget_if_empty()

    def refuses(self, claims: Claims) -> bool:
        """Whether the token is from before its user was removed, or the room ended."""
        return self._removals.refuses(self.room_id, claims.identity.user_id, claims.issued_at)

    def silence(self) -> None:
        """Tell nobody anything any more: all are about to be closed."""
        self.fanout.close()

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
        self.census = Census()
        self.removals = Removals()

    def __len__(self) -> int:
        """How many rooms are live."""
        return len(self._live)

    def get(self, room_id: str) -> LiveRoom:
        """The room of this id, made if it isn't live; the caller joins it in the same breath."""
        live = self._live.get(room_id)
        if live is None:
            room = Room(self._limits)
            live = self._live[room_id] = LiveRoom(
                room_id,
                room,
                self._new_fanout(room),
                self._clocks,
                self.tell,
                self.census,
                self.removals,
                self._forget,
            )
        return live

    def limit(self, limits: RoomLimits) -> None:
        """Let other limits hold from now on; who is in stays."""
        self._limits = limits
        for live in self._live.values():
            live.room.limits = limits

    def user_count(self) -> int:
        """Members of all rooms, a user in two rooms counted twice."""
        return sum(len(live.room) for live in self._live.values())

    def list(self) -> Sequence[Occupancy]:
        """How many are in each room, by id."""
        return self.count(sorted(self._live))

    def count(self, room_ids: Iterable[str]) -> Sequence[Occupancy]:
        """How many are in each of these rooms, in this order."""
        return [self._occupancy(room_id) for room_id in room_ids]

    def largest(self, most: int, covers: Callable[[str], bool]) -> Sequence[Occupancy]:
        """How many are in those with the most connections, of the rooms that it `covers`."""
        found = (live for live in self._live.values() if covers(live.room_id))
        largest = heapq.nlargest(most, found, key=lambda live: live.room.connections)
        return self.count(live.room_id for live in largest)

    def entries(self, room_id: str) -> bytes | None:
        """The entries of a room as a JSON array, as on the wire; None if it isn't live."""
        live = self._live.get(room_id)
        return None if live is None else encode_entries(live.room.entries())

    def find(self, user_id: str) -> Sequence[Whereabouts]:
        """The rooms that a user is in, or observes, by id."""
        found = sorted(self._seats_of(user_id), key=lambda one: one[0].room_id)
        return [Whereabouts(live.room_id, len(seats), _entry(seats)) for live, seats in found]

    def facts(self, room_id: str) -> Sequence[Event]:
        """The tabs of a room as they are, told as if each had just been opened and moved."""
        live = self._live.get(room_id)
        return [] if live is None else live.room.facts()

    def refused(self, room_id: str, identity: Identity, reason: str) -> None:
        """Tell the listeners of one who has a valid token, and was not let in."""
        self.tell(room_id, [EntryRefused(identity, reason)])

    def tell(self, room_id: str, events: Sequence[Event]) -> None:
        """Tell the listeners what happened in a room."""
        if self._listeners:
            now_ms = round(self._clocks.wall() * 1000)
            for listener in self._listeners:
                listener.on_events(room_id, events, now_ms)

    # Removing: a token from before it is refused from here on, so also if nobody was there

    def remove_user(self, room_id: str, user_id: str) -> int:
        """Close all of a user's connections in a room with 4410; returns how many there were."""
        self.removals.remove_user(room_id, user_id, self._clocks.wall())
        live = self._live.get(room_id)
        seats = live.room.seats(user_id) if live else []
        self.tell(room_id, [UserRemoved(user_id, seats[0].identity if seats else None)])
        return dismiss(seats, Close.REMOVED, REMOVED)

    def remove_everywhere(self, user_id: str) -> int:
        """Close all of a user's connections with 4410; returns how many there were."""
        self.removals.remove_everywhere(user_id, self._clocks.wall())
        found = self._seats_of(user_id)
        for live, seats in found:
            self.tell(live.room_id, [UserRemoved(user_id, seats[0].identity)])
        return sum(dismiss(seats, Close.REMOVED, REMOVED) for _, seats in found)

    def end(self, room_id: str) -> int:
        """Close every connection of a room with 4410; returns how many there were."""
        self.removals.end(room_id, self._clocks.wall())
        live = self._live.get(room_id)
        self.tell(room_id, [RoomEnded()])
        return dismiss(live.room.seats() if live else [], Close.REMOVED, "the room was ended")

    def live(self) -> Sequence[LiveRoom]:
        """Every live room."""
        return [*self._live.values()]

    def _forget(self, live: LiveRoom) -> None:
        self._live.pop(live.room_id, None)

    def _occupancy(self, room_id: str) -> Occupancy:
        live = self._live.get(room_id)
        if live is None:
            return Occupancy(room_id, 0, 0)
        return Occupancy(room_id, len(live.room), live.room.connections)

    def _seats_of(self, user_id: str) -> Sequence[tuple[LiveRoom, Sequence[Seat]]]:
        """A user's seats in every room where there are any."""
        if not self.census.of(user_id):
            return []
        every = ((live, live.room.seats(user_id)) for live in self._live.values())
        return [(live, seats) for live, seats in every if seats]


def _entry(seats: Iterable[Seat]) -> bytes | None:
    """The entry of the user who sits on these seats of a room, as a JSON object."""
    for seat in seats:
        if isinstance(seat, Tab):
            return encode_entries([seat.member.entry])[1:-1]
    return None


def dismiss(seats: Iterable[Seat], code: Close, reason: str) -> int:
    """Close the connections that sit on `seats`; returns how many there were."""
    count = 0
    for seat in seats:
        holder: Holder = seat.holder  # type: ignore[assignment] # what `join` was given
        holder.dismiss(code, reason)
        count += 1
    return count
