"""The client's side of WebSocket (RFC 6455), as far as one needs it against this server: an upgrade
without extensions, whole frames, pings and closes. Pure: bytes to frames.
"""

import re
from struct import Struct
from typing import Final

from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.utils import accept_key

TEXT: Final = 0x81
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A
_WHOLE: Final = frozenset({TEXT, CLOSE, PING, PONG})
_MEDIUM: Final = Struct("!H").unpack_from
_LONG: Final = Struct("!Q").unpack_from
_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 16_384
LONGEST: Final = 67_108_864
"""Bytes of a frame: no snapshot is that long."""
MOST: Final = 10_000
"""Frames at once, more than a server's fit in what is read at once: it is pings all over."""
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3})([^\r\n]*)\r\n")
_ACCEPT: Final = re.compile(rb"\r\nsec-websocket-accept:[ \t]*(\S+)[ \t]*\r\n", re.IGNORECASE)


class NotWebSocket(Exception):
    """What came is not what a presence server says; the message says what it is."""


def request(host: str, target: str, key: str, token: str) -> bytes:
    """An upgrade request. The token is in a header, so that no access log has it."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\nUser-Agent: presence-server bench\r\n\r\n"
    ).encode()


def end_of_answer(data: bytes | bytearray, key: str) -> int:
    """Where the answer to the request with this `key` ends; 0 if it is not all there yet.

    Raises:
        NotWebSocket: if it does not open a WebSocket.

    """
    end = data.find(_END)
    status = _STATUS.match(data)
    if not status and (end >= 0 or not data.startswith(b"HTTP/"[: len(data)])):
        raise NotWebSocket("what answers is no web server")
    if end < 0 and len(data) <= _LONGEST_HEAD:
        return 0
    if status and status[1] != b"101":
        raise NotWebSocket(f"the answer is HTTP {(status[1] + status[2]).decode('latin-1')}")
    accept = _ACCEPT.search(data, 0, end + 2)
    if accept is None or accept[1].decode("latin-1") != accept_key(key):
        raise NotWebSocket("the answer does not open a WebSocket")
    return end + len(_END)


def cut(data: bytes | bytearray) -> tuple[list[tuple[int, bytes]], int]:
    """The whole frames at the beginning of `data`: first byte and payload; and where they end.

    Raises:
        NotWebSocket: at a frame that this server never sends.

    """
    frames: list[tuple[int, bytes]] = []
    at, size = 0, len(data)
    while size - at >= 2:
        first, length = data[at], data[at + 1]
        if first not in _WHOLE or length > 127:
            raise NotWebSocket(f"a frame that begins with {data[at : at + 2].hex()}")
        header = 2 if length < 126 else 4 if length == 126 else 10
        if size - at < header:
            break
        if header > 2:
            (length,) = (_MEDIUM if header == 4 else _LONG)(data, at + 2)
            if length > LONGEST:
                raise NotWebSocket(f"a frame of {length:,} bytes")
        end = at + header + length
        if end > size:
            break
        if len(frames) == MOST:
            raise NotWebSocket("a flood of frames")
        frames.append((first, bytes(data[at + header : end])))
        at = end
    return frames, at


def text(payload: bytes) -> bytes:
    """A message as a frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return Frame(Opcode.PONG, payload).serialize(mask=True)


def close(code: int) -> bytes:
    """A Close."""
    return Frame(Opcode.CLOSE, Close(code, "").serialize()).serialize(mask=True)


def read_close(payload: bytes) -> tuple[int, str]:
    """The code and reason of a Close."""
    try:
        said = Close.parse(payload)
    except (ProtocolError, UnicodeDecodeError):
        return 1002, ""
    return said.code, said.reason
