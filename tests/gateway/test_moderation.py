"""An operator removes: one leave for the others, 4410 for all connections, and it lasts."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest

from presence_server.core.events import Event, TabEnded
from tests.support.issuer import Issuer, SigningKey
from tests.support.world import OPTIONS, ROOM, Client, World

OTHER = "presence-other"


def enter(world: World, user: str, room: str = ROOM, **claims: Any) -> Client:
    """Join any room, with a token for all of them; the connection id is the room's."""
    query = {"_pk": room, "token": world.token(user, **{"room": "*", **claims})}
    client = world.dial(f"/parties/presence/{room}?{urlencode(query)}")
    world.settle()
    return client


def leaves(client: Client) -> list[tuple[str, str]]:
    """Who left, as `client` was told, and why."""
    return [(m["userId"], m["reason"]) for m in client.messages if m["type"] == "user_left"]


def codes(*clients: Client) -> list[int | None]:
    """The close code of each."""
    return [None if client.closed is None else client.closed[0] for client in clients]


def refused(world: World) -> float:
    """How many connections were refused for a removal."""
    name = "presence_connections_refused_total"
    return world.metrics.registry.get_sample_value(name, {"reason": "removed"}) or 0.0


# The removal


def test_a_user_with_32_tabs_leaves_once() -> None:
    room = OPTIONS.room._replace(connections_per_user=32)
    world = World(OPTIONS._replace(room=room))
    bob = world.join("bob")
    tabs = [world.join("ann", f"tab-{number}") for number in range(32)]
    tabs[5].update("/here")
    world.settle()
    bob.take()
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 32
    world.settle()
    assert set(codes(*tabs)) == {4410}
    assert [m["type"] for m in bob.messages] == ["user_left"]
    assert leaves(bob) == [("ann", "kicked")]


def test_an_observer_who_is_removed_is_closed_and_nobody_hears_of_it() -> None:
    world = World()
    bob, eye = world.join("bob"), world.join("eye", observe=True)
    bob.take()
    assert world.gateway.rooms.remove_user(ROOM, "eye") == 1
    world.settle()
    assert codes(eye) == [4410]
    assert bob.take() == []


def test_a_removal_ends_the_grace_with_one_leave() -> None:
    world = World(OPTIONS._replace(leave_grace=30.0))
    bob = world.join("bob")
    tabs = [world.join("ann", "tab-1"), world.join("ann", "tab-2")]
    tabs[0].vanish()
    world.settle()
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 2
    world.loop.advance(120)
    assert leaves(bob) == [("ann", "kicked")]
    assert codes(*tabs) == [None, 4410]


def test_a_second_removal_finds_nobody_even_while_the_first_close_is_under_way() -> None:
    world = World()
    bob, ann = world.join("bob"), world.join("ann")
    ann.is_silent = True
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 1
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 0
    assert world.gateway.rooms.remove_everywhere("ann") == 0
    world.loop.advance(60)
    assert leaves(bob) == [("ann", "kicked")]
    assert ann.is_gone


def test_who_closed_before_the_removal_left_by_choice() -> None:
    world = World()
    bob, ann = world.join("bob"), world.join("ann")
    ann.close()
    world.loop.turn()
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 0
    world.settle()
    assert leaves(bob) == [("ann", "closed")]


def test_a_stalled_reader_is_out_of_the_room_at_once() -> None:
    world = World()
    bob, ann = world.join("bob"), world.join("ann")
    ann.transport.window = 0
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 1
    world.settle()
    assert leaves(bob) == [("ann", "kicked")]
    world.loop.advance(60)
    assert ann.is_gone


def test_who_is_removed_everywhere_leaves_every_room_and_the_others_stay() -> None:
    world = World()
    bobs = [enter(world, "bob", room) for room in (ROOM, OTHER)]
    anns = [enter(world, "ann", room) for room in (ROOM, OTHER, "presence-third")]
    eye = enter(world, "ann", "presence-fourth", observe=True)
    assert world.gateway.rooms.remove_everywhere("ann") == 4
    world.settle()
    assert codes(*anns, eye, *bobs) == [4410] * 4 + [None, None]
    assert [leaves(bob) for bob in bobs] == [[("ann", "kicked")]] * 2
    assert [room.room_id for room in world.gateway.rooms.list()] == [ROOM, OTHER]


# What remains of it


class Redialler:
    """Dials again while the removal is still at work, with a token from just before it."""

    def __init__(self) -> None:
        self.world: World
        self.again: list[Client] = []

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Dial when a tab has ended."""
        if any(isinstance(event, TabEnded) for event in events):
            token = self.world.token("ann", room=room_id, iat=now_ms / 1000 - 0.001)
            query = urlencode({"_pk": "again", "token": token})
            self.again.append(self.world.dial(f"/parties/presence/{room_id}?{query}"))
            self.world.loop.turn()


@pytest.mark.parametrize("way", ["user", "everywhere", "room"])
def test_a_redial_in_the_same_turn_is_refused(way: str) -> None:
    redialler = Redialler()
    world = redialler.world = World(listeners=[redialler])
    world.join("ann", "tab-1")
    world.join("ann", "tab-2")
    if way == "user":
        world.gateway.rooms.remove_user(ROOM, "ann")
    elif way == "everywhere":
        world.gateway.rooms.remove_everywhere("ann")
    else:
        world.gateway.rooms.end(ROOM)
    world.settle()
    assert codes(*redialler.again) == [4410, 4410]
    assert refused(world) == 2
    assert world.users() == {}


@pytest.mark.parametrize(
    ("issued", "code"), [(None, 4410), (-3600, 4410), (0, 4410), (0.001, None), (1, None)]
)
def test_a_token_has_to_be_newer_than_the_removal(issued: float | None, code: int | None) -> None:
    world = World()
    world.gateway.rooms.remove_user(ROOM, "ann")
    removed_at = world.wall()
    world.loop.advance(10)
    issued_at = None if issued is None else removed_at + issued
    assert codes(world.join("ann", iat=issued_at)) == [code]
    assert codes(world.join("bob")) == [None]
    assert refused(world) == (code == 4410)


def test_a_refused_token_is_told_so_in_words_and_costs_no_failed_attempt() -> None:
    world = World()
    world.gateway.rooms.remove_user(ROOM, "ann")
    for _ in range(30):
        ann = world.join("ann")
        assert ann.closed == (4410, "token is from before a removal"), "at once, none is held"


def test_a_takeover_with_an_old_token_leaves_the_new_connection_alone() -> None:
    world = World()
    bob = world.join("bob")
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.loop.advance(1)
    ann = world.join("ann", "tab", iat=world.wall())
    bob.take()
    thief = world.join("ann", "tab", iat=world.wall() - 1.5)
    assert codes(ann, thief) == [None, 4410]
    assert bob.take() == []


def test_a_refresh_with_an_old_token_is_a_removal() -> None:
    world = World()
    bob = world.join("bob")
    old = world.token("ann", iat=world.wall())
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.loop.advance(1)
    tabs = [world.join("ann", f"tab-{number}", iat=world.wall()) for number in range(2)]
    for tab, left in zip(tabs, ([], [("ann", "kicked")]), strict=True):
        tab.send({"type": "token_refresh", "token": old})
        world.settle()
        assert tab.closed == (4410, "token is from before a removal")
        assert leaves(bob) == left


def test_an_observer_cannot_refresh_with_an_old_token_either() -> None:
    world = World()
    old = world.token("eye", observe=True)
    world.gateway.rooms.end(ROOM)
    world.loop.advance(1)
    eye = world.join("eye", observe=True, iat=world.wall())
    eye.send({"type": "token_refresh", "token": old})
    world.settle()
    assert codes(eye) == [4410]


def test_a_refresh_with_somebody_elses_old_token_is_a_mismatch_still() -> None:
    world = World()
    world.gateway.rooms.remove_user(ROOM, "bob")
    ann = world.join("ann")
    ann.send({"type": "token_refresh", "token": world.token("bob")})
    world.settle()
    assert ann.errors() == [("token_mismatch", "token_refresh")]
    assert codes(ann) == [None]


def test_a_room_that_was_ended_is_open_to_new_tokens() -> None:
    world = World()
    bob = world.join("bob")
    assert world.gateway.rooms.end(ROOM) == 1
    world.loop.advance(1)
    assert codes(bob, world.join("bob")) == [4410, 4410]
    assert codes(world.join("bob", iat=world.wall())) == [None]


def test_a_jump_of_the_wall_clock_makes_no_removal_undone() -> None:
    world = World()
    old = world.wall()
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.wall_offset -= 3600
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.wall_offset += 3600
    assert codes(world.join("ann", iat=old)) == [4410]


# While a key is on its way


def test_who_is_removed_while_waiting_at_the_door_does_not_come_in() -> None:
    world, key = World(), SigningKey("new")
    issuer = Issuer(world)
    bob = world.join("bob")
    old = issuer.join("ann", key, iat=int(world.wall()))
    assert codes(old) == [None]
    assert world.gateway.rooms.remove_user(ROOM, "ann") == 0
    issuer.publish(key)
    world.settle()
    assert codes(old) == [4410]
    assert set(bob.users) == {"bob"}


def test_a_refresh_that_waits_is_judged_by_the_removal_in_between() -> None:
    world, key = World(), SigningKey("new")
    issuer = Issuer(world)
    bob, ann = world.join("bob"), world.join("ann")
    old = issuer.token("ann", key, iat=int(world.wall()))
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.loop.advance(1)
    again = world.join("ann", iat=world.wall())
    again.send({"type": "token_refresh", "token": old})
    world.settle()
    assert codes(ann, again) == [4410, None]
    issuer.publish(key)
    world.settle()
    assert codes(again) == [4410]
    assert leaves(bob) == [("ann", "kicked")] * 2


def test_who_is_removed_while_a_refresh_waits_stays_removed() -> None:
    world, key = World(), SigningKey("new")
    issuer = Issuer(world)
    bob, ann = world.join("bob"), world.join("ann")
    new = issuer.token("ann", key, iat=world.wall() + 1)
    ann.send({"type": "token_refresh", "token": new})
    world.settle()
    world.gateway.rooms.remove_user(ROOM, "ann")
    world.loop.turn()
    issuer.publish(key)
    world.settle()
    assert codes(ann) == [4410]
    assert ann.types()[-1] != "token_refreshed"
    assert leaves(bob) == [("ann", "kicked")]
    assert set(world.users()) == {"bob"}


# Where somebody is


def test_a_user_is_found_in_every_room_with_all_connections() -> None:
    world = World()
    enter(world, "bob")
    ann = enter(world, "ann", OTHER)
    ann.update("/there")
    world.join("ann", "second")
    enter(world, "ann", observe=True)
    enter(world, "ann", "presence-eye", observe=True)
    world.settle()
    found = world.gateway.rooms.find("ann")
    assert [(one.room_id, one.connections) for one in found] == [
        (ROOM, 2),
        ("presence-eye", 1),
        (OTHER, 1),
    ]
    assert found[0].entry is not None
    assert found[1].entry is None
    assert b'"currentPath":"/there"' in (found[2].entry or b"")
    assert world.gateway.rooms.find("nobody") == []


def test_rooms_are_counted_as_they_are_asked_for() -> None:
    world = World()
    world.join("ann", "one")
    world.join("ann", "two")
    counted = world.gateway.rooms.count(["presence-empty", ROOM])
    assert [tuple(one) for one in counted] == [("presence-empty", 0, 0), (ROOM, 1, 2)]
    assert [room.room_id for room in world.gateway.rooms.list()] == [ROOM]
