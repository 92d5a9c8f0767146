"""The notation of the fuzzers' inputs: text where it can be, so that a finding can be read.

`{ab*300}` stands for `ab`, 300 times; `$ann` for a token (see `TOKENS`). Everything else is as it
stands; where bytes are needed that a line can't hold, they come percent-encoded.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.world import EPOCH, ROOM, SECRET

MAX_SIZE: Final = 200_000
"""Bytes of an input when everything in it is written out."""
HOUR_S: Final = 3_600

_REPEAT: Final = re.compile(rb"\{([^{}]{1,32})\*(\d{1,5})\}")
_TOKEN: Final = re.compile(rb"\$([a-z]+)")

_NEXT_HOUR: Final = {"room": ROOM, "exp": int(EPOCH) + HOUR_S}
_CLAIMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ann": {"sub": "ann"},
    "zoe": {"sub": "ann", "name": "Zoe", "picture": "https://img.example/zoe.png"},
    "demoted": {"sub": "ann", "role": "viewer", "iat": int(EPOCH)},
    "bob": {"sub": "bob"},
    "vi": {"sub": "vi", "role": "viewer"},
    "cy": {"sub": "__proto__", "role": "operator", "room": ["presence-b*", "presence-*"]},
    "eve": {"sub": "eve", "observe": True},
    "soon": {"sub": "ann", "exp": int(EPOCH) + 20},
    "old": {"sub": "ann", "exp": int(EPOCH) - 20},
    "elsewhere": {"sub": "ann", "room": "presence-elsewhere"},
}


def signed(claims: Mapping[str, Any]) -> bytes:
    """A token that holds."""
    return jwt.encode({**_NEXT_HOUR, **claims}, SECRET, algorithm="HS256").encode()


def _signed_by_another(kid: str) -> bytes:
    """A token whose key the server does not have yet."""
    claims = {**_NEXT_HOUR, "sub": "ann"}
    return jwt.encode(claims, LATE_KEY, algorithm="EdDSA", headers={"kid": kid}).encode()


LATE_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
LATE: Final = "late"
"""The `kid` of the key that the server can have, a second after it was asked for."""
TOKENS: Final = {
    **{name.encode(): signed(claims) for name, claims in _CLAIMS.items()},
    b"late": _signed_by_another(LATE),
    b"never": _signed_by_another("never"),
}


def expand(data: bytes) -> bytes:
    """`data` with everything that stands for something bigger written out."""
    data = _TOKEN.sub(lambda match: TOKENS.get(match[1], match[0]), data)
    return _REPEAT.sub(_repeated, data)[:MAX_SIZE]


def _repeated(match: re.Match[bytes]) -> bytes:
    unit = match[1]
    return unit * min(int(match[2]), MAX_SIZE // 4 // len(unit))


def number(text: bytes, limit: int) -> int:
    """The decimal number at the beginning of `text`, at most `limit`; 0 if there is none."""
    match = re.match(rb"\d{1,9}", text)
    return min(int(match[0]), limit) if match else 0
