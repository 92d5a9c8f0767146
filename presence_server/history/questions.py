"""Answers questions on a Unix socket, in the recorder process. Its folder is the server's alone."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

    from presence_server.history.api.source import Submit

MAX_HEAD: Final = 65_536
LOAD_S: Final = 10.0
"""After so long it is loaded, asked or not: that takes a second, and memory."""

_LOG: Final = logging.getLogger("presence_server")


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def answer_questions(address: str, path: Path, submit: "Submit") -> None:
    """Answer until it is cancelled. Who asks before all is loaded waits."""
    try:
        listening = _listen(path)
    except OSError as error:
        _LOG.error("history: no questions are answered", extra={"reason": error.strerror})
        return
    with listening:
        await _wait_for_one(listening)
        app = await asyncio.to_thread(_application, address, submit)
        await _Server(_config(app)).serve(sockets=[listening])


async def _wait_for_one(listening: socket.socket) -> None:
    """Wait for the first question; not for ever, as it had to wait in its turn."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listening, asked.set)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), LOAD_S)
    finally:
        loop.remove_reader(listening)


def _config(app: "FastAPI") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="error",
        lifespan="off",
        ws="none",
        h11_max_incomplete_event_size=MAX_HEAD,
    )


def _application(address: str, submit: "Submit") -> "FastAPI":
    """Loading takes long, so it is done beside."""
    from presence_server.history.api.app import CONNECTIONS, create_api
    from presence_server.history.store.engine import readers

    return create_api(readers(address, CONNECTIONS), submit, lambda: time.time_ns() // 1_000_000)


def _listen(path: Path) -> socket.socket:
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
