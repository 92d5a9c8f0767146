"""Making tokens, for the command line and the demo. In production your application makes them."""

import time
from typing import Any, NamedTuple

import jwt

from presence_server.core.claims import Expected, read_claims


class Signer(NamedTuple):
    """What signs: a secret or a private key, and the algorithm that goes with it."""

    key: Any
    algorithm: str = "HS256"
    kid: str | None = None


def mint(signer: Signer, user_id: str, room: str | list[str], ttl_s: int, **claims: Any) -> str:
    """A token that is valid from now on; claims that are None are left out.

    Raises:
        TokenRefused: if a server would refuse it.

    """
    now = int(time.time())
    payload = {"sub": user_id, "room": room, "iat": now, "exp": now + ttl_s}
    payload |= {name: value for name, value in claims.items() if value is not None}
    read_claims(payload, now, Expected())
    headers = None if signer.kid is None else {"kid": signer.kid}
    return jwt.encode(payload, signer.key, signer.algorithm, headers)
