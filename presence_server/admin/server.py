"""The server of the admin listener, for as long as a context lasts."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

from starlette.applications import Starlette

from presence_server.asgi import AsgiServer

MAX_HEAD: Final = 262_144
"""Bytes of a request's head: a thousand room ids have to fit."""
STUCK_MS: Final = 60_000
"""After so long the kernel ends the connection of one who takes nothing at all. Uvicorn would keep
it for good, as it closes none before all is sent.
"""
_TCP_USER_TIMEOUT: Final = 18  # linux/tcp.h; the socket module has its name on Linux only


@contextlib.asynccontextmanager
async def answering(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """Answer on a socket that is bound; at the end of the context finish what is under way."""
    with contextlib.suppress(OSError):  # what it accepts inherits this (Linux)
        listening.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, STUCK_MS)
    server = AsgiServer(app, MAX_HEAD)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
