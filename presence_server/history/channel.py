"""The channel between the server and the recorder process: frames over a socket pair.

A frame is its length (four bytes, the greatest first) and MessagePack.
"""

import asyncio
from collections.abc import Callable
from typing import Final

HEAD: Final = 4
MAX_FRAME: Final = 16_777_216


class Channel(asyncio.Protocol):
    """One end. `on_frame` is called with each frame, `on_end` once: nothing comes any more."""

    def __init__(self, on_frame: Callable[[bytes], object], on_end: Callable[[], object]) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._is_over = False
        self._received = bytearray()
        self._transport: asyncio.Transport

    def send(self, payload: bytes) -> None:
        """Send a frame; it never waits. What is on its way is bounded by whoever sends."""
        if not self._transport.is_closing():
            self._transport.write(len(payload).to_bytes(HEAD, "big"))
            self._transport.write(payload)

    def finish(self) -> None:
        """Send nothing any more; answers may still come."""
        if not self._transport.is_closing() and not self._is_over:
            self._transport.write_eof()

    def close(self) -> None:
        """Hang up, once what was sent has gone out."""
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = transport  # type: ignore[assignment] # it is a socket's

    def data_received(self, data: bytes) -> None:
        """Take the frames that are whole."""
        self._received += data
        start = 0
        while (frame := self._frame_at(start)) is not None:
            start += HEAD + len(frame)
            self._on_frame(frame)
        del self._received[:start]

    def eof_received(self) -> bool:
        """The other end sends nothing any more, but may listen."""
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The other end is gone."""
        del error
        self._end()

    def _frame_at(self, start: int) -> bytes | None:
        head = self._received[start : start + HEAD]
        length = int.from_bytes(head, "big")
        if length > MAX_FRAME:
            self.abort()
            return None
        frame = self._received[start + HEAD : start + HEAD + length]
        return bytes(frame) if len(head) == HEAD and len(frame) == length else None

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end()
