"""The upgrade: bytes that come too early, in pieces, or not at all."""

from urllib.parse import urlencode

import pytest
from websockets.frames import Close, Frame, Opcode

from tests.support.transport import FakeTransport
from tests.support.world import ROOM, World


class Raw:
    """A connection that is given raw bytes."""

    def __init__(self, world: World) -> None:
        self.received = bytearray()
        self.transport = FakeTransport(world.loop, self.received.extend, self._hang_up, "10.0.0.1")
        self.transport.attach(world.gateway.connection())

    def _hang_up(self) -> None:
        self.transport.lose()


def request(world: World, user: str = "ann") -> bytes:
    """A whole upgrade request."""
    query = urlencode({"_pk": "p1", "token": world.token(user)})
    return (
        f"GET /parties/presence/{ROOM}?{query} HTTP/1.1\r\nHost: presence.test\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


UPDATE = Frame(Opcode.TEXT, b'{"type":"presence_update","currentPath":"/early"}')


def test_an_update_that_comes_with_the_request_is_taken() -> None:
    world = World()
    Raw(world).transport.send(request(world) + UPDATE.serialize(mask=True))
    world.settle()
    assert world.users()["ann"]["currentPath"] == "/early"


def test_a_request_and_a_message_may_come_byte_by_byte() -> None:
    world = World()
    raw = Raw(world)
    for byte in request(world) + UPDATE.serialize(mask=True):
        raw.transport.send(bytes([byte]))
    world.settle()
    assert world.users()["ann"]["currentPath"] == "/early"


@pytest.mark.parametrize(
    "early",
    [
        Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True),
        UPDATE.serialize(mask=False),
        b"\xff\xff\xff\xff",
    ],
    ids=["a close", "an unmasked frame", "no frame at all"],
)
def test_what_ends_a_connection_before_it_began_harms_nobody(early: bytes) -> None:
    world = World()
    witness = world.join("witness")
    raw = Raw(world)
    raw.transport.send(request(world) + early)
    world.settle()
    assert raw.transport.is_lost
    assert set(world.users()) == set(witness.users) == {"witness"}


def test_a_request_that_never_ends_is_cut_at_its_deadline() -> None:
    world = World()
    raw = Raw(world)
    raw.transport.send(request(world)[:-2])
    world.loop.advance(9.9)
    assert not raw.received
    world.loop.advance(0.2)
    assert raw.received.startswith(b"HTTP/1.1 408 ")
    assert raw.transport.is_lost


@pytest.mark.parametrize("rest", [1, 20])
def test_the_rest_of_a_request_that_came_too_late_lets_nobody_in_and_harms_nobody(
    rest: int,
) -> None:
    world = World()
    world.join("witness")
    raw = Raw(world)
    raw.transport._on_eof = lambda: None  # the far end holds its side open
    data = request(world, "mallory")
    raw.transport.send(data[:-rest])
    world.loop.advance(10.2)
    raw.transport.send(data[-rest:])
    world.settle()
    assert set(world.users()) == {"witness"}
    late = world.join("late")
    assert late.types() == ["welcome", "presence_snapshot"]
    world.loop.advance(6)
    assert raw.transport.is_lost


def test_a_request_with_the_wrong_line_ends_is_refused_at_once() -> None:
    world = World()
    raw = Raw(world)
    raw.transport.send(request(world).replace(b"\r\n", b"\n"))
    assert raw.received.startswith(b"HTTP/1.1 400 ")


def test_a_half_open_socket_after_an_answer_is_cut_too() -> None:
    world = World()
    raw = Raw(world)
    raw.transport._on_eof = lambda: None
    raw.transport.send(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert raw.received.startswith(b"HTTP/1.1 200 ")
    world.loop.advance(5.1)
    assert raw.transport.is_lost
    assert len(world.gateway) == 0


def test_what_is_not_http_gets_a_word() -> None:
    world = World()
    raw = Raw(world)
    raw.transport.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert raw.received.startswith(b"HTTP/1.1 400 ")
    assert raw.transport.is_lost


def test_the_first_of_two_requests_in_one_piece_is_answered() -> None:
    world = World()
    raw = Raw(world)
    raw.transport.send(b"GET /healthz HTTP/1.1\r\n\r\n" * 2)
    assert raw.received.startswith(b"HTTP/1.1 200 ")
    assert raw.transport.is_lost


def test_a_ping_that_comes_with_the_request_gets_no_answer_before_the_handshake() -> None:
    world = World()
    raw = Raw(world)
    raw.transport.send(request(world) + Frame(Opcode.PING, b"early").serialize(mask=True))
    world.settle()
    assert raw.received.startswith(b"HTTP/1.1 101 ")
    assert set(world.users()) == {"ann"}
