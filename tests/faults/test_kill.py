"""SIGKILL, and everybody dials anew in the same moment.

Invariants:
- All are admitted to the server that takes the place of the killed one: none is refused or lost.
- Every map is complete, and equal to the room's own.
- What each says with its dial, before it is welcomed, is on all maps of its room.
"""

from collections.abc import Sequence

import pytest

from tests.conftest import SOAK
from tests.support.peer import Peer, pump
from tests.support.server import Server, eventually
from tests.support.truth import check_order, entries, many_descriptors

COUNT = 2_000
TIMES = 3 if SOAK else 1
ROOM_SIZE = 50
LATE_S = 60.0
PATIENT = ("--ping-interval", "60", "--pong-timeout", "60", "--handshake-timeout", "60")
"""Where the clients are slow, because the machine is busy, nobody is to be taken for dead."""


def room_of(number: int) -> str:
    """Where somebody goes: forty rooms of fifty people."""
    return f"presence-{number // ROOM_SIZE}"


def all_dial(server: Server) -> list[Peer]:
    """Everybody dials; nobody reads yet."""
    return [
        server.join(f"user-{number}", f"pk-{number}", room=room_of(number))
        for number in range(COUNT)
    ]


def wait_until_complete(crowd: Sequence[Peer]) -> None:
    """Read until each map has everybody in it, each where they said."""
    waiting = [*enumerate(crowd)]

    def is_complete() -> bool:
        while waiting and has_all(*waiting[-1]):
            waiting.pop()
        return not waiting

    pump(crowd, is_complete, LATE_S)


def has_all(number: int, peer: Peer) -> bool:
    """Whether the map of somebody in a room is whole."""
    members = peer.store.members
    if len(members) < ROOM_SIZE:
        return False
    first = number - number % ROOM_SIZE
    return all(peer.sees(f"user-{n}", f"/page/{n}") for n in range(first, first + ROOM_SIZE))


def check_whole(server: Server, crowd: Sequence[Peer]) -> None:
    """Assert that all are in, and that every map is the room's."""
    assert server.metric("presence_connections") == COUNT
    assert server.metric("presence_users") == COUNT
    assert server.metric("presence_rooms") == COUNT / ROOM_SIZE
    for first in range(0, COUNT, ROOM_SIZE):
        truth = entries(server, room_of(first))
        for peer in crowd[first : first + ROOM_SIZE]:
            assert peer.users == truth
            check_order(peer)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_two_thousand_come_back_at_once_after_a_kill() -> None:
    with many_descriptors(), Server(*PATIENT) as server:
        crowd = all_dial(server)
        eventually(lambda: server.metric("presence_users") == COUNT, LATE_S)
        for _ in range(TIMES):
            server.process.kill()
            server.wait()
            for peer in crowd:
                peer.drop()
            server.peers.clear()
            server.start()
            crowd = all_dial(server)
            for number, peer in enumerate(crowd):
                peer.update(f"/page/{number}")  # before the welcome: it must not be lost
            wait_until_complete(crowd)
            check_whole(server, crowd)
            assert server.metric("presence_connections_accepted_total") == COUNT
            assert all(peer.closed is None and not peer.left() for peer in crowd)
