"""A proxy in front of PostgreSQL that breaks a connection where it matters most: at a COMMIT.

What is looked for is the command and its answer in the protocol, each with the byte that ends it:
<https://www.postgresql.org/docs/current/protocol-message-formats.html>.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Final, Literal

from tests.support.proxy import Proxy

Moment = Literal["before", "during", "after"]
"""Before the server gets the command; just when it has; when its answer is on its way."""

_COMMIT: Final = b"COMMIT\0"


class AtCommit(Proxy):
    """Forwards until it is told to `cut`, and from `mend` on."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.has_cut = threading.Event()
        self._server = target
        self._moment: Moment | None = None
        self._also: Callable[[], object]
        self._is_whole = asyncio.Event()
        self._is_whole.set()

    def cut(self, moment: Moment, also: Callable[[], object]) -> None:
        """Reset the connection at its next commit, and do something else first; others wait."""
        self._also = also
        self._moment = moment

    def mend(self) -> None:
        """Forward again."""
        self.has_cut.clear()
        self._loop.call_soon_threadsafe(self._is_whole.set)

    # In the thread

    async def _forward(self, source: socket.socket, target: socket.socket) -> None:
        await self._is_whole.wait()
        while data := await self._loop.sock_recv(source, 65_536):
            is_answer = source.getpeername()[1] == self._server
            is_it = _COMMIT in data and self._moment and is_answer == (self._moment == "after")
            if not is_it or self._moment == "during":
                await self._loop.sock_sendall(target, data)
            if is_it:
                await self._cut()
        target.shutdown(socket.SHUT_WR)

    async def _cut(self) -> None:
        self._moment = None
        self._is_whole.clear()
        self._also()
        breaking = self._loop.create_task(self._reset_all())
        breaking.add_done_callback(lambda _: self.has_cut.set())
        await asyncio.Event().wait()  # it is cancelled
