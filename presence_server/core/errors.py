"""What the core refuses: a connection (with a close code) or a message (with an error code)."""

from enum import StrEnum
from typing import Final, Literal

from presence_server.core.close_codes import Close

TokenFault = Literal["token_missing", "token_expired", "token_invalid"]

Because = Literal[
    "form",
    "algorithm",
    "kid",
    "signature",
    "issuer",
    "audience",
    "exp",
    "iat",
    "nbf",
    "sub",
    "room",
    "scope",
    "role",
    "name",
    "picture",
    "observe",
    "anon",
    "track",
    "origin",
]
"""What exactly is wrong with a token or its place, in one word: for the log, never for a client."""


class ErrorCode(StrEnum):
    """Every `code` of an `error` message."""

    INVALID_JSON = "invalid_json"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_MESSAGE = "invalid_message"
    TOO_LARGE = "too_large"
    UNSUPPORTED_DATA = "unsupported_data"
    FORBIDDEN = "forbidden"
    NOT_A_MEMBER = "not_a_member"
    RATE_LIMITED = "rate_limited"
    TOKEN_MISMATCH = "token_mismatch"  # noqa: S105 - a code, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - likewise
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - likewise


ADVISORY = frozenset({ErrorCode.FORBIDDEN, ErrorCode.NOT_A_MEMBER, ErrorCode.RATE_LIMITED})
"""Errors that are no breach of the protocol: told once per message type, never counted."""


class BadMessage(Exception):
    """A message that can't be taken. The connection stays open; its sender is told."""

    def __init__(self, code: ErrorCode, message: str, of: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.of = of


class Limit(StrEnum):
    """Everything that there can be too much of, or too little; it labels the refusals' metric."""

    CONNECTIONS = "connections"
    DESCRIPTORS = "descriptors"
    OVERLOAD = "overload"
    ADDRESS_CONNECTIONS = "address_connections"
    ADDRESS_ATTEMPTS = "address_attempts"
    USER_TOTAL = "user_total"
    USER_CONNECTIONS = "user_connections"
    ROOM_USERS = "room_users"
    ROOM_CONNECTIONS = "room_connections"
    TAKEOVERS = "takeovers"
    KEYS = "keys"


_SAYS: Final = {
    Limit.CONNECTIONS: "too many connections",
    Limit.DESCRIPTORS: "out of file descriptors",
    Limit.OVERLOAD: "server is overloaded",
    Limit.ADDRESS_CONNECTIONS: "too many connections from this address",
    Limit.ADDRESS_ATTEMPTS: "too many attempts from this address",
    Limit.USER_TOTAL: "too many connections of this user in all rooms",
    Limit.USER_CONNECTIONS: "too many connections of this user",
    Limit.ROOM_USERS: "room is full",
    Limit.ROOM_CONNECTIONS: "too many connections to this room",
    Limit.TAKEOVERS: "too many takeovers",
    Limit.KEYS: "the issuer's keys can't be had",
}


class Refused(Exception):
    """A connection that may not join: close it with `code` and `reason`."""

    def __init__(
        self,
        code: Close,
        reason: str,
        limit: Limit | None = None,
        *,
        because: Because | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.limit = limit
        self.because: Because | None = because


def too_many(limit: Limit) -> Refused:
    """The refusal of a connection that is one too many."""
    return Refused(Close.TOO_MANY, _SAYS[limit], limit)


class TokenRefused(Exception):
    """A token that isn't accepted; `fault` is exactly the reason of close code 4401.

    `because` says what is wrong with one that is invalid; it never leaves the server.
    """

    def __init__(self, fault: TokenFault, because: Because | None = None) -> None:
        super().__init__(fault)
        self.fault: TokenFault = fault
        self.because: Because | None = because


class KeyUnknown(TokenRefused):
    """A token that is refused unless the key of its `kid`, which may be on its way, says not.

    A `kid` of None is any key at all; `can_be_had` is whether the last request for keys had an
    answer.
    """

    def __init__(self, kid: str | None, *, can_be_had: bool = True) -> None:
        super().__init__("token_invalid", "signature" if kid is None else "kid")
        self.kid = kid
        self.can_be_had = can_be_had

    def refusal(self) -> Refused:
        """The refusal of a connection that has waited for the key in vain.

        Where no key can be had it is to come later: the token may be as good as any.
        """
        if self.can_be_had:
            return Refused(Close.UNAUTHORIZED, self.fault, because=self.because)
        return too_many(Limit.KEYS)
