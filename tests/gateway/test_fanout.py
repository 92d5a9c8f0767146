"""The way out: what is written to whom, and when."""

from itertools import count

import pytest

from tests.support.world import OPTIONS, Client, World

BIG = {"fill": "x" * 1_900}


def snapshots(client: Client) -> int:
    """How many snapshots it got."""
    return client.types().count("presence_snapshot")


def fill(sender: Client, count: int) -> None:
    """Let `sender` cause `count` events of about 2 KB, in as many turns."""
    for number in range(count):
        sender.update("/big", data=BIG, versionId=str(number))
        sender.world.loop.advance(0.02)


def test_an_event_of_an_idle_room_leaves_in_the_same_turn() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    world.loop.advance(1)
    ann.update("/now")
    world.loop.turn()
    assert witness.users["ann"]["currentPath"] == "/now"


def test_a_busy_room_gathers() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    world.loop.advance(1)
    ann.update("/1")
    world.loop.turn()
    ann.update("/2")
    world.loop.turn()
    assert witness.users["ann"]["currentPath"] == "/1"
    world.loop.advance(0.005)
    assert witness.users["ann"]["currentPath"] == "/2"


@pytest.mark.parametrize(("has_newcomer", "rest_s"), [(False, 0.008), (True, 0.024)])
def test_a_flush_is_followed_by_a_rest_which_is_longer_where_people_come_in(
    has_newcomer: bool, rest_s: float
) -> None:
    world = World()
    ticks = count()
    clocks = world.clocks._replace(stopwatch=lambda: next(ticks) * 0.008)  # what a flush takes
    world.gateway.context = world.gateway.context._replace(clocks=clocks)
    ann = world.join("ann")
    world.loop.advance(1)
    if has_newcomer:
        world.join("bob", settle=False)
    else:
        ann.update("/a")
    world.loop.turn()
    ann.take()
    ann.update("/b")
    world.loop.advance(rest_s - 0.001)
    assert ann.take() == []
    world.loop.advance(0.002)
    assert [message["currentPath"] for message in ann.take()] == ["/b"]


def test_all_who_get_a_snapshot_at_one_moment_get_the_same_bytes() -> None:
    world = World()
    world.join("first").update("/x", data={"é": [1, 1.0, True]})
    world.settle()
    crowd = [world.join(f"user-{number}", settle=False) for number in range(5)]
    world.settle()
    tails = {bytes(client.raw).split(b'{"type":"presence_snapshot"')[1] for client in crowd}
    assert len(tails) == 1


def test_a_slow_reader_is_skipped_and_sent_a_snapshot_when_its_buffer_is_empty() -> None:
    world = World()
    ann, witness, slow = world.join("ann"), world.join("witness"), world.join("slow")
    slow.transport.window = 0
    fill(ann, 100)
    assert slow.transport.get_write_buffer_size() < OPTIONS.buffer_limit + 20_000
    assert witness.users["ann"]["versionId"] == "99"
    slow.transport.read(None)
    world.settle()
    assert snapshots(slow) == 2
    assert slow.users == witness.users == world.users()


def test_a_slow_reader_is_not_heard_until_it_has_caught_up() -> None:
    world = World()
    ann, slow = world.join("ann"), world.join("slow")
    slow.transport.window = 0
    fill(ann, 100)
    slow.update("/spoken-while-paused")
    world.settle()
    assert ann.users["slow"]["currentPath"] == ""
    slow.transport.read(None)
    world.settle()
    assert ann.users["slow"]["currentPath"] == "/spoken-while-paused"


def test_a_reader_that_makes_no_progress_for_fifteen_seconds_is_cut() -> None:
    world = World()
    ann, slow = world.join("ann"), world.join("slow")
    slow.transport.window = 0
    fill(ann, 60)
    world.loop.advance(16)
    assert slow.transport.is_aborted
    assert [m["reason"] for m in ann.messages if m["type"] == "user_left"] == ["timeout"]


def test_a_reader_that_makes_slow_progress_is_kept() -> None:
    world = World()
    ann, slow = world.join("ann"), world.join("slow")
    slow.transport.window = 0
    fill(ann, 60)
    for _ in range(20):
        slow.transport.read(1_000)
        world.loop.advance(5)
    assert not slow.transport.is_aborted
    slow.transport.read(None)
    world.settle()
    assert slow.users == world.users()


def test_a_large_snapshot_makes_nobody_slow() -> None:
    world = World()
    crowd = [world.join(f"user-{number}") for number in range(60)]
    for client in crowd:
        client.update("/", data=BIG)
    world.settle()
    joiner = world.join("joiner", settle=False)
    joiner.transport.window = 2_000
    world.settle()
    assert joiner.transport.get_write_buffer_size() > OPTIONS.buffer_limit
    crowd[0].update("/after-the-snapshot")
    world.settle()
    joiner.transport.read(None)
    world.loop.advance(2)
    assert snapshots(joiner) == 1
    assert joiner.users == world.users()


def test_what_comes_after_a_large_snapshot_still_counts() -> None:
    world = World()
    crowd = [world.join(f"user-{number}") for number in range(60)]
    for client in crowd:
        client.update("/", data=BIG)
    world.settle()
    joiner = world.join("joiner", settle=False)
    joiner.transport.window = 2_000
    world.settle()
    queued = joiner.transport.get_write_buffer_size()
    fill(crowd[0], 100)
    assert joiner.transport.get_write_buffer_size() < queued + OPTIONS.buffer_limit + 20_000
    joiner.transport.read(None)
    world.settle()
    assert snapshots(joiner) == 2
    assert joiner.users == world.users()


def test_a_resync_is_answered_at_most_once_a_second() -> None:
    world = World()
    ann = world.join("ann")
    world.loop.advance(2)
    for _ in range(5):
        ann.send({"type": "resync"})
        world.settle()
    assert snapshots(ann) == 2
    world.loop.advance(1)
    assert snapshots(ann) == 3


def test_snapshots_for_many_joiners_are_spread_over_flushes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("presence_server.gateway.debts.MAX_BYTES", 10_000)
    world = World()
    first = world.join("first")
    crowd = [world.join(f"user-{number}", settle=False) for number in range(100)]
    world.loop.turn()
    waiting = [client for client in crowd if not snapshots(client)]
    assert 0 < len(waiting) < 100
    world.loop.advance(2)
    assert all(client.users == first.users == world.users() for client in crowd)
    assert all(snapshots(client) == 1 for client in crowd)


def test_one_who_is_owed_a_snapshot_can_speak_and_leave() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    ann.send({"type": "resync"})
    ann.update("/said-while-owed")
    world.settle()
    assert witness.users["ann"]["currentPath"] == "/said-while-owed"
    assert ann.users["ann"]["currentPath"] == ""
    ann.close()
    world.settle()
    assert "ann" not in witness.users


def test_nothing_follows_a_close() -> None:
    world = World()
    ann, bob = world.join("ann"), world.join("bob")
    bob.is_silent = True
    world.gateway.rooms.remove_user("presence-acme", "bob")
    size = len(bob.raw)
    ann.update("/after")
    world.loop.advance(3)
    assert bob.closed is not None
    assert len(bob.raw) == size


def test_a_pong_may_come_before_the_snapshot_but_no_event_does() -> None:
    world = World()
    ann = world.join("ann")
    world.loop.advance(1)
    joiner = world.join("joiner", settle=False)
    world.loop.turn()
    ann.update("/x")
    world.settle()
    kinds = joiner.types()
    assert kinds[0] == "welcome"
    assert kinds.index("presence_snapshot") < kinds.index("presence_changed")
