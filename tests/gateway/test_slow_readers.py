"""Readers that stall, on kernel sockets: they cost the others nothing, and catch up or are cut."""

import resource
from collections.abc import Iterator
from functools import partial

import pytest

from tests.conftest import SOAK
from tests.support.peer import Peer, pump
from tests.support.server import Server, eventually
from tests.support.world import OPTIONS, World

TINY = 2_048
FILL = "x" * 1_900
FAST = ("--rate", "10000", "--burst", "100000", "--buffer-limit", "65536")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(*FAST) as server:
        yield server


def fill(talker: Peer, readers: list[Peer], count: int, first: int = 0) -> None:
    """Let `talker` cause `count` events of 2 KB; all of `readers` get each of them."""
    for number in range(first, first + count, 50):
        last = min(number + 50, first + count) - 1
        for step in range(number, last + 1):
            talker.update(f"/{step}", data={"fill": FILL})
        pump(readers, partial(all_see, readers, f"/{last}"))


def all_see(readers: list[Peer], path: str) -> bool:
    """Whether the talker is at `path` for all of them."""
    return all(peer.sees("talker", path) for peer in readers)


def changes(reader: Peer, user: str) -> list[str]:
    """The paths of `user`, as `reader` was told of them."""
    told = [m for m in reader.messages if m["type"] == "presence_changed" and m["userId"] == user]
    return [message["currentPath"] for message in told]


def snapshots(peer: Peer) -> int:
    """How many it got."""
    return peer.types().count("presence_snapshot")


def test_a_stalled_reader_costs_the_others_nothing_and_catches_up(server: Server) -> None:
    talker, witness = server.enter("talker"), server.enter("witness")
    slow = server.enter("slow", buffer=TINY)
    pump([witness], lambda: "slow" in witness.users)
    fill(talker, [talker, witness], 1_000)
    assert changes(witness, "talker") == changes(talker, "talker")
    assert changes(witness, "talker") == [f"/{number}" for number in range(1_000)]
    assert snapshots(witness) == 1
    assert server.metric("presence_members_behind") == 1
    pump([talker, witness, slow], lambda: slow.users == witness.users)
    assert snapshots(slow) == 2
    assert server.metric("presence_resnapshots_total", cause="behind") == 1
    assert server.metric("presence_members_behind") == 0
    assert server.metric("presence_cut_slow_total") == 0
    fill(talker, [talker, witness, slow], 5, first=1_000)
    assert slow.users == witness.users
    assert snapshots(slow) == 2


def test_a_reader_that_stalls_again_and_again_always_converges(server: Server) -> None:
    talker, witness = server.enter("talker"), server.enter("witness")
    slow = server.enter("slow", buffer=TINY)
    for turn in range(4):
        fill(talker, [talker, witness], 300, first=turn * 300)
        pump([slow, talker, witness], lambda: slow.users == witness.users)
    assert 2 <= snapshots(slow) <= 5


def test_what_a_stalled_reader_says_is_heard_when_it_reads_again(server: Server) -> None:
    talker, witness = server.enter("talker"), server.enter("witness")
    slow = server.enter("slow", buffer=TINY)
    fill(talker, [talker, witness], 500)
    slow.update("/said-while-stalled")
    fill(talker, [talker, witness], 50, first=500)
    assert not witness.sees("slow", "/said-while-stalled")
    pump([slow, talker, witness], partial(witness.sees, "slow", "/said-while-stalled"))
    pump([slow, talker, witness], lambda: slow.users == witness.users)


def test_a_reader_that_never_reads_again_is_cut() -> None:
    with Server(*FAST, "--ping-interval", "1", "--pong-timeout", "2") as server:
        talker, witness = server.enter("talker"), server.enter("witness")
        server.enter("slow", buffer=TINY)
        fill(talker, [talker, witness], 500)
        pump([talker, witness], witness.left, 8)
        assert witness.left() == [("slow", "timeout")]
        assert set(witness.users) == {"talker", "witness"}
        assert server.metric("presence_cut_slow_total") == 1
        assert server.metric("presence_members_behind") == 0
        eventually(lambda: server.metric("presence_connections") == 2)


def test_one_that_reads_nothing_in_a_quiet_room_is_found_by_its_missing_pong() -> None:
    with Server("--ping-interval", "1", "--pong-timeout", "2") as server:
        witness = server.enter("witness")
        server.enter("deaf")
        pump([witness], witness.left, 8)
        assert witness.left() == [("deaf", "timeout")]
        assert server.metric("presence_closes_total", code="4408") == 1


@pytest.mark.soak
def test_a_slow_reader_among_hundreds_is_noticed_by_none() -> None:
    count = 1_000 if SOAK else 250
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    try:
        with Server(*FAST) as server:
            crowd = [server.join(f"user-{number}") for number in range(count)]
            pump(crowd, lambda: all(len(peer.users) == count for peer in crowd), 60)
            talker = server.enter("talker")
            slow = server.enter("slow", buffer=TINY)
            readers = [talker, *crowd]
            pump(readers, lambda: all(len(peer.users) == count + 2 for peer in readers), 60)
            fill(talker, readers, 400)
            assert all(len(changes(peer, "talker")) == 400 for peer in crowd)
            assert server.metric("presence_members_behind") == 1
            pump([*readers, slow], lambda: slow.users == talker.users)
            assert all(peer.users == talker.users for peer in crowd)
            assert server.metric("presence_resnapshots_total", cause="behind") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.soak
def test_a_slow_reader_of_a_snapshot_of_thousands_is_not_taken_for_stalled() -> None:
    """The room is filled with members whose connections are lost, but within the leave grace."""
    count = 10_000 if SOAK else 2_000
    flags = ("--leave-grace", "600", "--room-size", "20000", "--pong-timeout", "2")
    with Server(*FAST, *flags) as server:
        for number in range(count):
            lost = server.join(f"user-{number}")
            pump([lost], partial(bool, lost.messages))
            lost.reset()
        talker = server.enter("talker")
        slow = server.join("slow", buffer=TINY)
        pump([talker], lambda: len(talker.users) == count + 2)
        fill(talker, [talker], 300)
        pump([talker, slow], lambda: slow.users == talker.users, 60)
        assert slow.closed is None
        assert server.metric("presence_cut_slow_total") == 0


def test_ten_thousand_members_and_a_slow_reader() -> None:
    """Most are lost, but within the leave grace: their entries stay, their snapshots need not be
    written ten thousand times.
    """
    world = World(OPTIONS._replace(leave_grace=600.0, room=OPTIONS.room._replace(members=20_000)))
    for number in range(10_000):
        lost = world.join(f"user-{number}", settle=False)
        world.loop.turn()
        lost.vanish()
    world.clients.clear()
    talker = world.join("talker")
    slow = world.join("slow", settle=False)
    slow.transport.window = 100_000
    world.settle()
    assert len(talker.users) == 10_002
    for number in range(200):
        talker.update(f"/{number}", data={"fill": FILL})
        slow.transport.read(20_000)
        world.loop.advance(0.02)
    entries = world.users()
    assert talker.users == entries
    assert talker.types().count("presence_snapshot") == 1
    assert slow.transport.get_write_buffer_size() < 10_000 * 400 + OPTIONS.buffer_limit
    slow.transport.read(None)
    world.loop.advance(2)
    assert slow.users == entries
    assert slow.closed is None
