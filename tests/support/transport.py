"""A transport in memory whose far end reads as much as a test lets it."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.support.loop import FakeLoop


class FakeTransport(asyncio.Transport):
    """What a TCP transport does, without a network.

    `window` is how many bytes the far end takes before it stops reading (None: everything at once).
    Bytes beyond it stay in the write buffer, and the protocol is paused and resumed as asyncio
    does it. Bytes towards the protocol wait while its reading is paused.
    """

    def __init__(
        self,
        loop: FakeLoop,
        on_bytes: Callable[[bytes], None],
        on_eof: Callable[[], None],
        peer: str,
    ) -> None:
        super().__init__({"peername": (peer, 50_000)})
        self.window: int | None = None
        self.is_lost = False
        self.is_aborted = False
        self.has_eof = False
        self._far_loop = loop
        self._on_bytes = on_bytes
        self._on_eof = on_eof
        self._protocol: Any = None
        self._buffer = bytearray()
        self._incoming = bytearray()
        self._high = 65_536
        self._low = 16_384
        self._is_paused = False
        self._is_reading = True
        self._is_closing = False

    def attach(self, protocol: asyncio.BufferedProtocol) -> None:
        """Connect it."""
        self._protocol = protocol
        protocol.connection_made(self)

    # The server's side

    def write(self, data: Any) -> None:
        """Send, as far as the far end reads; RuntimeError after `write_eof`, as uvloop has it."""
        if self.has_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.is_lost:
            raise RuntimeError("unable to perform operation on a closed transport")
        if self._is_closing:
            return
        self._buffer += data
        self._push()
        if len(self._buffer) > self._high and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """Half-close: the far end sees it behind all that was written."""
        self.has_eof = True
        self._push()

    def get_write_buffer_size(self) -> int:
        """Bytes that the far end has not taken."""
        return len(self._buffer)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to pause and to resume."""
        assert high is not None
        assert low is not None
        self._high, self._low = high, low

    def pause_reading(self) -> None:
        """Give the protocol nothing."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Give it what has waited."""
        self._is_reading = True
        self._feed()

    def is_reading(self) -> bool:
        """Whether the server reads."""
        return self._is_reading

    def is_closing(self) -> bool:
        """Whether it is on its way out."""
        return self._is_closing

    def close(self) -> None:
        """Hang up, a little later: for when nothing is buffered."""
        assert not self._buffer
        self._is_closing = True
        self._far_loop.call_soon(self.lose)

    def abort(self) -> None:
        """Cut: what is buffered is lost, and so is the connection, a little later."""
        self.is_aborted = True
        self._is_closing = True
        self._buffer.clear()
        self._far_loop.call_soon(self.lose)

    # The far end's side

    def send(self, data: bytes) -> None:
        """Bytes from the far end."""
        if self.is_lost or self._is_closing:
            return
        self._incoming += data
        self._feed()

    def read(self, size: int | None) -> None:
        """Let the far end take `size` bytes more; None lets it read everything from now on."""
        self.window = None if size is None else (self.window or 0) + size
        self._push()
        if self._is_paused and not self.is_lost and len(self._buffer) <= self._low:
            self._is_paused = False
            self._protocol.resume_writing()

    def lose(self) -> None:
        """The connection is gone, without a word."""
        if not self.is_lost:
            self._is_closing = True
            self.is_lost = True
            self._buffer.clear()
            protocol, self._protocol = self._protocol, None
            protocol.connection_lost(None)

    def _feed(self) -> None:
        while self._incoming and self._is_reading and not self._is_closing:
            buffer = self._protocol.get_buffer(-1)
            size = min(len(buffer), len(self._incoming))
            buffer[:size] = self._incoming[:size]
            del self._incoming[:size]
            self._protocol.buffer_updated(size)

    def _push(self) -> None:
        size = len(self._buffer) if self.window is None else min(self.window, len(self._buffer))
        if size and not self.is_lost:
            taken = bytes(self._buffer[:size])
            del self._buffer[:size]
            if self.window is not None:
                self.window -= size
            self._on_bytes(taken)
        if self.has_eof and not self._buffer and not self.is_lost:
            self._on_eof()
