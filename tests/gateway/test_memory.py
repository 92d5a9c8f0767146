"""What has ended is freed at once: nothing waits for the garbage collector."""

import gc
from collections import Counter
from collections.abc import Callable

import pytest
from websockets.server import ServerProtocol

from presence_server.core.seats import Member, Seat
from presence_server.gateway.connection import Connection
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.session import Session
from tests.support.world import Client, World

COUNTED = (Connection, Session, ServerProtocol, Seat, Member, Fanout)

WAYS_TO_GO: dict[str, Callable[[Client], None]] = {
    "by a close": lambda client: client.close(),
    "by a loss": lambda client: client.vanish(),
    "by silence": lambda client: setattr(client, "is_silent", True),
}


def alive() -> Counter[str]:
    """How many there are of what makes up a connection."""
    kinds = [type(thing) for thing in gc.get_objects() if isinstance(thing, COUNTED)]
    return Counter(kind.__name__ for kind in kinds)


@pytest.mark.parametrize("go", WAYS_TO_GO.values(), ids=WAYS_TO_GO)
def test_a_connection_that_ended_is_freed_without_the_collector(
    go: Callable[[Client], None],
) -> None:
    world = World()
    world.join("anchor")
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for number in range(20):
            client = world.join(f"user-{number}")
            client.update("/x")
            go(client)
        world.loop.advance(60)
        for client in world.clients[1:]:
            del client.connection  # the test's own hold on it
        assert alive() == before
    finally:
        gc.enable()
