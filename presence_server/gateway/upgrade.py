"""The upgrade request (RFC 6455 §4.2), as browsers send it, read in one pass.

Whatever is not plainly a valid request is left to the library, which knows all the ways in which
one can be wrong and what to answer.
"""

import re
from typing import Final, NamedTuple, Self

from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request
from websockets.utils import accept_key

from presence_server.core.close_codes import Close
from presence_server.core.errors import Refused

START: Final = b"GET /parties/"
END: Final = b"\r\n\r\n"

# No two parts of it can match the same character, so that it never backtracks.
_HEAD: Final = re.compile(
    r"GET ([!-~]+) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)+)\r\n"
)
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in base64
_FORWARDED: Final = "x-forwarded-for"
_BODY: Final = ("content-length", "transfer-encoding")
_READ: Final = frozenset(
    {
        "authorization",
        "connection",
        "origin",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
    }
)


class Upgrade(NamedTuple):
    """What is asked of the server in a valid upgrade request."""

    target: str
    origin: str | None
    authorization: str | None
    key: str
    extensions: str | None = None
    forwarded_for: str | None = None

    @classmethod
    def of(cls, request: Request) -> Self:
        """The same of a request that the library has read and found valid.

        Raises:
            Refused: if a header that must not be repeated is.

        """
        headers = request.headers
        try:
            origin, authorization = headers.get("Origin"), headers.get("Authorization")
        except MultipleValuesError:
            raise Refused(Close.BAD_REQUEST, "a header is repeated") from None
        forwarded_for = ",".join(headers.get_all("X-Forwarded-For")) or None
        key = headers["Sec-WebSocket-Key"]
        return cls(request.path, origin, authorization, key, forwarded_for=forwarded_for)

    def response(self, extensions: str | None = None) -> bytes:
        """The answer that opens the connection, with the extensions that were agreed on."""
        agreed = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        return (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{agreed}Sec-WebSocket-Accept: {accept_key(self.key)}\r\n\r\n"
        ).encode()


def may_become_plain(head: bytearray) -> bool:
    """Whether `head` is the beginning of a request that `read_upgrade` may take."""
    if not START.startswith(head[: len(START)]) or END in head:
        return False
    return head.count(b"\n") == head.count(b"\r\n")


def read_upgrade(head: bytearray) -> Upgrade | None:
    """The upgrade request that `head` is, no more and no less; None leaves it to the library."""
    match = _HEAD.fullmatch(head.decode("latin-1"))
    if match is None:
        return None
    headers: dict[str, str] = {}
    for line in match[2].split("\r\n")[:-1]:
        raw_name, _, value = line.partition(":")
        name, value = raw_name.lower(), value.strip()
        if name in headers and name in _READ:
            return None
        if name in headers and name == _FORWARDED:
            value = f"{headers[name]},{value}"  # each proxy may add a line (RFC 9110 §5.3)
        headers[name] = value
    if not _asks_for_websocket(headers):
        return None
    return Upgrade(
        match[1],
        headers.get("origin"),
        headers.get("authorization"),
        headers["sec-websocket-key"],
        headers.get("sec-websocket-extensions"),
        headers.get(_FORWARDED),
    )


def _asks_for_websocket(headers: dict[str, str]) -> bool:
    return (
        headers.get("upgrade", "").lower() == "websocket"
        and "upgrade" in map(str.strip, headers.get("connection", "").lower().split(","))
        and headers.get("sec-websocket-version") == "13"
        and _KEY.fullmatch(headers.get("sec-websocket-key", "")) is not None
        and not any(name in headers for name in _BODY)
    )
