"""A network that loses or delays what a server says, message by message."""

import asyncio
import contextlib
import socket
from typing import Final

from tests.support.proxy import Proxy

_HEAD_END: Final = b"\r\n\r\n"


class Lossy(Proxy):
    """A proxy that loses each so-and-so-manieth change of an entry, or says all of it late."""

    def __init__(self, target: int, *, lose_each: int = 0, late_s: float = 0.0) -> None:
        super().__init__(target)
        self.lost = 0
        self._server = target
        self._lose_each = lose_each
        self._late_s = late_s
        self._seen = 0

    async def _forward(self, source: socket.socket, target: socket.socket) -> None:
        if source.getpeername()[1] != self._server:
            await super()._forward(source, target)
            return
        rest = b""
        is_open = False
        while data := await self._loop.sock_recv(source, 65_536):
            rest += data
            if not is_open:
                head, is_open, rest = _head(rest)
                await self._loop.sock_sendall(target, head)
            if is_open:
                frames, rest = _frames(rest)
                kept = b"".join(frame for frame in frames if not self._is_lost(frame))
                self._loop.call_later(self._late_s, self._send, target, kept)
        await asyncio.sleep(self._late_s)
        target.shutdown(socket.SHUT_WR)

    def _send(self, target: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):  # small pieces, to somebody who reads
            target.send(data)

    def _is_lost(self, frame: bytes) -> bool:
        if not self._lose_each or b'"presence_changed"' not in frame:
            return False
        self._seen += 1
        is_lost = self._seen % self._lose_each == 0
        self.lost += is_lost
        return is_lost


def _head(data: bytes) -> tuple[bytes, bool, bytes]:
    """The answer to the upgrade, if it is there, and what follows it."""
    end = data.find(_HEAD_END)
    if end < 0:
        return b"", False, data
    end += len(_HEAD_END)
    return data[:end], True, data[end:]


def _frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames of a server (RFC 6455 §5.2), and what is left."""
    frames = []
    while len(data) >= 2:
        length, header = data[1], 2
        if length == 126:
            length, header = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, header = int.from_bytes(data[2:10]), 10
        if len(data) < header or len(data) < header + length:
            break
        frames.append(data[: header + length])
        data = data[header + length :]
    return frames, data
