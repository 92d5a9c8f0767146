"""What listeners are told of operators and of those who were not let in."""

from collections.abc import Sequence
from urllib.parse import urlencode

from presence_server.core.events import EntryRefused, Event, RoomEnded, UserRemoved
from presence_server.core.room import RoomLimits
from tests.support.world import OPTIONS, ROOM, World

OTHER = "presence-other"
Told = list[tuple[str, str, str]]


class Ear:
    """Hears of these three."""

    def __init__(self) -> None:
        self.told: Told = []

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Take note."""
        assert now_ms > 0
        for event in events:
            if isinstance(event, EntryRefused):
                self.told.append((room_id, "refused", f"{event.identity.user_id} {event.reason}"))
            elif isinstance(event, UserRemoved):
                was = "there" if event.identity else "not there"
                self.told.append((room_id, "removed", f"{event.user_id} {was}"))
            elif isinstance(event, RoomEnded):
                self.told.append((room_id, "ended", ""))


def test_removals_are_told_with_who_it_was_if_somebody_was_there() -> None:
    ear = Ear()
    world = World(listeners=[ear])
    world.join("ann")
    query = urlencode({"_pk": "b", "token": world.token("bob", room=OTHER)})
    world.dial(f"/parties/presence/{OTHER}?{query}")
    world.settle()
    rooms = world.gateway.rooms
    rooms.remove_user(ROOM, "ann")
    rooms.remove_user(ROOM, "cid")
    rooms.remove_everywhere("bob")
    rooms.end(ROOM)
    assert ear.told == [
        (ROOM, "removed", "ann there"),
        (ROOM, "removed", "cid not there"),
        (OTHER, "removed", "bob there"),
        (ROOM, "ended", ""),
    ]


def test_who_is_refused_with_a_good_token_is_told_and_no_stranger() -> None:
    ear = Ear()
    small = OPTIONS._replace(room=RoomLimits(members=1, connections_per_user=1, connections=9))
    world = World(small, listeners=[ear])
    world.join("ann", "one")
    world.join("ann", "two")
    world.join("bob")
    world.dial(f"/parties/presence/{ROOM}?token=nonsense")
    world.join("cid", room=ROOM, exp=1)
    world.loop.turn()
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.join("ann", iat=int(world.wall()) - 1)
    refused = [what for _, kind, what in ear.told if kind == "refused"]
    assert refused == ["ann user_connections", "bob room_users", "ann removed"]
