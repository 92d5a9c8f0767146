"""Uvicorn in the loop that is running already, without its hands on the signals."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

MAX_HEAD: Final = 262_144
"""Bytes of a request's head: a thousand room ids have to fit."""


class AdminServer(uvicorn.Server):
    """Serves the admin application on a socket that is bound; the app handles signals."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                log_level="error",
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=MAX_HEAD,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    @contextlib.asynccontextmanager
    async def serving(self, listening: socket.socket) -> AsyncIterator[None]:
        """Serve; at the end of the context finish what is under way."""
        task = asyncio.create_task(self.serve(sockets=[listening]))
        try:
            yield
        finally:
            self.should_exit = True
            await asyncio.gather(task, return_exceptions=True)
