"""Making tokens, for the command line and the demo. In production your application makes them."""

import time
from typing import Any

import jwt

from presence_server.core.claims import Expected, read_claims


def mint(secret: str, user_id: str, room: str, ttl_s: int, **claims: Any) -> str:
    """A token signed with HS256 that is valid from now on; claims that are None are left out.

    Raises:
        TokenRefused: if a server would refuse it.

    """
    now = int(time.time())
    payload = {"sub": user_id, "room": room, "iat": now, "exp": now + ttl_s}
    payload |= {name: value for name, value in claims.items() if value is not None}
    read_claims(payload, now, Expected())
    return jwt.encode(payload, secret, algorithm="HS256")
