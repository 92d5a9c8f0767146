"""Answers questions on a Unix socket, in the recorder process. Its folder is the server's alone."""

import asyncio
import contextlib
import logging
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from presence_server.asgi import AsgiServer
    from presence_server.history.api.source import Submit

MAX_HEAD: Final = 65_536
LOAD_S: Final = 10.0
"""After so long it is loaded, asked or not: that takes a second, and memory."""

_LOG: Final = logging.getLogger("presence_server")


def listen(path: Path) -> socket.socket | None:
    """Where it is asked: who asks from now on waits. None if that can't be."""
    try:
        return _bound(path)
    except OSError as error:
        _LOG.error("history: no questions are answered", extra={"reason": error.strerror})
        return None


async def answer_questions(address: str, listening: socket.socket, submit: "Submit") -> None:
    """Answer until it is cancelled. Who asks before all is loaded waits."""
    with listening:
        await _wait_for_one(listening)
        server = await asyncio.to_thread(_server, address, submit)
        await server.serve(sockets=[listening])


async def _wait_for_one(listening: socket.socket) -> None:
    """Wait for the first question; not for ever, as it had to wait in its turn."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening, asked.set)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LOAD_S)
    finally:
        loop.remove_reader(listening)


def _server(address: str, submit: "Submit") -> "AsgiServer":
    """Loading takes long, so it is done beside."""
    from presence_server.asgi import AsgiServer
    from presence_server.history.api.app import CONNECTIONS, create_api
    from presence_server.history.store.engine import readers

    engine = readers(address, CONNECTIONS)
    return AsgiServer(create_api(engine, submit, lambda: time.time_ns() // 1_000_000), MAX_HEAD)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of one that was killed
    listening = socket.socket(socket.AF_UNIX)
    listening.setblocking(False)
    try:
        listening.bind(str(path))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
