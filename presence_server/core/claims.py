"""What a token may say: every claim checked for type, length and range.

The signature is checked elsewhere. A JWT library accepts `exp` as a string, `exp=10**400`, an empty
or a huge `sub`; here none of them passes. Claims are those of RFC 7519 §4.1 and our own.
"""

from typing import Any, Final, NamedTuple, get_args

from presence_server.core import text
from presence_server.core.entry import Identity, Profile
from presence_server.core.errors import Because, TokenRefused
from presence_server.core.permissions import Role

LEEWAY_S: Final = 5
MAX_TIME_S: Final = 253_402_300_799  # the end of the year 9999
MAX_ROOMS: Final = 64
ROLES: Final[dict[str, Role]] = {role: role for role in get_args(Role)}


class Expected(NamedTuple):
    """What the issuer has to have said; `None` where it doesn't matter."""

    issuer: str | None = None
    audience: str | None = None


class Claims(NamedTuple):
    """An accepted token. Times are UTC seconds; `rooms` are ids, or prefixes ending in `*`."""

    identity: Identity
    rooms: tuple[str, ...]
    scopes: frozenset[str]
    expires_at: int
    issued_at: float | None

    def covers(self, room_id: str) -> bool:
        """Whether the token is for this room."""
        return any(
            room_id.startswith(room[:-1]) if room.endswith("*") else room_id == room
            for room in self.rooms
        )


def read_claims(payload: dict[str, Any], now_s: float, expected: Expected) -> Claims:
    """The claims of a token whose signature holds, at wall-clock time `now_s`.

    Raises:
        TokenRefused: `token_expired` if that is all that is wrong, else `token_invalid`.

    """
    _check_source(payload, expected)
    expires_at = payload.get("exp")
    if type(expires_at) is not int or not 0 <= expires_at <= MAX_TIME_S:
        raise TokenRefused("token_invalid", "exp")
    issued_at = _time_that_has_come(payload, "iat", now_s)
    _time_that_has_come(payload, "nbf", now_s)
    claims = Claims(
        _identity(payload), _rooms(payload), _scopes(payload.get("scope")), expires_at, issued_at
    )
    if expires_at + LEEWAY_S <= now_s:
        raise TokenRefused("token_expired")
    return claims


def _check_source(payload: dict[str, Any], expected: Expected) -> None:
    if expected.issuer is not None and payload.get("iss") != expected.issuer:
        raise TokenRefused("token_invalid", "issuer")
    if expected.audience is not None:
        audience = payload.get("aud")
        if expected.audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRefused("token_invalid", "audience")


def _identity(payload: dict[str, Any]) -> Identity:
    user_id = payload.get("sub")
    if not isinstance(user_id, str) or not text.is_id(user_id):
        raise TokenRefused("token_invalid", "sub")
    said = payload.get("role", "commenter")
    role = ROLES.get(said) if isinstance(said, str) else None
    if role is None:
        raise TokenRefused("token_invalid", "role")
    name = _string(payload, "name", text.MAX_NAME) or user_id
    profile = Profile(name, _picture(payload), role)
    return Identity(
        user_id,
        profile,
        observe=_flag(payload, "observe", default=False),
        anon=_flag(payload, "anon", default=False),
        track=_flag(payload, "track", default=True),
    )


def _picture(payload: dict[str, Any]) -> str | None:
    """An http(s) address; anything else (`javascript:`, `data:`) is no picture."""
    picture = _string(payload, "picture", text.MAX_PICTURE)
    if picture is None or not picture.lower().startswith(("http://", "https://")):
        return None
    return picture


def _string(payload: dict[str, Any], claim: Because, limit: int) -> str | None:
    value = payload.get(claim)
    if value is None:
        return None
    if not isinstance(value, str) or not text.is_clean(value, limit):
        raise TokenRefused("token_invalid", claim)
    return value


def _flag(payload: dict[str, Any], claim: Because, *, default: bool) -> bool:
    value = payload.get(claim, default)
    if type(value) is not bool:
        raise TokenRefused("token_invalid", claim)
    return value


def _time_that_has_come(payload: dict[str, Any], claim: Because, now_s: float) -> float | None:
    value = payload.get(claim)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= min(MAX_TIME_S, now_s + LEEWAY_S):
        raise TokenRefused("token_invalid", claim)
    return float(value)


def _rooms(payload: dict[str, Any]) -> tuple[str, ...]:
    claim = payload.get("room")
    rooms = claim if isinstance(claim, list) else [claim]
    if not 0 < len(rooms) <= MAX_ROOMS or not all(_is_pattern(room) for room in rooms):
        raise TokenRefused("token_invalid", "room")
    return tuple(rooms)


def _is_pattern(room: object) -> bool:
    """A room id, or one with a trailing `*`, or `*` alone for every room."""
    if not isinstance(room, str):
        return False
    return room == "*" or text.is_room_id(room.removesuffix("*"))


def _scopes(scope: object) -> frozenset[str]:
    """`scope` as one string (RFC 8693 §4.2) or a list of words."""
    if scope is None:
        return frozenset()
    words = scope.split() if isinstance(scope, str) else scope
    if not isinstance(words, list) or len(words) > MAX_ROOMS:
        raise TokenRefused("token_invalid", "scope")
    if not all(isinstance(word, str) and text.is_id(word) for word in words):
        raise TokenRefused("token_invalid", "scope")
    return frozenset(words)
