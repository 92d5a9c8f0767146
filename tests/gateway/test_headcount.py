"""Those who hear how many are there: a number once a second, whatever else happens in the room."""

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from presence_server.core.clocks import Clocks
from presence_server.core.entry import Identity, Profile
from presence_server.core.events import Event
from presence_server.core.room import Room, RoomLimits
from presence_server.core.seats import Seat
from presence_server.gateway import fanout
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.outbox import Outbox
from presence_server.metrics import Metrics
from tests.support.loop import FakeLoop, Handle
from tests.support.world import OPTIONS, ROOM, Client, World

SMALL = OPTIONS._replace(buffer_limit=100)


def numbers(client: Client) -> list[int]:
    """Every number that it was told."""
    return [message["members"] for message in client.messages if message["type"] == "occupancy"]


def count(world: World, user: str, pk: str | None = None, **options: Any) -> Client:
    """Somebody comes and counts."""
    return world.join(user, pk, members="count", **options)


def come_and_go(world: World, times: int) -> None:
    """Let the number change for each second of some, at its beginning."""
    for turn in range(times):
        guest = world.join(f"guest-{turn}")
        world.loop.advance(1)
        guest.close()
        world.loop.advance(1)


# What one hears


def test_the_first_number_comes_with_the_welcome_in_one_write() -> None:
    world = World()
    world.join("ann")
    writes: list[bytes] = []
    cat = count(world, "cat", settle=False)
    write = cat.transport.write
    cat.transport.write = lambda data: (writes.append(bytes(data)), write(data))  # type: ignore[assignment, func-returns-value, method-assign]
    world.loop.turn()
    assert cat.types() == ["welcome", "occupancy"]
    assert numbers(cat) == [2]
    assert len(writes) == 1
    assert writes[0].startswith(b"HTTP/1.1 101 ")


def test_what_happens_in_the_room_is_not_heard() -> None:
    world = World()
    ann, cat = world.join("ann"), count(world, "cat")
    for step in range(20):
        ann.update(f"/{step}")
        ann.point({"x": step})
        ann.mark("away" if step % 2 else "online")
        world.loop.advance(0.5)
    assert cat.types() == ["welcome", "occupancy"]


def test_the_others_see_one_that_counts_and_hear_what_it_says() -> None:
    world = World()
    ann, cat = world.join("ann"), count(world, "cat")
    cat.update("/c")
    cat.point({"x": 1})
    world.settle()
    assert ann.users == world.users()
    assert ann.users["cat"]["currentPath"] == "/c"
    assert ann.users["cat"]["cursor"] == {"x": 1}


def test_a_second_tab_does_not_count_again() -> None:
    world = World()
    cat = count(world, "cat")
    count(world, "cat", "other")
    world.join("cat", "third")
    world.loop.advance(3)
    assert numbers(cat) == [1]


def test_one_that_counts_takes_a_place_like_any_other() -> None:
    limits = RoomLimits(members=2, connections_per_user=2, connections=9)
    world = World(OPTIONS._replace(room=limits))
    count(world, "cat")
    count(world, "cat", "other")
    third = count(world, "cat", "third")
    world.join("ann")
    late = count(world, "bob")
    for refused in (third, late):
        assert refused.closed is not None
        assert refused.closed[0] == 4429
        assert refused.messages == []


def test_an_address_that_says_something_else_is_refused_and_nobody_is_in() -> None:
    world = World()
    bob = world.join("bob", members="some")
    assert bob.closed is not None
    assert bob.closed[0] == 4400
    assert world.users() == {}


def test_it_hears_numbers_in_plain_frames_whatever_it_agreed_on() -> None:
    world = World(OPTIONS._replace(compression=True))
    cat = count(world, "cat", deflate=True)
    ann = world.join("ann", deflate=True)
    world.loop.advance(2)
    ann.update("/" + "a" * 200)
    world.settle()
    assert numbers(cat) == [1, 2]
    assert b'\x81\x20{"type":"occupancy","members":2}' in cat.raw
    assert ann.users == world.users()


# Once a second, and the last is never lost


def test_a_change_after_a_quiet_second_is_told_at_once_and_the_rest_when_the_next_is_over() -> None:
    world = World()
    cat = count(world, "cat")
    world.loop.advance(5)
    for user in ("ann", "bob", "dan"):
        world.join(user, settle=False)
        world.loop.turn()
    assert numbers(cat) == [1, 2]
    world.loop.advance(0.999)
    assert numbers(cat) == [1, 2]
    world.loop.advance(0.002)
    assert numbers(cat) == [1, 2, 4]


def test_a_number_that_is_the_same_again_is_not_told() -> None:
    world = World()
    cat = count(world, "cat")
    world.loop.advance(5)
    world.join("ann")
    world.join("bob").close()
    world.loop.advance(5)
    assert numbers(cat) == [1, 2]


def test_a_resync_brings_the_number_once_a_second_at_most() -> None:
    world = World()
    cat = count(world, "cat")
    world.loop.advance(5)
    for _ in range(30):
        cat.send({"type": "resync"})
        world.loop.advance(0.1)
    assert 3 <= len(numbers(cat)) - 1 <= 4
    assert set(numbers(cat)) == {1}


class EarlyLoop(FakeLoop):
    """Runs its timers half a millisecond early, as loops with coarse clocks do."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        return super().call_later(max(0.0, delay - 0.0005), callback, *args)


class Hall:
    """A room where everybody counts, without sockets: what was written to whom, and when."""

    def __init__(self, loop: FakeLoop | None = None) -> None:
        self.loop = loop or FakeLoop()
        self.writes = 0
        self.room = Room(RoomLimits(members=20_000, connections_per_user=8, connections=20_000))
        clocks = Clocks(self.loop.time, self.loop.time, self.loop.time, lambda: 0.5, lambda: "id")
        self.fanout = Fanout(self.room, 65_536, self.loop, clocks, Metrics())

    def enter(self, user: str) -> "Reader":
        """A user's first connection comes."""
        identity = Identity(
            user, Profile(user, None, "commenter"), observe=False, anon=False, track=True
        )
        seat, events, _ = self.room.join(self, identity, "pk", self.loop.now, 0)
        return Reader(self, seat, events)

    def leave(self, reader: "Reader") -> None:
        """And goes."""
        self.fanout.drop(reader.outbox)
        self.fanout.publish(self.room.leave(reader.seat, "closed"))


class Reader(asyncio.Transport):
    """One that counts, and all that was written to it."""

    def __init__(self, hall: Hall, seat: Seat, events: list[Event]) -> None:
        super().__init__()
        self.hall = hall
        self.seat = seat
        self.told: list[tuple[float, int]] = []
        self.outbox = Outbox(self)
        hall.fanout.publish(events)
        hall.fanout.count_for(self.outbox)

    def write(self, data: Any) -> None:
        """Take a number."""
        self.hall.writes += 1
        self.told.append((self.hall.loop.now, int(bytes(data).split(b":")[-1].rstrip(b"}"))))


@pytest.mark.parametrize("loop", [FakeLoop, EarlyLoop])
def test_nobody_hears_more_than_one_a_second_and_all_end_with_the_right_one(
    loop: type[FakeLoop],
) -> None:
    chance = random.Random(7)
    hall = Hall(loop())
    here = [hall.enter("first")]
    everybody = [*here]
    for number in range(600):
        if len(here) > 1 and chance.random() < 0.5:
            hall.leave(here.pop(chance.randrange(len(here))))
        else:
            here.append(hall.enter(f"user-{number}"))
            everybody.append(here[-1])
        if chance.random() < 0.1:
            hall.fanout.owe(here[0].outbox, "resync")
        hall.loop.advance(chance.choice([0, 0.001, 0.05, 0.3, 0.7, 1.0, 2.5]))
    hall.loop.advance(2)
    assert {reader.told[-1][1] for reader in here} == {len(hall.room)}
    for reader in everybody:
        times = [at for at, _ in reader.told]
        assert all(b - a > 0.999 for a, b in pairwise(times))


def test_a_timer_that_runs_early_does_not_cost_a_second_more() -> None:
    hall = Hall(EarlyLoop())
    cat = hall.enter("cat")
    hall.loop.advance(5)
    hall.enter("ann")
    hall.loop.advance(0.1)
    hall.enter("bob")
    hall.loop.advance(1)
    assert [number for _, number in cat.told] == [1, 2, 3]


# What it costs


def test_a_join_among_ten_thousand_costs_one_write_until_the_second_is_over() -> None:
    hall = Hall()
    crowd = [hall.enter(f"user-{number}") for number in range(10_000)]
    assert hall.writes == 10_000
    hall.loop.advance(3)
    hall.enter("first")
    hall.loop.turn()
    hall.writes = 0
    for number in range(100):
        hall.loop.advance(0.009)
        hall.enter(f"late-{number}")
    assert hall.writes == 100
    hall.loop.advance(0.1)
    assert hall.writes == 100 + 10_000 + 1
    assert {reader.told[-1][1] for reader in crowd} == {10_101}


def test_where_everybody_counts_no_snapshot_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise AssertionError("nobody wants one")

    monkeypatch.setattr(fanout, "encode_snapshot", fail)
    world = World()
    crowd = [count(world, f"user-{number}") for number in range(30)]
    crowd[0].send({"type": "resync"})
    crowd[1].update("/moved")
    world.loop.advance(3)
    assert {numbers(client)[-1] for client in crowd} == {30}


def test_when_the_last_that_counted_has_gone_nothing_is_left_of_it() -> None:
    world = World()
    world.join("ann")
    cat, dan = count(world, "cat"), count(world, "dan")
    way_out = world.gateway.rooms.get(ROOM).fanout
    world.loop.advance(2)
    cat.close()
    world.loop.turn()
    assert way_out._headcount is not None
    dan.vanish()
    world.loop.turn()
    assert way_out._headcount is None


def test_what_does_not_change_the_number_costs_those_who_count_nothing() -> None:
    world = World()
    ann = world.join("ann")
    count(world, "cat")
    world.loop.advance(3)
    for step in range(5):
        ann.update(f"/{step}")
        world.join("ann", f"tab-{step}")
        headcount = world.gateway.rooms.get(ROOM).fanout._headcount
        assert headcount is not None
        assert headcount._timer is None


def test_a_number_that_nobody_waits_for_any_more_is_not_told() -> None:
    hall = Hall()
    cat = hall.enter("cat")
    hall.loop.advance(3)
    dan = hall.enter("dan")
    hall.loop.advance(0.1)
    hall.leave(dan)
    headcount = hall.fanout._headcount
    assert headcount is not None
    assert headcount._timer is not None
    hall.leave(cat)
    assert headcount._timer is None


def test_each_number_that_is_told_is_counted() -> None:
    world = World()
    crowd = [count(world, f"user-{number}") for number in range(5)]
    world.loop.advance(3)
    told = sum(len(numbers(client)) for client in crowd)
    labels = {"type": "occupancy"}
    sent = world.metrics.registry.get_sample_value("presence_messages_sent_total", labels)
    assert sent == told > 5
    assert world.metrics.bytes_sent.value >= told * 32


# Slow readers


def test_a_slow_reader_is_passed_over_and_told_the_latest_when_it_reads() -> None:
    world = World(SMALL)
    cat, witness = count(world, "cat"), count(world, "witness")
    cat.transport.window = 0
    come_and_go(world, 6)
    world.join("ann")
    world.loop.advance(1.5)
    assert cat.transport.get_write_buffer_size() < 2 * SMALL.buffer_limit
    assert len(numbers(witness)) > 10
    cat.take()
    cat.transport.read(None)
    world.loop.advance(1)
    assert numbers(cat)[-1] == numbers(witness)[-1] == 3
    assert len(numbers(cat)) <= 5
    world.join("bob")
    world.loop.advance(1)
    assert numbers(cat)[-1] == 4


def test_a_slow_reader_to_whom_nothing_is_new_is_told_nothing_more() -> None:
    world = World(SMALL)
    cat = count(world, "cat")
    cat.transport.window = 0
    come_and_go(world, 6)
    cat.transport.read(None)
    world.loop.advance(3)
    told = len(numbers(cat))
    world.loop.advance(3)
    assert len(numbers(cat)) == told
    assert numbers(cat)[-1] == 1


def test_one_that_takes_nothing_for_fifteen_seconds_is_cut() -> None:
    world = World(SMALL)
    cat, witness = count(world, "cat"), world.join("witness")
    cat.transport.window = 0
    come_and_go(world, 12)
    assert cat.transport.is_aborted
    assert "cat" not in witness.users
    assert {"reason": "timeout", "userId": "cat"}.items() <= next(
        m for m in witness.messages if m["type"] == "user_left" and m["userId"] == "cat"
    ).items()


def test_one_that_is_silently_gone_is_found_and_the_others_hear_it() -> None:
    world = World()
    cat, dan = count(world, "cat"), count(world, "dan")
    cat.is_silent = True
    world.loop.advance(32)
    assert numbers(dan) == [2, 1]
    assert world.users().keys() == {"dan"}


# Going


@pytest.mark.parametrize(
    ("go", "code"),
    [
        (lambda world: world.gateway.rooms.remove_user(ROOM, "cat"), 4410),
        (lambda world: world.gateway.rooms.end(ROOM), 4410),
        (lambda world: world.gateway.drain(0, lambda: None), 1012),
        (lambda world: world.loop.advance(20), 4401),
        (lambda world: world.join("cat"), 4409),
    ],
    ids=["removed", "ended", "drained", "expired", "taken over"],
)
def test_it_is_closed_like_any_other_and_hears_no_more(
    go: Callable[[World], object], code: int
) -> None:
    world = World()
    world.join("ann")
    cat = count(world, "cat", ttl=15)
    world.loop.advance(2)
    cat.take()
    go(world)
    world.loop.advance(2)
    assert cat.closed is not None
    assert cat.closed[0] == code
    assert set(cat.types()) <= {"token_refresh_required"}


def test_a_restart_tells_none_of_those_who_count_that_others_have_gone() -> None:
    world = World()
    crowd = [count(world, f"user-{number}") for number in range(50)]
    world.loop.advance(3)
    for client in crowd:
        client.take()
    world.gateway.drain(5, lambda: None)
    world.loop.advance(10)
    assert [client.take() for client in crowd] == [[]] * 50
    assert {client.closed and client.closed[0] for client in crowd} == {1012}


def test_a_takeover_may_change_what_is_heard() -> None:
    world = World()
    ann, cat = world.join("ann"), count(world, "cat", "p1")
    seq = ann.store.seq
    again = world.join("cat", "p1")
    assert cat.closed is not None
    assert again.types() == ["welcome", "presence_snapshot"]
    back = count(world, "cat", "p1")
    assert back.types() == ["welcome", "occupancy"]
    ann.update("/a")
    world.loop.advance(3)
    assert back.types() == ["welcome", "occupancy"]
    assert ann.store.seq == (seq or 0) + 1
    assert "presence_changed" not in again.types()


def test_a_loss_changes_the_number_when_the_grace_is_over() -> None:
    world = World(OPTIONS._replace(leave_grace=3.0))
    cat, dan = count(world, "cat"), count(world, "dan")
    world.loop.advance(2)
    dan.vanish()
    world.loop.advance(2.9)
    assert numbers(cat) == [1, 2]
    world.loop.advance(0.2)
    assert numbers(cat) == [1, 2, 1]


def test_one_that_comes_back_within_the_grace_changes_no_number() -> None:
    world = World(OPTIONS._replace(leave_grace=3.0))
    cat, dan = count(world, "cat"), count(world, "dan")
    world.loop.advance(2)
    dan.vanish()
    world.loop.advance(1)
    assert numbers(count(world, "dan")) == [2]
    world.loop.advance(5)
    assert numbers(cat) == [1, 2]


def test_a_room_lives_while_only_observers_count_there() -> None:
    world = World()
    olga = count(world, "olga", observe=True)
    world.join("ann").close()
    world.loop.advance(3)
    assert numbers(olga)[-1] == 0
    assert len(world.gateway.rooms) == 1
    olga.close()
    world.settle()
    assert len(world.gateway.rooms) == 0
