"""A presence server on websockets: `broadcast` writes an event to each member in turn."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import jwt
import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.version import version

from tests.bench.references.room import PONG, Room, admitted, welcome

if TYPE_CHECKING:
    from collections.abc import Iterable

BACKLOG = 2048
rooms: WeakValueDictionary[str, Room[ServerConnection]] = WeakValueDictionary()


def tell(members: Iterable[ServerConnection], text: bytes) -> None:
    """Send a text to all of them, without waiting for any."""
    broadcast(members, text, text=True)


async def attend(socket: ServerConnection) -> None:
    """Serve one connection from its upgrade to its end."""
    assert socket.request
    target = urlsplit(socket.request.path)
    try:
        connection_id, claims = admitted(target.query)
    except jwt.InvalidTokenError:
        await socket.close(4401, "token_invalid")
        return
    room = rooms.setdefault(target.path, Room())
    others = list(room.entries)
    tell([socket], welcome(connection_id, claims))
    tell(others, room.join(socket, claims))
    tell([socket], room.snapshot())
    try:
        await converse(socket, room)
    finally:
        left = room.leave(socket, "closed" if socket.protocol.close_rcvd else "timeout")
        tell(room.entries, left)


async def converse(socket: ServerConnection, room: Room[ServerConnection]) -> None:
    """Do what a member says, until it says no more."""
    async for text in socket:
        message = orjson.loads(text)
        if message["type"] == "ping":
            tell([socket], PONG)
        elif event := room.take(socket, message):
            tell(room.entries, event)


async def main() -> None:
    """Serve until told to stop."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(attend, "127.0.0.1", 0, compression=None, backlog=BACKLOG) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"websockets {version} listening on http://127.0.0.1:{port}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    uvloop.run(main())
