"""How a connection is opened: a token, then the WebSocket."""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from presence_client.address import Address
from presence_client.timing import Timing

TokenSource = str | Callable[[], str | Awaitable[str]]
"""A JWT, or a plain or async callable that returns one."""

TOKEN_S: Final = 20.0
"""How long an async callable may take."""

# websockets logs addresses and frames on DEBUG, and a token must never reach a log.
_WIRE_LOG: Final = logging.getLogger("presence_client.wire")
_WIRE_LOG.setLevel(logging.INFO)

OPTIONS: Final[dict[str, Any]] = {
    "compression": None,
    "proxy": None,
    "max_size": None,  # a snapshot may have any size
    # A keepalive waits behind a full write buffer, so the buffer holds more than a vanished server
    # can keep us writing before the keepalive finds out.
    "write_limit": 2**20,
    # A server that vanished is found out within 27 s.
    "ping_interval": 10,
    "ping_timeout": 15,
    "close_timeout": 2,
    "open_timeout": 10,
    "logger": _WIRE_LOG,
}


class NoToken(Exception):
    """Raise it in a token callable to say why there is none: its text is told to the user."""


class DialError(Exception):
    """There is no connection, and why, in words that hold no secret."""


async def fetch(source: TokenSource, timing: Timing) -> str:
    """A token, afresh from its source. Raises DialError, whatever the source does."""
    try:
        token = source() if callable(source) else source
        if not isinstance(token, str):
            async with timing.timeout(TOKEN_S):
                token = await token
    except NoToken as error:
        raise DialError(f"no token: {error}") from error
    except Exception as error:
        raise DialError("no token: its callable failed") from error
    if not isinstance(token, str) or not token.isascii():
        raise DialError("no token: that is not a JWT")
    return token


async def dial(address: Address, token: TokenSource, timing: Timing) -> ClientConnection:
    """Open a connection with a fresh token. You must close what it returns. Raises DialError."""
    options = OPTIONS if address.tls is None else OPTIONS | {"ssl": address.tls}
    url = address.with_token(await fetch(token, timing))
    try:
        return await connect(url, **options)
    except (OSError, ValueError, WebSocketException) as error:
        raise DialError(_why(error)) from error


def _why(error: Exception) -> str:
    """What went wrong. What websockets says itself may have the address in it, and so the token."""
    match error:
        case InvalidStatus():
            return f"HTTP {error.response.status_code}"
        case TimeoutError():
            return "no answer in time"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case OSError():
            return error.strerror or "nobody there"
        case _:
            return "that is no WebSocket"
