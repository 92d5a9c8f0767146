"""Failures known from other systems, each shown not to happen here.

`tests/faults/test_mutants.py` puts most of them back and sees these tests fail.
"""

from urllib.parse import urlencode

from presence_server.core.room import RoomLimits
from tests.support.world import OPTIONS, Client, World


def join_one_of_many(world: World, number: int) -> Client:
    """Join one of fifty rooms with a token that ends when all others do."""
    room = f"presence-{number % 50}"
    query = {"_pk": "p", "token": world.token(f"user-{number}", room=room, ttl=600)}
    return world.dial(f"/parties/presence/{room}?{urlencode(query)}")


def left(client: Client) -> list[tuple[str, str]]:
    """Who left, as `client` was told, and why."""
    return [(m["userId"], m["reason"]) for m in client.messages if m["type"] == "user_left"]


def test_a_leave_just_before_the_snapshot_leaves_no_ghost() -> None:
    world = World()
    watcher, leaver = world.join("watcher"), world.join("leaver")
    joiner = world.join("joiner", settle=False)
    leaver.close()
    world.settle()
    assert set(joiner.users) == set(watcher.users) == {"watcher", "joiner"}


def test_a_leave_between_two_snapshots_leaves_no_ghost() -> None:
    world = World()
    early, leaver = world.join("early"), world.join("leaver")
    leaver.close()
    late = world.join("late")
    world.settle()
    assert late.users == early.users == world.users()
    assert "leaver" not in late.users


def test_the_late_close_of_a_taken_over_socket_does_not_evict_the_live_one() -> None:
    world = World()
    witness, old = world.join("witness"), world.join("ann", "p1")
    old.is_silent = True
    new = world.join("ann", "p1")
    assert old.closed == (4409, "taken over by the same connection id")
    old.vanish()
    world.loop.advance(30)
    assert left(witness) == []
    new.update("/still-here")
    world.settle()
    assert witness.users["ann"]["currentPath"] == "/still-here"


def test_a_rejoin_with_unchanged_state_is_visible() -> None:
    world = World()
    witness = world.join("witness")
    for _ in range(2):
        ann = world.join("ann")
        ann.update("/same")
        world.settle()
        assert witness.users["ann"]["currentPath"] == "/same"
        ann.close()
        world.settle()
        assert "ann" not in witness.users


def test_closing_one_of_two_tabs_keeps_the_user() -> None:
    world = World()
    witness, first = world.join("witness"), world.join("ann", "p1")
    second = world.join("ann", "p2")
    first.close()
    world.settle()
    assert "ann" in witness.users
    second.close()
    world.settle()
    assert left(witness) == [("ann", "closed")]


def test_a_page_that_mounts_twice_is_one_member_without_a_gap() -> None:
    world = World()
    witness = world.join("witness")
    first = world.join("ann", "p1", settle=False)
    second = world.join("ann", "p1", settle=False)
    world.loop.turn()
    first.close()
    world.settle()
    assert left(witness) == []
    assert witness.types().count("user_joined") == 1
    assert second.closed is None
    assert second.users == witness.users == world.users()


def test_a_full_room_takes_the_second_tab_of_a_member_but_no_further_user() -> None:
    world = World(
        OPTIONS._replace(room=RoomLimits(members=2, connections_per_user=8, connections=1_000))
    )
    world.join("ann", "p1")
    world.join("bob", "p1")
    assert world.join("ann", "p2").closed is None
    assert world.join("cy").closed == (4429, "room is full")


def test_joins_in_the_same_turn_do_not_overshoot_the_cap() -> None:
    world = World(
        OPTIONS._replace(room=RoomLimits(members=3, connections_per_user=8, connections=1_000))
    )
    crowd = [world.join(f"user-{number}", settle=False) for number in range(10)]
    world.settle()
    assert len(world.users()) == 3
    assert [client.closed for client in crowd].count((4429, "room is full")) == 7


def test_tokens_that_end_together_are_not_refreshed_together() -> None:
    world = World()
    crowd = [join_one_of_many(world, number) for number in range(1_000)]
    world.settle()
    world.loop.advance(600 - 61)
    asked_at: list[int] = []
    for second in range(62):
        for client in crowd:
            asked_at += [second for t in client.take() if t["type"] == "token_refresh_required"]
        world.loop.advance(1)
    assert len(asked_at) == 1_000
    assert max(asked_at.count(second) for second in range(62)) < 100


def test_a_user_who_says_nothing_but_answers_pings_stays() -> None:
    world = World()
    witness, quiet = world.join("witness"), world.join("quiet")
    world.loop.advance(600)
    assert quiet.closed is None
    assert "quiet" in witness.users


def test_a_jump_of_the_wall_clock_moves_nobody() -> None:
    world = World()
    ann, bob = world.join("ann", ttl=600), world.join("bob", ttl=600)
    for jump in (3_600.0, -7_200.0):
        world.wall_offset += jump
        world.loop.advance(60)
    assert (ann.closed, bob.closed) == (None, None)
    assert set(ann.users) == {"ann", "bob"}
    assert "token_refresh_required" not in ann.types()
    world.loop.advance(600)
    assert ann.closed == (4401, "token_expired")


def test_joins_at_once_are_few_writes_not_one_for_each_pair() -> None:
    world = World()
    crowd = [world.join(f"user-{number}", settle=False) for number in range(300)]
    world.settle()
    assert all(len(client.users) == 300 for client in crowd)
    assert sum(len(client.messages) for client in crowd) < 300 * 10


def test_a_cursor_that_waits_does_not_overwrite_a_newer_entry() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    world.loop.turn()
    ann.point({"x": 1})
    ann.mark("away")
    ann.point({"x": 2})
    ann.update("/elsewhere")
    world.settle()
    assert "cursor" not in witness.users["ann"]
    assert witness.users == world.users()


def test_what_was_said_last_over_the_rate_is_not_lost() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    for number in range(500):
        ann.update(f"/page/{number}")
    ann.point({"x": 7})
    ann.mark("away")
    world.loop.advance(1)
    assert witness.users["ann"]["currentPath"] == "/page/499"
    assert witness.users["ann"]["cursor"] == {"x": 7}
    assert witness.users["ann"]["status"] == "away"
    assert ("rate_limited", "presence_update") in ann.errors()
    assert ann.closed is None


def test_what_waited_for_the_rate_survives_a_takeover() -> None:
    world = World()
    witness, old = world.join("witness"), world.join("ann", "p1")
    for number in range(300):
        old.update(f"/page/{number}")
    world.join("ann", "p1")
    world.loop.advance(1)
    assert witness.users["ann"]["currentPath"] == "/page/299"


def test_a_vanished_peer_is_out_within_thirty_seconds() -> None:
    world = World()
    witness, ann = world.join("witness"), world.join("ann")
    ann.is_silent = True
    world.loop.advance(30)
    assert left(witness) == [("ann", "timeout")]


def test_a_blip_within_the_leave_grace_is_not_seen() -> None:
    world = World(OPTIONS._replace(leave_grace=10.0))
    witness, ann = world.join("witness"), world.join("ann", "p1")
    ann.update("/here")
    world.settle()
    ann.vanish()
    world.loop.advance(9)
    world.join("ann", "p1")
    world.loop.advance(60)
    assert left(witness) == []
    assert witness.types().count("user_joined") == 1
    assert witness.users["ann"]["currentPath"] == "/here"


def test_a_loss_is_reported_when_the_leave_grace_is_over() -> None:
    world = World(OPTIONS._replace(leave_grace=10.0))
    witness, ann = world.join("witness"), world.join("ann")
    ann.vanish()
    world.loop.advance(9.9)
    assert left(witness) == []
    world.loop.advance(0.2)
    assert left(witness) == [("ann", "timeout")]
