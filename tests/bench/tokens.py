"""The list of connections that the generator opens, each with a token that the server verifies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import jwt

from tests.bench.server import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LIFETIME_S = 3600


def write_connections(path: Path, rooms: int, members: int, beside: int = 0) -> None:
    """Write a line for each connection, room by room: room TAB connection id TAB token.

    A room of `beside` members comes first, if there is one.
    """
    sizes = [*([beside] if beside else []), *[members] * rooms]
    path.write_text("".join(f"{line}\n" for line in _lines(sizes)))


def write_crowds(path: Path, ports: Sequence[int], rooms: int, members: int) -> None:
    """Write the same rooms for each of several servers: a fourth column has its port."""
    lines = [*_lines([members] * rooms)]
    path.write_text("".join(f"{line}\t{port}\n" for port in ports for line in lines))


def _lines(sizes: Sequence[int]) -> Iterator[str]:
    for room, size in enumerate(sizes):
        name = f"presence-bench-{room:03}"
        for member in range(size):
            user = f"user-{room:03}-{member:04}"
            yield f"{name}\tpk-{user}\t{token(user, name)}"


def token(user: str, room: str) -> str:
    """Sign what a member needs."""
    claims = {"sub": user, "exp": int(time.time()) + LIFETIME_S, "room": room, "name": user.title()}
    return jwt.encode(claims, SECRET, algorithm="HS256")
