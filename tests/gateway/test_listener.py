"""How sockets come in: many in a turn of the loop, so that a herd does not wait for its end."""

import asyncio
import contextlib
import socket
from typing import cast

import uvloop

from presence_server.gateway.listener import listen, serve

HERD = 200


class Arrival(asyncio.Protocol):
    """Counts those who came in."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it, and hang up."""
        Arrival.count += 1
        cast("asyncio.Transport", transport).abort()


async def turns_to_accept(listening: socket.socket) -> int:
    """How many turns of the loop it takes to accept the herd that waits."""
    Arrival.count = 0
    servers = await serve(asyncio.get_running_loop(), Arrival, listening)
    turns = 0
    while Arrival.count < HERD:
        await asyncio.sleep(0)
        turns += 1
    for server in servers:
        server.close()
    await asyncio.sleep(0)
    return turns


def test_a_herd_is_accepted_many_at_a_time() -> None:
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(listen("127.0.0.1", 0)))
        address = listening.getsockname()
        for _ in range(HERD):
            stack.enter_context(socket.create_connection(address))
        assert uvloop.run(turns_to_accept(listening)) < HERD // 4


def test_when_it_is_closed_nobody_gets_in() -> None:
    async def open_and_close(listening: socket.socket) -> None:
        for server in await serve(asyncio.get_running_loop(), Arrival, listening):
            server.close()
        await asyncio.sleep(0.01)

    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        uvloop.run(open_and_close(listening))
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address):
        raise AssertionError("somebody listens still")
