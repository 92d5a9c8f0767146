"""Churn: people come, move, go and break off, again and again. In full with `make soak`."""

import random
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.support.peer import Peer, pump
from tests.support.server import Server, eventually

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1_800)]

ROUNDS = 400 if SOAK else 12
CROWD = 60
GROWTH = 8 * 1024 * 1024


def resident_bytes(server: Server) -> int:
    """Memory of the server's process that is in RAM."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def go(peer: Peer, chance: random.Random) -> None:
    """Leave in one of the ways in which people leave."""
    if chance.random() < 0.5:
        peer.reset()
    else:
        peer.drop()


def churn(server: Server, crowd: list[Peer], chance: random.Random, number: int) -> None:
    """One round: some go, others come, everybody moves; then all agree."""
    for peer in chance.sample(crowd, len(crowd) // 2):
        go(peer, chance)
    crowd[:] = [peer for peer in crowd if not peer.is_gone]
    while len(crowd) < CROWD:
        crowd.append(server.join(f"user-{chance.randrange(40)}", f"{number}-{len(crowd)}"))
    for peer in crowd:
        peer.update(f"/page/{number}", data={"n": chance.random()})
        peer.send({"type": "cursor_update", "cursor": {"x": chance.random()}})
    server.peers[:] = crowd
    pump(crowd, lambda: agree(crowd, f"/page/{number}"))
    for peer in crowd:
        peer.messages.clear()


def agree(crowd: list[Peer], path: str) -> bool:
    """Whether all hold the same map, and everybody in it is where they said last."""
    first = crowd[0].users
    if not first or any(entry["currentPath"] != path for entry in first.values()):
        return False
    return all(peer.users == first for peer in crowd)


def test_memory_is_flat_and_nobody_is_left_behind_after_much_coming_and_going() -> None:
    chance = random.Random(7)
    with Server("--user-connections", "60") as server:
        crowd: list[Peer] = []
        for number in range(ROUNDS):
            churn(server, crowd, chance, number)
            if number == ROUNDS // 3:
                early = resident_bytes(server)
        assert resident_bytes(server) < early + GROWTH
        for peer in crowd:
            go(peer, chance)
        eventually(lambda: server.metric("presence_connections") == 0)
        assert server.metric("presence_rooms") == 0
        assert server.metric("presence_users") == 0


def test_people_come_back_after_the_server_was_killed() -> None:
    with Server() as server:
        for number in range(10 if SOAK else 2):
            crowd = [server.join(f"user-{n}") for n in range(200 if SOAK else 50)]
            server.peers[:] = crowd
            for peer in crowd:
                peer.update(f"/page/{number}")
            pump(crowd, lambda: agree(crowd, f"/page/{number}"))  # noqa: B023 - called at once
            server.process.kill()
            server.wait()
            pump(crowd, lambda: all(peer.is_gone for peer in crowd))  # noqa: B023 - likewise
            server.start()
