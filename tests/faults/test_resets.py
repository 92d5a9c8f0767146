"""Every connection is killed every few seconds, while everybody speaks and dials anew.

By turns both sides get a RST, and the clients alone: then the server finds the old connection still
there when the new one comes (a takeover).

Invariants:
- An observer that is not killed gets every event, once and in order.
- In the end all are back: every map is the room's own, nobody is missing and nobody is a ghost, and
  each is where it said last.
- The server counts as many connections and users as are alive; and none when all have gone.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import pytest
from presence_client import PresenceClient

from tests.conftest import SOAK
from tests.support.peer import Peer
from tests.support.proxy import Proxy
from tests.support.server import ROOM, Server, token
from tests.support.truth import check_order, entries

TABS = 50
USERS = 25
BETWEEN_S = 3.0
KILLS = 20 if SOAK else 4
SAY_S = 0.2
LATE_S = 60.0


def client(port: int, number: int) -> PresenceClient:
    """One of the tabs; some users have two, and some tabs observe."""
    user = f"user-{number % USERS}"
    observe = number % 10 == 9
    address = f"ws://127.0.0.1:{port}"
    return PresenceClient(address, room=ROOM, token=lambda: token(user, observe=observe))


async def until(condition: Callable[[], object], eye: Peer) -> None:
    """Wait until something is so; `eye` reads meanwhile."""
    async with asyncio.timeout(LATE_S):
        while not condition():
            eye.pull()
            await asyncio.sleep(0.02)


async def speak(clients: Sequence[PresenceClient]) -> None:
    """Everybody moves, again and again, connected or not."""
    for number in itertools.count():
        for tab in clients:
            await tab.update(f"/page/{number}", data={"fill": "x" * 200})
        await asyncio.sleep(SAY_S)


async def kill_again_and_again(proxy: Proxy, eye: Peer) -> None:
    """Kill everybody's connection, with a few seconds between."""
    loop = asyncio.get_running_loop()
    for kill in itertools.islice(itertools.cycle([proxy.reset, proxy.reset_clients]), KILLS):
        next_at = loop.time() + BETWEEN_S
        await until(lambda: loop.time() >= next_at, eye)  # noqa: B023 - waited for at once
        await asyncio.to_thread(kill)


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_after_every_connection_was_killed_again_and_again_all_maps_are_the_room() -> None:
    with Server("--ping-interval", "1", "--pong-timeout", "5") as server:
        eye = server.enter("eye", observe=True)
        async with AsyncExitStack() as stack:
            with Proxy(server.port) as proxy:
                clients = [
                    await stack.enter_async_context(client(proxy.port, number))
                    for number in range(TABS)
                ]
                speaking = asyncio.create_task(speak(clients))
                await kill_again_and_again(proxy, eye)
                speaking.cancel()
                await asyncio.wait([speaking])
                for number, tab in enumerate(clients):
                    await tab.update(f"/last/{number % USERS}")
                await check_all_back(server, clients, eye)
                check_order(eye)
                await stack.aclose()
                await until(lambda: server.metric("presence_connections") == 1, eye)
        assert entries(server) == {}
        assert server.metric("presence_users") == 0
        eye.drop()
        await until(lambda: server.metric("presence_connections") == 0, eye)
        assert server.metric("presence_rooms") == 0


async def check_all_back(server: Server, clients: Sequence[PresenceClient], eye: Peer) -> None:
    """Assert that all are back, where they said last, and that there is nobody else."""
    expected = {f"user-{number}": f"/last/{number}" for number in range(USERS)}

    def are_back() -> bool:
        maps = [eye.users, *(dict(tab.members) for tab in clients)]
        places = [{user: entry["currentPath"] for user, entry in map_.items()} for map_ in maps]
        return all(place == expected for place in places)

    await until(are_back, eye)
    await until(lambda: server.metric("presence_connections") == TABS + 1, eye)
    truth = entries(server)
    assert all(dict(tab.members) == truth for tab in clients)
    assert eye.users == truth
    assert all(tab.status == "online" for tab in clients)
    assert server.metric("presence_users") == USERS
