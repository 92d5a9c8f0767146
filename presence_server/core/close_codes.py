"""The close codes, once: what each says, what a client should do, how it reads as a leave.

A code of ours is 4000 + the HTTP status that says the same. Clients decide by the number; the
reason is for people, except for 4401, whose reason is exactly one of three words.
"""

from enum import IntEnum, StrEnum
from typing import Final, Literal, NamedTuple

ABNORMAL: Final = 1006
"""What stands for a Close where there was none (RFC 6455 §7.4.1): never sent."""

LeaveReason = Literal["closed", "timeout", "kicked", "expired"]
"""What a room is told of one who left."""

EndReason = LeaveReason | Literal["server_stopped"]
"""What listeners are told of a tab that ended; a room hears `closed` of a server that stops."""


class Close(IntEnum):
    """Every close code that the server sends on purpose (RFC 6455 §7.4 for those below 4000)."""

    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_UTF8 = 1007
    TOO_BIG = 1009
    RESTART = 1012
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NO_SUCH_PARTY = 4404
    TIMEOUT = 4408
    TAKEN_OVER = 4409
    REMOVED = 4410
    TOO_MANY = 4429


class Advice(StrEnum):
    """What a client should do when it is closed with a code."""

    RETRY = "retry"
    RETRY_LATER = "retry later"
    NEW_TOKEN = "new token"  # noqa: S105 - advice, not a secret
    STOP = "stop"


class Meaning(NamedTuple):
    """One row of the table: `leave` is the reason that a room is told."""

    says: str
    advice: Advice
    leave: LeaveReason


TABLE: Final[dict[Close, Meaning]] = {
    Close.GOING_AWAY: Meaning("server going away", Advice.RETRY, "closed"),
    Close.PROTOCOL_ERROR: Meaning("not WebSocket", Advice.STOP, "closed"),
    Close.INVALID_UTF8: Meaning("text that is not UTF-8", Advice.STOP, "closed"),
    Close.TOO_BIG: Meaning("message too big, or in too many fragments", Advice.STOP, "closed"),
    Close.RESTART: Meaning("server restarting", Advice.RETRY, "closed"),
    Close.BAD_REQUEST: Meaning("not the protocol, or a bad address", Advice.STOP, "closed"),
    Close.UNAUTHORIZED: Meaning("no token, or not a valid one", Advice.NEW_TOKEN, "expired"),
    Close.FORBIDDEN: Meaning("wrong room, origin or permission", Advice.STOP, "closed"),
    Close.NO_SUCH_PARTY: Meaning("no such party", Advice.STOP, "closed"),
    Close.TIMEOUT: Meaning("too slow, or no sign of life", Advice.RETRY, "timeout"),
    Close.TAKEN_OVER: Meaning("taken over by the same connection id", Advice.STOP, "closed"),
    Close.REMOVED: Meaning("removed by an operator, or the room ended", Advice.STOP, "kicked"),
    Close.TOO_MANY: Meaning("a limit was reached", Advice.RETRY_LATER, "closed"),
}


def end_reason(code: Close) -> EndReason:
    """Why a tab ended that the server closed with this code."""
    is_stop = code in (Close.GOING_AWAY, Close.RESTART)
    return "server_stopped" if is_stop else TABLE[code].leave
