"""Bytes over TCP that are no HTTP or no WebSocket: a code for each, and nobody notices."""

import json
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from tests.support.peer import Peer, pump
from tests.support.server import ROOM, Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("--handshake-timeout", "1") as server:
        yield server


@pytest.fixture
def witness(server: Server) -> Iterator[Peer]:
    """A member of a room of its own, who must be served still when the test is over."""
    server.room = f"presence-{len(server.peers)}"
    witness = server.enter("witness")
    yield witness
    witness.update("/still-here")
    pump([witness], lambda: witness.sees("witness", "/still-here"))
    assert witness.closed is None
    server.check_quiet()


PATH = f"/parties/presence/{ROOM}".encode()
UPGRADE = b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NO_REQUESTS: dict[str, tuple[bytes, int]] = {
    "no upgrade": (b"GET " + PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    "no Connection": (b"GET " + PATH + b" HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 426),
    "no key": (b"GET " + PATH + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n", 400),
    "another upgrade": (b"GET " + PATH + b" HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", 426),
    "200 headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    "a header of 9 KB": (b"GET / HTTP/1.1\r\nA: " + b"b" * 9_000 + b"\r\n\r\n", 431),
    "a request line of 9 KB": (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
    "no end": (b"GET / HTTP/1.1\r\nHost: x", 408),
    "nothing at all": (b"", 408),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a header without colon": (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400),
    "a body": (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400),
    "POST of an upgrade": (b"POST " + PATH + b" HTTP/1.1\r\n" + UPGRADE + b"\r\n", 405),
    "POST elsewhere": (b"POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a page that is not": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
}


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize("case", NO_REQUESTS)
def test_what_is_no_upgrade_gets_an_http_status(server: Server, case: str) -> None:
    request, status = NO_REQUESTS[case]
    answer = server.exchange(request)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()


def masked(opcode: Opcode, data: bytes, **flags: Any) -> bytes:
    return Frame(opcode, data, **flags).serialize(mask=True)


BAD_FRAMES: dict[str, tuple[bytes, int]] = {
    "invalid UTF-8": (masked(Opcode.TEXT, b'{"type":"\xff"}'), 1007),
    "half a character": (masked(Opcode.TEXT, b'"\xc3'), 1007),
    "unmasked": (Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
    "reserved bit": (b"\xc1\x80\x00\x00\x00\x00", 1002),
    "reserved opcode": (b"\x83\x80\x00\x00\x00\x00", 1002),
    "fragmented ping": (masked(Opcode.TEXT, b"", fin=False) + b"\x09\x80\x00\x00\x00\x00", 1002),
    "long ping": (b"\x89\xfe\x00\x80" + b"\0" * 132, 1002),
    "continued out of nothing": (masked(Opcode.CONT, b"x"), 1002),
    "text inside a text": (masked(Opcode.TEXT, b"", fin=False) + masked(Opcode.TEXT, b"x"), 1002),
    "close of one byte": (masked(Opcode.CLOSE, b"\x03"), 1002),
    "close with a code that is not": (masked(Opcode.CLOSE, struct.pack("!H", 1005)), 1002),
    "oversized": (masked(Opcode.TEXT, b"x" * 16_385), 1009),
    "oversized by its own word": (b"\x81\xff" + struct.pack("!Q", 2**62) + b"\0\0\0\0", 1009),
    "oversized in pieces": (
        masked(Opcode.TEXT, b"x" * 9_000, fin=False) + masked(Opcode.CONT, b"x" * 9_000),
        1009,
    ),
    "a flood of fragments": (
        masked(Opcode.TEXT, b"", fin=False) + masked(Opcode.CONT, b"", fin=False) * 1_000,
        1009,
    ),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_frame_closes_with_its_code(server: Server, witness: Peer, case: str) -> None:
    data, code = BAD_FRAMES[case]
    bad = server.enter("bad")
    bad.send_bytes(data)
    pump([bad, witness], lambda: bad.closed and witness.left())
    assert bad.closed is not None
    assert bad.closed[0] == code
    assert witness.left() == [("bad", "closed")]


def test_binary_is_answered_and_a_message_in_pieces_is_taken(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    ann.send_frame(Frame(Opcode.BINARY, b"\x00\xff"))
    pump([ann], ann.errors)
    assert ann.errors() == ["unsupported_data"]
    message = {"type": "presence_update", "currentPath": "/é"}
    text = json.dumps(message, ensure_ascii=False).encode()
    cut = text.index("é".encode()) + 1
    for byte in masked(Opcode.TEXT, text[:cut], fin=False) + masked(Opcode.CONT, text[cut:]):
        ann.send_bytes(bytes([byte]))
    pump([ann, witness], lambda: witness.sees("ann", "/é"))
    assert ann.closed is None


def test_one_whose_connection_is_reset_is_gone_at_once(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    pump([witness], lambda: "ann" in witness.users)
    ann.reset()
    pump([witness], witness.left, 5)
    assert witness.left() == [("ann", "timeout")]


def test_one_that_hangs_up_without_a_close_is_gone_at_once(server: Server, witness: Peer) -> None:
    ann = server.enter("ann")
    ann.drop()
    pump([witness], witness.left, 5)
    assert witness.left() == [("ann", "timeout")]


@pytest.mark.parametrize("kind", ["protocol", "message"])
def test_a_flood_of_pings_holds_nobody_up_and_loses_nothing(
    server: Server, witness: Peer, kind: str
) -> None:
    flood, ann = server.enter("flood"), server.enter("ann")
    everybody = [flood, ann, witness]
    ping = masked(Opcode.TEXT, b'{"type":"ping"}')
    flood.send_bytes((ping if kind == "message" else masked(Opcode.PING, b"")) * 3_000)
    flood.update("/after-the-flood")
    for number in range(5):
        ann.update(f"/{number}")
        pump(everybody, partial(witness.sees, "ann", f"/{number}"), 3)
    pump(everybody, lambda: witness.sees("flood", "/after-the-flood"), 20)
    if kind == "protocol":
        pump(everybody, lambda: flood.pongs == 3_000)
    else:
        assert "pong" in flood.types()
        assert set(flood.errors()) == {"rate_limited"}
    assert flood.closed is None
