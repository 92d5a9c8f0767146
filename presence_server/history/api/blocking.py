"""Answers made piece by piece by what blocks, in other threads than the loop's."""

import itertools
import logging
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import Final

import anyio
from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from presence_server.history.read.limits import QueryTimeout
from presence_server.history.store.troubles import classify
from presence_server.history.stream import Stopped, Stream

_LOG: Final = logging.getLogger("presence_server")
_FAILURES: Final = (QueryTimeout, SQLAlchemyError)
"""What may happen in the middle, and is no bug."""

STALL_S: Final = 120.0
"""How long nothing may be taken. It is the server that takes it, which cuts off a slow asker long
before, and shows of what that one takes only every 256 KiB.
"""

_OVER: Final = b""


def stream(
    pieces: Generator[bytes], headers: Mapping[str, str], limiter: anyio.CapacityLimiter
) -> Stream:
    """The answer whose pieces these are; none is empty. So many are made at once as `limiter` says,
    and each when the one before was taken. The first is made here: if it can't be, that is raised.
    """
    whole = itertools.chain([next(pieces, _OVER)], pieces)

    async def end(failure: Exception | None) -> None:
        await run_sync(pieces.close)  # what it holds it gives back
        if failure is not None:
            _LOG.warning("history: an answer was cut", extra={"trouble": _trouble(failure)})

    return Stream(_taken(whole, limiter), headers, _FAILURES, end, STALL_S)


def _trouble(failure: Exception) -> str:
    if isinstance(failure, TimeoutError):
        return "nobody takes it"
    if isinstance(failure, Stopped):
        return "stopped"
    return "timeout" if isinstance(failure, QueryTimeout) else classify(failure)


async def _taken(pieces: Iterator[bytes], limiter: anyio.CapacityLimiter) -> AsyncIterator[bytes]:
    while piece := await run_sync(next, pieces, _OVER, limiter=limiter):
        yield piece
