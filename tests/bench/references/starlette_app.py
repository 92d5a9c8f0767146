"""A presence server on Starlette and uvicorn: an event is sent to each member in turn."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import jwt
import orjson
import starlette
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from tests.bench.references.room import PONG, Room, admitted, welcome

if TYPE_CHECKING:
    from collections.abc import Iterable

BACKLOG = 2048
LOST = (1005, 1006)  # uvicorn says 1005 too: it can't be told from a Close without a code


class Party(Room[WebSocket]):
    """A room in which an event reaches everybody before the next one begins: a send may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = asyncio.Lock()


parties: WeakValueDictionary[str, Party] = WeakValueDictionary()


async def tell(members: Iterable[WebSocket], text: bytes) -> None:
    """Send a text to all of them, one after the other."""
    decoded = text.decode()
    for member in members:
        with suppress(WebSocketDisconnect, WebSocketDisconnected):  # its own task lets it go
            await member.send_text(decoded)


async def attend(member: WebSocket) -> None:
    """Serve one connection from its upgrade to its end."""
    await member.accept()
    try:
        connection_id, claims = admitted(member.url.query)
    except jwt.InvalidTokenError:
        await member.close(4401, "token_invalid")
        return
    party = parties.setdefault(member.path_params["room"], Party())
    await tell([member], welcome(connection_id, claims))
    async with party.turn:
        others = list(party.entries)
        await tell(others, party.join(member, claims))
        await tell([member], party.snapshot())
    code = await converse(member, party)
    async with party.turn:
        left = party.leave(member, "timeout" if code in LOST else "closed")
        await tell(party.entries, left)


async def converse(member: WebSocket, party: Party) -> int:
    """Do what a member says, until it says no more; the answer is the code of its close."""
    try:
        while True:
            message = orjson.loads(await member.receive_text())
            async with party.turn:
                if message["type"] == "ping":
                    await tell([member], PONG)
                elif event := party.take(member, message):
                    await tell(party.entries, event)
    except WebSocketDisconnect as disconnect:
        return disconnect.code


def main() -> None:
    """Serve until told to stop."""
    app = Starlette(routes=[WebSocketRoute("/parties/presence/{room}", attend)])
    config = uvicorn.Config(
        app,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    port = listener.getsockname()[1]
    print(f"starlette {starlette.__version__} listening on http://127.0.0.1:{port}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again in the end
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
