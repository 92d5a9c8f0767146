"""The shortcuts of the wire: nobody can tell them from the library that they go around."""

import struct
import zlib
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from presence_server.gateway.deflate import AGREED, inflater
from presence_server.gateway.upgrade import Upgrade, read_upgrade
from presence_server.gateway.wire import Received, Wire

MAX_MESSAGE = 2_000
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = (
    "GET /parties/presence/acme?_pk=p1 HTTP/1.1\r\nHost: presence.test\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\n\r\n"
)


class Heard(NamedTuple):
    """What a peer's bytes came to: data frames in order, what was answered, how it ended."""

    data: list[tuple[Opcode, bytes, bool]]
    sent: bytes
    close_sent: int | None


def by_the_library(stream: bytes, *, is_deflated: bool) -> Heard:
    library = ServerProtocol(state=OPEN, max_size=MAX_MESSAGE)
    if is_deflated:
        library.extensions = [inflater()]
    library.receive_data(stream)
    frames = [event for event in library.events_received() if isinstance(event, Frame)]
    sent = library.close_sent
    data = [(f.opcode, bytes(f.data), f.fin) for f in frames if f.opcode < Opcode.CLOSE]
    return Heard(data, b"".join(library.data_to_send()), sent.code if sent else None)


def by_the_wire(chunks: list[bytes], *, is_deflated: bool) -> Heard:
    wire = open_wire(AGREED if is_deflated else None)
    data: list[tuple[Opcode, bytes, bool]] = []
    sent = b""
    for chunk in chunks:
        data += filter(None, map(as_data, wire.receive(bytearray(chunk))))
        sent += b"".join(wire.to_send())
    return Heard(data, sent, wire.close_sent)


def as_data(piece: Received) -> tuple[Opcode, bytes, bool] | None:
    if isinstance(piece, bytes):
        return (Opcode.TEXT, piece, True)
    assert isinstance(piece, Frame)
    return (piece.opcode, bytes(piece.data), piece.fin) if piece.opcode < Opcode.CLOSE else None


def open_wire(extensions: str | None = None) -> Wire:
    wire = Wire(MAX_MESSAGE)
    (upgrade,) = wire.receive(bytearray(HEAD.encode()))
    assert isinstance(upgrade, Upgrade)
    assert wire.open(upgrade, extensions).startswith(b"HTTP/1.1 101 ")
    return wire


def masked(first: int, payload: bytes, mask: bytes, *, length: int | None = None) -> bytes:
    """A client's frame; `length` lies about the size of the payload."""
    size = len(payload) if length is None else length
    if size < 126:
        header = struct.pack("!BB", first, 0x80 | size)
    elif size < 65_536:
        header = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        header = struct.pack("!BBQ", first, 0x80 | 127, size)
    masked_payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return header + mask + masked_payload


def deflated(message: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


PAYLOADS = st.binary(max_size=140) | st.sampled_from([b"x" * 126, b"y" * 2_000, b"z" * 2_001])
MASKS = st.binary(min_size=4, max_size=4)
DEFLATED = st.sampled_from([b"", b"{}", b"x" * 2_000, b"x" * 2_001, b"x" * 9_000]).map(deflated)
USUAL = st.builds(masked, st.sampled_from([0x81, 0x81, 0x81, 0x8A, 0x89]), PAYLOADS, MASKS)
PARTS = st.builds(masked, st.sampled_from([0x01, 0x00, 0x80, 0x02, 0x82]), PAYLOADS, MASKS)
COMPRESSED = st.builds(masked, st.sampled_from([0xC1, 0xC1, 0x41, 0xC2]), DEFLATED, MASKS)
UNUSUAL = (
    st.builds(masked, st.integers(0, 255), PAYLOADS, MASKS)
    | st.just(masked(0x88, struct.pack("!H", 1000) + b"bye", b"mask"))
    | st.just(masked(0x81, b"", b"mask", length=2**40))
    | st.just(b"\x81\x02hi")  # no mask
    | st.just(b"\x81\xfe\x00\x02mask" + b"hi")  # a length that could be shorter
    | st.binary(max_size=20)
)


@settings(max_examples=800)
@given(
    st.lists(USUAL | USUAL | COMPRESSED | PARTS | UNUSUAL, max_size=8).map(b"".join),
    st.lists(st.integers(0, 300), max_size=8),
    st.booleans(),
)
def test_whatever_comes_and_however_it_is_cut_the_library_would_have_heard_the_same(
    stream: bytes, cuts: list[int], is_deflated: bool
) -> None:
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in pairwise(at)]
    heard = by_the_library(stream, is_deflated=is_deflated)
    assert by_the_wire(chunks, is_deflated=is_deflated) == heard


def test_a_client_that_only_talks_never_needs_the_library() -> None:
    wire = open_wire()
    pieces = wire.receive(bytearray(masked(0x81, b"{}", b"mask") + masked(0x8A, b"", b"mask")))
    assert pieces[0] == b"{}"
    assert wire.library is None


def by_library(head: str) -> Upgrade | None:
    """What the library makes of a request; None if it would not agree to an upgrade."""
    library = ServerProtocol()
    library.receive_data(head.encode("latin-1"))
    events = library.events_received()
    if len(events) != 1 or not isinstance(events[0], Request):
        return None
    response = library.accept(events[0])
    if response.status_code != 101:
        return None
    upgrade = Upgrade.of(events[0])
    assert response.headers["Sec-WebSocket-Accept"].encode() in upgrade.response()
    return upgrade


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Host: presence.test", "Host: presence.test\r\nOrigin: https://app.test"),
        ("Host: presence.test", "Host: presence.test\r\nAuthorization:  Bearer a.b.c \t"),
        ("Connection: Upgrade", "cONNECTION: keep-alive, Upgrade"),
        ("Connection: Upgrade", "Connection: Upgrade, Keep-Alive"),
        ("Upgrade: websocket", "upgrade:WebSocket"),
        ("Host: presence.test", "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2"),
        ("Host: presence.test", "Host: presence.test\r\nCookie: a=b; c=d"),
        ("", ""),
    ],
)
def test_a_plain_request_is_read_as_the_library_reads_it(old: str, new: str) -> None:
    head = HEAD.replace(old, new, 1)
    assert read_upgrade(bytearray(head.encode())) == by_library(head) != None  # noqa: E711


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("GET ", "POST "),
        ("GET ", "get "),
        ("HTTP/1.1", "HTTP/1.0"),
        ("/parties/", "/parties /"),
        ("/acme", "/acmé"),
        ("Connection: Upgrade", "Connection: close"),
        ("Connection: Upgrade", "Connection: up grade"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket\r\n", ""),
        ("Version: 13", "Version: 8"),
        (KEY, "c2hvcnQ="),
        (KEY, "not base64 at all, not at"),
        ("Host: presence.test", "Host: presence.test\r\nContent-Length: 4"),
        ("Host: presence.test", "Host: presence.test\r\nTransfer-Encoding: chunked"),
        ("Host: presence.test", f"Sec-WebSocket-Key: {KEY}"),
        ("Host: presence.test", "Host : presence.test"),
        ("Host: presence.test", "Host: presence\x00test"),
        ("Host: presence.test", "Host: a\r\n folded: b"),
        ("\r\n\r\n", "\r\n\r\nmore"),
        ("\r\n\r\n", "\n\n"),
        ("\r\n", "\n"),
    ],
)
def test_what_the_library_might_refuse_or_read_otherwise_is_left_to_it(old: str, new: str) -> None:
    assert old in HEAD
    assert read_upgrade(bytearray(HEAD.replace(old, new, 1).encode("latin-1"))) is None


@pytest.mark.parametrize("name", ["Origin", "Authorization", "Connection", "Upgrade"])
def test_a_repeated_header_is_left_to_the_library(name: str) -> None:
    head = HEAD.replace("Host:", f"{name}: https://a.test\r\n{name}: https://b.test\r\nHost:")
    assert read_upgrade(bytearray(head.encode())) is None


@given(st.lists(st.tuples(st.integers(0, len(HEAD)), st.characters(max_codepoint=255)), max_size=3))
def test_no_mangled_request_is_let_in_that_the_library_refuses(
    changes: list[tuple[int, str]],
) -> None:
    head = HEAD
    for at, character in changes:
        head = head[:at] + character + head[at + 1 :]
    upgrade = read_upgrade(bytearray(head.encode("latin-1")))
    assert upgrade is None or upgrade == by_library(head)
