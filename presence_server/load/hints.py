"""What to do about a refusal or a loss: the setting to look at. Pure."""

from typing import Final

from presence_server.core.close_codes import ABNORMAL, TABLE, Close
from presence_server.core.errors import Limit, too_many

_SETTING: Final = {
    Limit.CONNECTIONS: "raise PRESENCE_MAX_CONNECTIONS",
    Limit.DESCRIPTORS: "raise the server's limit of open files (LimitNOFILE, ulimit -n)",
    Limit.OVERLOAD: "its loop was later than PRESENCE_OVERLOAD_LAG: use a longer --ramp",
    Limit.ADDRESS_CONNECTIONS: "this address has PRESENCE_ADDRESS_CONNECTIONS: raise it meanwhile",
    Limit.ADDRESS_ATTEMPTS: (
        "this address tried PRESENCE_ADDRESS_ATTEMPTS times a minute: raise it, or a longer --ramp"
    ),
    Limit.USER_TOTAL: "raise PRESENCE_USER_TOTAL",
    Limit.USER_CONNECTIONS: "raise PRESENCE_USER_CONNECTIONS",
    Limit.ROOM_USERS: "use more --rooms, or raise PRESENCE_ROOM_SIZE",
    Limit.ROOM_CONNECTIONS: "use more --rooms, or raise PRESENCE_ROOM_CONNECTIONS",
    Limit.TAKEOVERS: "another bench seems to have the same run id",
    Limit.KEYS: "the server can't fetch PRESENCE_JWKS_URL",
}
_BY_REASON: Final = {too_many(limit).reason: says for limit, says in _SETTING.items()}
_TOKEN: Final = {
    "token_invalid": "the server doesn't know this key, or wants another issuer or audience",
    "token_expired": "the token was over: look at its lifetime, and at both clocks",
    "token_missing": "no token arrived: does a proxy drop the Authorization header?",
}
_BY_CODE: Final = {
    ABNORMAL: "no Close came: a proxy, a network or a server that died",
    Close.RESTART: "the server was stopped or restarted",
    Close.GOING_AWAY: "the server went away",
    Close.FORBIDDEN: "look at the token's room, and PRESENCE_ALLOWED_ORIGINS",
    Close.NO_SUCH_PARTY: "is the address right?",
    Close.TIMEOUT: "the server cut it: this generator, or the network, was too slow for it",
}


def hint(code: int, reason: str) -> str:
    """What to do about connections that ended like this; empty where nobody knows."""
    if code == Close.UNAUTHORIZED:
        return _TOKEN.get(reason, "")
    if code == Close.TOO_MANY:
        return _BY_REASON.get(reason, "")
    return _BY_CODE.get(code, "")


def meaning(code: int) -> str:
    """What a close code says, in words."""
    try:
        return TABLE[Close(code)].says
    except ValueError:
        return ""
