"""Answers that come piece by piece, and may break off in the middle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

STALL_S: Final = 30.0
"""How long an asker may take nothing. It counts what the kernel shows, which goes in steps of up to
200 KiB (the listener's `TCP_NOTSENT_LOWAT` keeps them that small): 10 KB in a second are enough.
"""


class Stopped(Exception):
    """Who answers has to end."""


class Stream(StreamingResponse):
    """`pieces`, and then their `end`, also if the asker is gone.

    If one of these `failures` comes instead of the last piece, or nobody takes the next one, the
    connection is cut without the mark of the end: that is how HTTP/1.1 says that something is
    missing (RFC 9112 §8). Nobody is cut off who takes a piece now and then, within `stall_s` of the
    one before, however long that lasts.
    """

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        headers: Mapping[str, str],
        failures: tuple[type[Exception], ...],
        end: Callable[[Exception | None], Awaitable[object]],
        stall_s: float,
    ) -> None:
        super().__init__(pieces, headers=headers)
        self._failures: tuple[type[Exception], ...] = (*failures, TimeoutError)
        self._failure: Exception | None = None
        self._end = end
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:  # no fault that would belong in the log: nothing follows
            self._failure = Stopped()
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(self._failure)

    async def stream_response(self, send: Send) -> None:
        """Send it, or a part of it."""
        try:
            await super().stream_response(partial(self._send, send))
        except self._failures as failure:
            self._failure = failure

    async def _send(self, send: Send, message: Message) -> None:
        with anyio.fail_after(self._stall_s):
            await send(message)
