"""The list of connections that the generator opens, each with a token that the server verifies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt

from tests.bench.server import SECRET

if TYPE_CHECKING:
    from pathlib import Path

LIFETIME_S = 3600


def write_connections(path: Path, rooms: int, members: int, beside: int = 0) -> None:
    """Write a line for each connection, room by room: room TAB connection id TAB token.

    A room of `beside` members comes first, if there is one.
    """
    sizes = [*([beside] if beside else []), *[members] * rooms]
    with path.open("w") as file:
        for room, size in enumerate(sizes):
            name = f"presence-bench-{room:03}"
            for member in range(size):
                user = f"user-{room:03}-{member:04}"
                file.write(f"{name}\tpk-{user}\t{token(user, name)}\n")


def token(user: str, room: str) -> str:
    """Sign what a member needs."""
    claims = {"sub": user, "exp": int(time.time()) + LIFETIME_S, "room": room, "name": user.title()}
    return jwt.encode(claims, SECRET, algorithm="HS256")
