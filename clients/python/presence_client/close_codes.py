"""The close codes, once: what each says, and what a client does.

It decides by number, never by text; only 4401 has reasons that are words of the protocol.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

ABNORMAL: Final = 1006
"""No Close frame came (RFC 6455 §7.4.1), or there was no connection at all."""

TOKEN_INVALID: Final = "token_invalid"  # noqa: S105 - a reason, not a secret


class Closing(NamedTuple):
    """How a connection ended."""

    code: int
    reason: str


class Advice(StrEnum):
    """What a client does about a close."""

    RETRY = "retry"
    RETRY_LATER = "retry later"
    NEW_TOKEN = "new token"  # noqa: S105 - advice, not a secret
    STOP = "stop"


class Meaning(NamedTuple):
    """One row of the table."""

    says: str
    advice: Advice


TABLE: Final[Mapping[int, Meaning]] = MappingProxyType(
    {
        1001: Meaning("server going away", Advice.RETRY),
        ABNORMAL: Meaning("connection lost, or none to be had", Advice.RETRY),
        1002: Meaning("not WebSocket", Advice.STOP),
        1007: Meaning("text that is not UTF-8", Advice.STOP),
        1009: Meaning("message too big", Advice.STOP),
        1012: Meaning("server restarting", Advice.RETRY),
        4400: Meaning("not the protocol, or a bad address", Advice.STOP),
        4401: Meaning("no token, or not a valid one", Advice.NEW_TOKEN),
        4403: Meaning("wrong room, origin or permission", Advice.STOP),
        4404: Meaning("no such party", Advice.STOP),
        4408: Meaning("too slow, or no sign of life", Advice.RETRY),
        4409: Meaning("taken over by the same connection id", Advice.STOP),
        4410: Meaning("removed by an operator, or the room was ended", Advice.STOP),
        4429: Meaning("a limit was reached", Advice.RETRY_LATER),
    }
)


def advice(code: int) -> Advice:
    """What to do about a code; one that the table does not know is worth another try."""
    return TABLE[code].advice if code in TABLE else Advice.RETRY
