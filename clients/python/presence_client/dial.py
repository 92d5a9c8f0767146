"""How a connection is opened: the address, the token, the WebSocket."""

import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

TokenSource = str | Callable[[], str | Awaitable[str]]
"""A JWT, or a plain or async callable that returns one."""

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
    "close_timeout": 2,
    "logger": _WIRE_LOG,
}


class DialError(Exception):
    """There is no connection: no token, nobody there, or not a WebSocket."""


async def fetch(source: TokenSource) -> str:
    """A token, afresh from its source. Raises DialError, whatever the source does."""
    try:
        token = source() if callable(source) else source
        if not isinstance(token, str):
            token = await token
    except Exception as error:
        raise DialError("no token: its callable failed") from error
    if not isinstance(token, str) or not token.isascii():
        raise DialError("no token: that is not a JWT")
    return token


@dataclass(frozen=True)
class Address:
    """Where to dial, and as which connection: the same for life, so that a redial is a takeover."""

    url: str
    party: str
    room: str
    connection_id: str
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("url must look like ws://host:port or wss://host")
        if parts.query or parts.fragment:
            raise ValueError("url must have no query and no fragment")
        if self.tls is not None and parts.scheme != "wss":
            raise ValueError("tls is for wss:// only")

    def with_token(self, token: str) -> str:
        """The whole address. It holds a secret: never log it."""
        query = urlencode({"_pk": self.connection_id, "token": token}, quote_via=quote)
        path = f"/parties/{quote(self.party, safe='')}/{quote(self.room, safe='')}"
        return f"{self.url.rstrip('/')}{path}?{query}"


async def dial(address: Address, token: TokenSource) -> ClientConnection:
    """Open a connection with a fresh token. You must close what it returns. Raises DialError."""
    options = OPTIONS if address.tls is None else OPTIONS | {"ssl": address.tls}
    url = address.with_token(await fetch(token))
    try:
        return await connect(url, **options)
    except (OSError, WebSocketException) as error:
        raise DialError("no connection") from error
