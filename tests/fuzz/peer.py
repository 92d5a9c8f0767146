"""One socket to the gateway that sends any bytes and keeps all that it is sent."""

import zlib
from typing import Final

from tests.fuzz.reading import PONG, Reading, read
from tests.support.transport import FakeTransport
from tests.support.world import World

MAX_PIECES: Final = 64
_MASK: Final = b"\x5a\xa5\x0f\xf0"
_SYNC: Final = b"\x00\x00\xff\xff"
_REQUEST: Final = (
    b"GET %s HTTP/1.1\r\nHost: presence.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)
_OFFER: Final = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


class Peer:
    """Speaks only when told to; reads as much as `transport.window` lets it."""

    def __init__(self, world: World, address: str = "192.0.2.1") -> None:
        self.raw = bytearray()
        self.sent = bytearray()
        self.piece = 0
        self._world = world
        self.transport = FakeTransport(world.loop, self._receive, lambda: None, address)
        self.connection = world.gateway.connection()
        self.transport.attach(self.connection)

    @property
    def is_gone(self) -> bool:
        """Whether its socket is closed."""
        return self.transport.is_lost

    def dial(self, target: bytes, *, deflate: bool = False, headers: bytes = b"") -> None:
        """Send a plain upgrade request."""
        self.send(_REQUEST % (target, headers + (_OFFER if deflate else b"")))

    def send(self, data: bytes) -> None:
        """Send bytes, in pieces of `piece` bytes if that is not 0 and they are not too many."""
        self.sent += data
        size = max(self.piece, -(-len(data) // MAX_PIECES)) if self.piece else len(data)
        for at in range(0, len(data), size or 1):
            self.transport.send(data[at : at + size])

    def send_frame(self, first: int, payload: bytes, *, size: int | None = None) -> None:
        """Send a frame that begins with the byte `first`, and may lie about its size."""
        self.send(_header(first, 0x80, len(payload) if size is None else size))
        self.send(_MASK + _masked(payload))

    def send_unmasked(self, first: int, payload: bytes) -> None:
        """Send a frame as only a server may."""
        self.send(_header(first, 0, len(payload)) + payload)

    def pong(self) -> None:
        """Show a sign of life."""
        if not self.is_gone:
            self.send_frame(PONG, b"")

    def end_stream(self) -> None:
        """Send nothing more, as TCP has it; the server is to close the socket then."""
        if not self.is_gone and not self.transport.is_closing():
            self.connection.eof_received()
            self._world.loop.call_soon(self.transport.lose)

    def reading(self) -> Reading:
        """What it was sent so far."""
        return read(bytes(self.raw), is_head=self.sent.startswith(b"HEAD "))

    def _receive(self, data: bytes) -> None:
        self.raw += data


def _header(first: int, mask: int, size: int) -> bytes:
    if size < 126:
        return bytes([first, mask | size])
    if size < 65_536:
        return bytes([first, mask | 126]) + size.to_bytes(2)
    return bytes([first, mask | 127]) + size.to_bytes(8)


def _masked(payload: bytes) -> bytes:
    mask = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(len(payload))


def deflated(payload: bytes) -> bytes:
    """`payload` as a client compresses a message that stands alone (RFC 7692 §7.2.1)."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return data.removesuffix(_SYNC)
