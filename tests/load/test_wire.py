"""What the generator reads off the wire, and what it makes of it."""

import json

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import generate_key

from presence_server.gateway.frames import text_frame
from presence_server.load import told, wire
from presence_server.load.told import Batch, Memory

KEY = generate_key()


def frame(**message: object) -> bytes:
    """A message as the server sends it."""
    return text_frame(json.dumps(message).encode())


def changed(seq: int, at: int) -> bytes:
    return frame(type="presence_changed", userId="ann", data={"at": at}, seq=seq)


def answer(request: bytes) -> bytes:
    """What websockets' server says to a request."""
    server = ServerProtocol()
    server.receive_data(request)
    (event,) = server.events_received()
    assert isinstance(event, Request)
    assert event.headers["Authorization"] == "Bearer t.o.k"
    server.send_response(server.accept(event))
    return b"".join(server.data_to_send())


# The upgrade


def test_a_library_agrees_to_our_request_and_we_to_its_answer() -> None:
    said = answer(wire.request("example.com", "/parties/presence/r?_pk=a", KEY, "t.o.k"))
    for end in range(len(said)):
        assert wire.end_of_answer(said[:end], KEY) == 0
    assert wire.end_of_answer(said + b"\x81\x02hi", KEY) == len(said)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404 Not Found"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello", "HTTP 200 OK"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "does not open"),
        (b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: d3Jvbmc=\r\n\r\n", "does not open"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no web server"),
        (b"\x15\x03\x01", "no web server"),
    ],
)
def test_what_does_not_open_a_websocket_is_named(said: bytes, why: str) -> None:
    with pytest.raises(wire.NotWebSocket, match=why):
        wire.end_of_answer(said, KEY)


# Frames


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
def test_frames_of_every_length_are_cut_wherever_the_bytes_end(size: int) -> None:
    payload = b"x" * size
    one = text_frame(payload)
    assert wire.cut(one + one) == ([(wire.TEXT, payload)] * 2, 2 * len(one))
    for end in {0, 1, 2, 3, 5, 9, len(one) - 1} & {*range(len(one))}:
        assert wire.cut(one[:end]) == ([], 0)
    assert wire.cut(one + one[:1]) == ([(wire.TEXT, payload)], len(one))


@pytest.mark.parametrize("first", [b"\x01\x01x", b"\x82\x01x", b"\xc1\x01x", b"\x81\x81abcdx"])
def test_frames_that_this_server_never_sends_are_refused(first: bytes) -> None:
    with pytest.raises(wire.NotWebSocket, match="frame"):
        wire.cut(first)


def test_a_frame_that_no_memory_holds_is_refused_by_its_header() -> None:
    with pytest.raises(wire.NotWebSocket, match="1,099,511,627,776 bytes"):
        wire.cut(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))


def test_more_frames_at_once_than_a_server_sends_are_refused() -> None:
    pings = b"\x89\x00" * wire.MOST
    assert len(wire.cut(pings)[0]) == wire.MOST
    with pytest.raises(wire.NotWebSocket, match="flood"):
        wire.cut(pings + b"\x89\x00")


def test_closes_are_read_and_what_is_none_is_a_breach() -> None:
    ours = Frame(Opcode.CLOSE, Close(4429, "room is full").serialize())
    ((first, payload),), _ = wire.cut(ours.serialize(mask=False))
    assert (first, wire.read_close(payload)) == (wire.CLOSE, (4429, "room is full"))
    assert wire.read_close(b"") == (1005, "")
    assert wire.read_close(b"\x00") == (1002, "")


# Messages


def test_a_rooms_events_are_read_at_once_and_remembered() -> None:
    memory = Memory()
    cursor = frame(type="cursor_changed", userId="ann", cursor={"x": 1, "at": 30})
    left = frame(type="user_left", userId="bob", reason="closed", seq=9)
    chunk = changed(7, 10) + changed(8, 20) + cursor + left
    batch = memory.batch(chunk)
    assert batch == Batch(7, 9, (10, 20), (30,))
    assert memory.batch(bytes(bytearray(chunk))) is batch


@pytest.mark.parametrize(
    "chunk",
    [
        changed(7, 10)[:-1],
        changed(7, 10) + b"\x89\x00",
        changed(7, 10) + changed(9, 20),
        changed(7, 10) + frame(type="presence_snapshot", users=[], seq=8),
        frame(type="pong"),
    ],
    ids=["not whole", "a ping", "a gap", "a snapshot", "a direct reply"],
)
def test_anything_else_is_left_to_be_read_frame_by_frame(chunk: bytes) -> None:
    assert Memory().batch(chunk) is None


def test_the_memory_does_not_grow_without_end() -> None:
    memory = Memory()
    for number in range(2_000):
        memory.batch(frame(type="user_left", userId="x" * 10_000, seq=number))
    assert memory._size <= told._REMEMBERED_BYTES + 20_000


@pytest.mark.parametrize("payload", [b"hello", b"[]", b'{"seq":1}', b'{"type":"pong","seq":"x"}'])
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(wire.NotWebSocket):
        told.read(payload)
