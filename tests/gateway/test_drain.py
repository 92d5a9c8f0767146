"""A restart: all are told, spread over time, and nobody is seen to leave."""

from collections.abc import Sequence

from presence_server.core.events import Event, Left, TabEnded
from tests.support.world import OPTIONS, Client, World

RESTART = (1012, "server is restarting")
SPREAD_S = 2.0


def crowd(world: World, room: str, size: int) -> list[Client]:
    """People in a room, who all see one another."""
    people = []
    for number in range(size):
        user = f"user-{number}"
        query = f"_pk=p&token={world.token(user, room=room)}"
        people.append(world.dial(f"/parties/presence/{room}?{query}"))
        people[-1].user = user
    world.settle()
    return people


def closed(people: list[Client]) -> int:
    """How many were told so far."""
    return sum(person.closed == RESTART for person in people)


def test_a_large_room_is_closed_little_by_little_and_nobody_hears_a_leave() -> None:
    world = World()
    people = crowd(world, "presence-large", 400)
    world.gateway.drain(SPREAD_S, lambda: None)
    told = []
    for _ in range(20):
        world.loop.advance(SPREAD_S / 20)
        told.append(closed(people))
    assert told[-1] == 400
    steps = [later - earlier for earlier, later in zip([0, *told], told, strict=False)]
    assert max(steps) <= 40
    assert all("user_left" not in person.types() for person in people)


def test_who_asks_for_a_snapshot_while_the_room_is_closed_hears_of_no_leave() -> None:
    world = World()
    people = crowd(world, "presence-large", 200)
    world.loop.advance(2)  # a snapshot may come again
    world.gateway.drain(SPREAD_S, lambda: None)
    world.loop.advance(0.1)
    assert people[-1].closed is None
    people[-1].take()
    people[-1].send({"type": "resync"})
    people[-2].update("/elsewhere")
    world.loop.advance(SPREAD_S)
    assert people[-1].take() == []
    assert closed(people) == 200


def test_of_many_small_rooms_each_is_closed_in_one_moment() -> None:
    world = World()
    rooms = [crowd(world, f"presence-{number}", 5) for number in range(20)]
    world.gateway.drain(SPREAD_S, lambda: None)
    shares = []
    for _ in range(40):
        world.loop.advance(SPREAD_S / 40)
        told = [closed(people) for people in rooms]
        assert set(told) <= {0, 5}
        shares.append(sum(told))
    assert shares[-1] == 100
    assert 40 <= shares[19] <= 60, "half of them in half the time"


def test_the_last_one_is_told_in_time_and_then_all_is_over() -> None:
    world = World()
    over: list[float] = []
    crowd(world, "presence-acme", 3)
    began = world.loop.now
    world.gateway.drain(0.0, lambda: over.append(world.loop.now))
    world.loop.advance(1)
    assert over
    assert over[0] - began < 0.1
    assert len(world.gateway) == 0
    assert len(world.gateway.rooms) == 0


def test_those_who_were_lost_within_the_grace_hold_nothing_up() -> None:
    world = World(OPTIONS._replace(leave_grace=600.0))
    people = crowd(world, "presence-acme", 30)
    for person in people[:15]:
        person.vanish()
    over: list[bool] = []
    world.gateway.drain(SPREAD_S, lambda: over.append(True))
    world.loop.advance(SPREAD_S + 0.1)
    assert over == [True]
    assert closed(people[15:]) == 15
    assert len(world.gateway.rooms) == 0


class Ends:
    """A listener: why each tab ended, and what its room was told of that."""

    def __init__(self) -> None:
        self.tabs: dict[str, str] = {}
        self.heard: dict[str, str] = {}

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Take note."""
        del room_id, now_ms
        for event in events:
            if isinstance(event, TabEnded):
                self.tabs[event.identity.user_id] = event.reason
            elif isinstance(event, Left):
                self.heard[event.user_id] = event.reason


def test_listeners_are_told_that_the_server_was_stopped_and_nobody_else_is() -> None:
    ends = Ends()
    world = World(OPTIONS._replace(leave_grace=600.0), listeners=[ends])
    people = crowd(world, "presence-acme", 60)
    people[1].vanish()
    world.gateway.drain(SPREAD_S, lambda: None)
    world.loop.advance(0.01)
    people[-1].close()  # while others are closed already
    world.loop.advance(SPREAD_S)
    own = people[-1].user
    assert ends.tabs.pop(own) == "closed"
    assert set(ends.tabs.values()) == {"server_stopped"}
    assert len(ends.tabs) == 59
    assert set(ends.heard.values()) == {"closed"}


def test_those_who_are_cut_at_once_did_not_leave_either() -> None:
    ends = Ends()
    world = World(OPTIONS._replace(leave_grace=600.0), listeners=[ends])
    people = crowd(world, "presence-acme", 30)
    people[1].vanish()
    world.gateway.drain(SPREAD_S, lambda: None)
    world.loop.advance(0.01)
    sent = [len(person.raw) for person in people]
    world.gateway.abort()
    world.loop.advance(0)
    assert (len(world.gateway), len(world.gateway.rooms)) == (0, 0)
    assert list(ends.tabs.values()) == ["server_stopped"] * 30
    assert [len(person.raw) for person in people] == sent
