"""Every limit on connections: who is refused, with what word and what metric, and who is not."""

from collections.abc import Callable
from ipaddress import ip_network

import pytest

from presence_server.core.errors import Limit
from presence_server.gateway.ports import Options
from tests.support.transport import FakeTransport
from tests.support.world import OPTIONS, ROOM, Client, World

OFFICE = "203.0.113.9"
PROXY = "10.0.0.1"
BEHIND_PROXY = OPTIONS._replace(trusted_proxies=(ip_network("10.0.0.0/8"),))


def refused(world: World, limit: str) -> float:
    """How many were refused because of `limit`, as the metric has it."""
    name = "presence_connections_refused_total"
    return world.metrics.registry.get_sample_value(name, {"reason": limit}) or 0.0


def dial(world: World, user: str, peer: str = OFFICE, via: str | None = None) -> Client:
    """Join from an address; `via` is the `X-Forwarded-For` header of a proxy."""
    target = f"/parties/presence/{ROOM}?_pk=pk-{user}&token={world.token(user)}"
    headers = {} if via is None else {"X-Forwarded-For": via}
    client = world.dial(target, headers=headers, peer=peer)
    world.settle()
    return client


def connect(world: World, hear: Callable[[bytes], None] = lambda _: None) -> FakeTransport:
    """A socket that says nothing of its own accord."""
    transport = FakeTransport(world.loop, hear, lambda: None, OFFICE)
    transport.attach(world.gateway.connection())
    return transport


def test_a_user_has_so_many_connections_in_all_rooms_together() -> None:
    world = World(OPTIONS._replace(user_total=3))
    tabs = [join_room(world, "ann", n) for n in range(4)]
    assert [tab.closed for tab in tabs[:3]] == [None] * 3
    assert tabs[3].closed == (4429, "too many connections of this user in all rooms")
    assert refused(world, Limit.USER_TOTAL) == 1
    assert join_room(world, "bob", 3).closed is None
    assert join_room(world, "ann", 2).closed is None, "a tab that comes back takes its own place"
    tabs[0].close()
    world.settle()
    assert join_room(world, "ann", 5).closed is None


def join_room(world: World, user: str, number: int) -> Client:
    """Join one of several rooms, with a connection id for each."""
    token = world.token(user, room="room-*")
    client = world.dial(f"/parties/presence/room-{number}?_pk=p{number}&token={token}")
    world.settle()
    return client


def test_what_a_user_had_is_forgotten_with_the_last_connection() -> None:
    world = World(OPTIONS._replace(leave_grace=5.0))
    for number in range(3):
        join_room(world, "ann", number).vanish()
        join_room(world, "ann", number).close()
    world.join("ann", observe=True).close()
    world.loop.advance(6)
    assert world.gateway.rooms.census.of("ann") == 0
    assert (world.gateway._inside, len(world.gateway.rooms.census)) == (0, 0)


def test_a_room_has_so_many_connections_observers_included() -> None:
    room = OPTIONS.room._replace(connections=3)
    world = World(OPTIONS._replace(room=room))
    first = world.join("ann", "p1")
    world.join("ann", "p2")
    world.join("eye", observe=True)
    late = world.join("bob")
    assert late.closed == (4429, "too many connections to this room")
    assert refused(world, Limit.ROOM_CONNECTIONS) == 1
    assert world.join("ann", "p1").closed is None, "a takeover needs no place"
    assert world.join("ann", "p1", observe=True).closed is None, "nor does one of another kind"
    first.close()
    assert world.join("ann", "p1").closed is None
    assert world.gateway.rooms.list()[0].connections == 3


def test_an_address_has_so_many_connections() -> None:
    world = World(OPTIONS._replace(address_connections=2))
    inside = [dial(world, name) for name in ("ann", "bob")]
    assert dial(world, "cy").closed == (4429, "too many connections from this address")
    assert refused(world, Limit.ADDRESS_CONNECTIONS) == 1
    assert dial(world, "dan", peer="203.0.113.10").closed is None
    assert dial(world, "ann").closed is None, "a takeover needs no place"
    inside[1].close()
    world.loop.advance(1)
    assert dial(world, "eve").closed is None


def test_behind_a_trusted_proxy_the_client_counts_and_not_the_proxy() -> None:
    world = World(BEHIND_PROXY._replace(address_connections=1))
    assert dial(world, "ann", PROXY, "198.51.100.1").closed is None
    assert dial(world, "bob", PROXY, "198.51.100.2").closed is None
    assert dial(world, "cy", PROXY, f"198.51.100.9, {OFFICE}").closed is None
    assert dial(world, "dan", PROXY, f"198.51.100.8, {OFFICE}").closed is not None


def test_who_is_no_trusted_proxy_cannot_choose_an_address() -> None:
    world = World(BEHIND_PROXY._replace(address_connections=1))
    assert dial(world, "ann", OFFICE, "198.51.100.1").closed is None
    assert dial(world, "bob", OFFICE, "198.51.100.2").closed is not None


def test_an_address_tries_so_often_in_a_minute() -> None:
    world = World(OPTIONS._replace(address_attempts=3))
    for name in ("ann", "bob", "cy"):
        dial(world, name).close()
    assert dial(world, "dan").closed == (4429, "too many attempts from this address")
    assert refused(world, Limit.ADDRESS_ATTEMPTS) == 1
    assert dial(world, "dan", peer="203.0.113.10").closed is None
    world.loop.advance(61)
    assert dial(world, "dan").closed is None


def test_failed_tokens_behind_a_proxy_slow_their_own_address_only() -> None:
    world = World(BEHIND_PROXY)
    bad = "/parties/presence/presence-acme?token=no.token.atall"
    for _ in range(20):
        world.dial(bad, peer=PROXY, headers={"X-Forwarded-For": OFFICE})
    slowed = world.dial(bad, peer=PROXY, headers={"X-Forwarded-For": OFFICE})
    other = world.dial(bad, peer=PROXY, headers={"X-Forwarded-For": "198.51.100.1"})
    world.settle()
    assert slowed.closed is None
    assert other.closed == (4401, "token_invalid")
    held = world.metrics.registry.get_sample_value("presence_refusals_held_total")
    assert held == 1
    assert dial(world, "ann", PROXY, OFFICE).closed is None, "a valid token is never slowed"


def test_while_the_loop_lags_newcomers_are_refused_and_those_inside_are_well() -> None:
    world = World(OPTIONS._replace(overload_lag=1.0))
    lag, loop = world.gateway.lag, world.loop
    ann, bob = world.join("ann"), world.join("bob")
    lag.set_for(loop.now - 1.5)
    assert world.join("cy").closed == (4429, "server is overloaded")
    assert refused(world, Limit.OVERLOAD) == 1
    ann.update("/still-served")
    world.settle()
    assert bob.users["ann"]["currentPath"] == "/still-served"
    lag.fired(loop.now)
    assert world.join("cy").closed is not None, "the last timer was late"
    lag.set_for(loop.now + 0.5)
    loop.advance(0.5)
    lag.fired(loop.now)
    assert world.join("cy").closed is None


def test_without_a_limit_no_lag_refuses_anybody() -> None:
    world = World()
    world.gateway.lag.set_for(world.loop.now - 60)
    assert world.join("ann").closed is None


def test_a_request_that_does_not_arrive_in_time_is_refused_and_counted() -> None:
    world = World()
    answer = bytearray()
    connect(world, answer.extend).send(b"GET /parties/presence/acme HTTP/1.1\r\nHost: x\r\n")
    world.loop.advance(OPTIONS.handshake_timeout + 0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert refused(world, "handshake") == 1


def test_a_herd_fills_every_place_and_no_more() -> None:
    world = World(OPTIONS._replace(max_connections=50))
    silent = [connect(world) for _ in range(20)]
    herd = []
    for number in range(55):
        token = world.token(f"user-{number}")
        herd.append(world.dial(f"/parties/presence/{ROOM}?_pk=p&token={token}"))
    world.settle()
    told = [client.closed for client in herd]
    assert told.count(None) == 50
    assert told.count((4429, "too many connections")) == 5
    assert not any(socket.is_lost for socket in silent), "who says nothing takes nobody's place"
    herd[0].close()
    world.settle()
    assert world.join("late").closed is None


def test_sockets_beyond_what_the_system_allows_are_cut_at_once() -> None:
    world = World(OPTIONS._replace(max_connections=2, max_sockets=3))
    ann = world.join("ann")
    idle = [connect(world) for _ in range(2)]
    late = world.dial("/parties/presence/presence-acme")
    world.loop.turn()
    assert late.is_gone
    assert refused(world, Limit.DESCRIPTORS) == 1
    for socket in idle:
        socket.lose()
    assert world.join("bob").closed is None
    assert ann.users.keys() == {"ann", "bob"}


OTHER_OPTIONS = OPTIONS._replace(
    room=OPTIONS.room._replace(members=1), allowed_origins=("https://app.example",)
)


@pytest.mark.parametrize(
    ("options", "closed"),
    [(OTHER_OPTIONS, (4429, "room is full")), (OPTIONS._replace(max_connections=1), None)],
)
def test_other_options_hold_for_live_rooms_and_drop_nobody(
    options: Options, closed: tuple[int, str] | None
) -> None:
    world = World()
    crowd = [world.join("ann"), world.join("bob")]
    world.gateway.reconfigure(options)
    late = world.join("cy")
    assert late.closed == (closed or (4429, "too many connections"))
    assert [client.closed for client in crowd] == [None, None]
    world.gateway.reconfigure(OPTIONS)
    assert world.join("cy").closed is None


def test_other_origins_hold_from_now_on() -> None:
    world = World()
    world.gateway.reconfigure(OTHER_OPTIONS)
    target = f"/parties/presence/{ROOM}?token={world.token('ann')}"
    stranger = world.dial(target, headers={"Origin": "https://app.example.evil.example"})
    friend = world.dial(target, headers={"Origin": "https://app.example"})
    world.settle()
    assert stranger.closed == (4403, "origin is not allowed")
    assert friend.closed is None
