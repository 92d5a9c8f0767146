"""A TCP proxy in front of a server, which breaks connections in ways that a client can't.

It runs in a thread of its own. What a network does to connections on a bad day is done to all that
are open at that moment; those that are opened later are forwarded as before.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.support.peer import HOST, SOON_S

_RESET: Final = struct.pack("ii", 1, 0)


class _Pair(NamedTuple):
    """The two sockets of a connection: the client's, and the one to the server."""

    near: socket.socket
    far: socket.socket


class Proxy:
    """A proxy to a port of the loopback, for use as a context manager; `port` is its own."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server((HOST, 0), backlog=4096)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        self._forwarded: dict[_Pair, asyncio.Task[None]] = {}
        self._hanging: list[socket.socket] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self._loop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._accepting.cancel()
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SOON_S)
        self._loop.close()
        for sock in [*self._hanging, self._listening]:
            sock.close()

    # What it does to connections; it is done when this returns

    def vanish(self) -> None:
        """Forward nothing more either way; neither side is told anything."""
        self._break(self._hanging.extend)

    def reset(self) -> None:
        """Send a RST to both sides."""
        self._break(_reset_both)

    def reset_clients(self) -> None:
        """Send a RST to the client; the server's side is left hanging, told of nothing."""

        def end(pair: _Pair) -> None:
            _reset(pair.near)
            self._hanging.append(pair.far)

        self._break(end)

    def _break(self, end: Callable[[_Pair], object]) -> None:
        asyncio.run_coroutine_threadsafe(self._break_all(end), self._loop).result(SOON_S)

    # In the thread

    async def _reset_all(self) -> None:
        await self._break_all(_reset_both)

    async def _break_all(self, end: Callable[[_Pair], object]) -> None:
        broken = {**self._forwarded}
        self._forwarded.clear()
        for task in broken.values():
            task.cancel()
        await asyncio.gather(*broken.values(), return_exceptions=True)
        for pair in broken:
            end(pair)

    async def _accept(self) -> None:
        while True:
            near, _ = await self._loop.sock_accept(self._listening)
            far = socket.socket()
            for sock in (near, far):
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(near, far)
            self._forwarded[pair] = self._loop.create_task(self._serve(pair))

    async def _serve(self, pair: _Pair) -> None:
        near, far = pair
        with contextlib.suppress(OSError):
            await self._loop.sock_connect(far, (HOST, self._target))
            await _both(self._forward(near, far), self._forward(far, near))
        del self._forwarded[pair]
        near.close()
        far.close()

    async def _forward(self, source: socket.socket, target: socket.socket) -> None:
        while data := await self._loop.sock_recv(source, 65_536):
            await self._loop.sock_sendall(target, data)
        target.shutdown(socket.SHUT_WR)


async def _both(one: Awaitable[None], other: Awaitable[None]) -> None:
    """Wait for both; if one fails, or we are cancelled, for the end of the other."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _reset_both(pair: _Pair) -> None:
    _reset(pair.near)
    _reset(pair.far)


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()
