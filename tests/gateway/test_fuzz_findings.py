"""What fuzzing found (tests/fuzz), as ordinary tests."""

import pytest

from tests.support.transport import FakeTransport
from tests.support.world import ROOM, World


class Raw:
    """A connection that is given raw bytes."""

    def __init__(self, world: World) -> None:
        self.received = bytearray()
        self.transport = FakeTransport(world.loop, self.received.extend, lambda: None, "10.0.0.1")
        self.transport.attach(world.gateway.connection())


@pytest.mark.parametrize("target", ["/healthz", f"/parties/presence/{ROOM}", "/nowhere"])
@pytest.mark.parametrize("upgrade", ["", "Upgrade: websocket\r\nConnection: Upgrade\r\n"])
def test_the_answer_to_head_has_no_body_whatever_else_is_asked(target: str, upgrade: str) -> None:
    raw = Raw(World())
    raw.transport.send(f"HEAD {target} HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode())
    head, end, body = bytes(raw.received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert end
    assert not body


@pytest.mark.parametrize(("size", "status"), [(20_000, b"101"), (32_800, b"431")])
def test_a_request_is_too_large_also_if_it_ends_with_what_was_read(
    size: int, status: bytes
) -> None:
    world = World()
    raw = Raw(world)
    request = (
        f"GET /parties/presence/{ROOM}?token={world.token('ann')} HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: %s\r\n\r\n"
    )
    raw.transport.send((request % ("c" * size)).encode())
    world.settle()
    assert raw.received.startswith(b"HTTP/1.1 " + status)
    assert set(world.users()) == ({"ann"} if status == b"101" else set())
