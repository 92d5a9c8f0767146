"""What was found by those who tried to break in: each of it worked once."""

from ipaddress import ip_network

from websockets.frames import Frame, Opcode

from presence_server.core.errors import KeyUnknown, Limit
from presence_server.gateway.addresses import MAX_OUTSIDE
from presence_server.gateway.intake import READ_SIZE_DEFLATED
from tests.support.issuer import Issuer, SigningKey
from tests.support.transport import FakeTransport
from tests.support.world import OPTIONS, ROOM, Client, World

OFFICE = "203.0.113.9"
ELSEWHERE = "198.51.100.7"
PROXY = "10.0.0.1"
KNOWN, UNKNOWN = SigningKey("known"), SigningKey("unknown")


def issuer_of(world: World) -> Issuer:
    """One whose keys were fetched some time ago."""
    issuer = Issuer(world)
    issuer.publish(KNOWN)
    world.loop.advance(6)
    return issuer


def silent(world: World, peer: str) -> FakeTransport:
    """A socket that says nothing."""
    transport = FakeTransport(world.loop, lambda _: None, lambda: None, peer)
    transport.attach(world.gateway.connection())
    return transport


def refused(world: World, limit: Limit) -> float:
    name = "presence_connections_refused_total"
    return world.metrics.registry.get_sample_value(name, {"reason": limit}) or 0.0


def test_who_waits_for_a_key_does_so_within_the_limit_of_an_address() -> None:
    world = World(OPTIONS._replace(address_connections=3))
    issuer = issuer_of(world)
    waiting = [issuer.join(f"user-{n}", UNKNOWN) for n in range(5)]
    full = (4429, "too many connections from this address")
    assert [client.closed for client in waiting] == [None, None, None, full, full]
    issuer.publish(KNOWN, UNKNOWN)
    world.settle()
    assert set(world.users()) == {"user-0", "user-1", "user-2"}


def test_who_waits_for_a_key_does_so_within_the_limit_of_the_server() -> None:
    world = World(OPTIONS._replace(max_connections=3))
    issuer = issuer_of(world)
    waiting = [issuer.join(f"user-{n}", UNKNOWN) for n in range(5)]
    assert [client.closed is not None for client in waiting] == [False] * 3 + [True] * 2
    assert refused(world, Limit.CONNECTIONS) == 2


def test_what_is_compressed_fills_no_memory_before_the_welcome() -> None:
    world = World(OPTIONS._replace(compression=True))
    issuer = issuer_of(world)
    target = f"/parties/presence/{ROOM}?token={issuer.token('ann', UNKNOWN)}"
    bomber = world.dial(target, deflate=True)
    world.settle()
    big = Frame(Opcode.TEXT, b" " * 16_000)
    packed = big.serialize(mask=True, extensions=bomber._ws.extensions)
    bomber.send_raw(packed * 20)
    assert len(packed * 20) < READ_SIZE_DEFLATED, "one read brings them all"
    world.settle()
    assert bomber.closed == (4429, "too much before the welcome")


def test_one_address_does_not_take_all_places_by_saying_nothing() -> None:
    world = World(OPTIONS._replace(address_connections=3, max_sockets=100))
    ann = join(world, "ann", OFFICE)
    sockets = [silent(world, OFFICE) for _ in range(60)]
    world.settle()
    assert sum(not socket.is_lost for socket in sockets) == 3 * MAX_OUTSIDE
    assert refused(world, Limit.ADDRESS_CONNECTIONS) == 60 - 3 * MAX_OUTSIDE
    assert join(world, "bob", ELSEWHERE).closed is None
    world.loop.advance(20)
    assert len(world.gateway) == 2, "those who say nothing have their time"
    assert join(world, "cat", OFFICE).closed is None
    assert not ann.is_gone


def test_who_is_in_comes_back_also_where_more_are_in_than_may_be_now() -> None:
    world = World(OPTIONS._replace(address_connections=50))
    people = [join(world, f"user-{n}", OFFICE) for n in range(20)]
    world.gateway.reconfigure(OPTIONS._replace(address_connections=2))
    again = join(world, "user-7", OFFICE)
    assert again.types() == ["welcome", "presence_snapshot"]
    assert people[7].closed == (4409, "taken over by the same connection id")
    assert join(world, "late", OFFICE).closed == (4429, "too many connections from this address")


def test_a_proxy_may_open_as_many_as_it_likes() -> None:
    trusted = (ip_network("10.0.0.0/8"),)
    world = World(OPTIONS._replace(address_connections=1, trusted_proxies=trusted))
    sockets = [silent(world, PROXY) for _ in range(20)]
    world.settle()
    assert not any(socket.is_lost for socket in sockets)


def test_addresses_are_forgotten_whichever_way_a_connection_ends() -> None:
    world = World(OPTIONS._replace(address_connections=2))
    silent(world, OFFICE).lose()
    silent(world, "").lose()
    join(world, "ann", OFFICE).vanish()
    join(world, "bob", "").vanish()
    for _ in range(9):
        silent(world, OFFICE)
    world.loop.advance(20)
    for crowd in (world.gateway._addresses._open, world.gateway._addresses._outside):
        assert (crowd.of, crowd.counts) == ({}, {})


def join(world: World, user: str, peer: str) -> Client:
    """Join from an address."""
    target = f"/parties/presence/{ROOM}?_pk=pk-{user}&token={world.token(user)}"
    client = world.dial(target, peer=peer)
    world.settle()
    return client


def test_nobody_waits_for_the_keys_of_a_source_that_was_stopped() -> None:
    world = World()
    issuer = issuer_of(world)
    issuer.jwks.stop()
    heard: list[str] = []
    world.gateway.context.verifier.learn(KeyUnknown("unknown"), lambda: heard.append("none"))
    world.settle()
    assert heard == ["none"]
