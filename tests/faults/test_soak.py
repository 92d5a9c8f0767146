"""Churn: people come, move, go and break off, again and again. In full with `make soak`.

Invariants:
- After every round all maps are equal, and everybody is where they said last.
- When all have gone nothing is left: as many objects are alive after the last round as after the
  first third, and neither Python's memory nor the process's has grown with the connections.
"""

import random
from collections import Counter

import pytest
from websockets.frames import Frame, Opcode

from tests.conftest import SOAK
from tests.support.counting import CountingServer
from tests.support.deflating import DeflatingPeer
from tests.support.peer import Peer, pump
from tests.support.server import Server, address, eventually, token
from tests.support.truth import resident_bytes

pytestmark = [pytest.mark.alone, pytest.mark.proof, pytest.mark.soak, pytest.mark.timeout(1_800)]

ROUNDS = 400 if SOAK else 15
CROWD = 60
NORMAL = Frame(Opcode.CLOSE, b"\x03\xe8")
GROWTH = 4 * 1024 * 1024
"""Half of a kilobyte for each connection of a full run."""
BLOCKS = 250
"""Pieces of memory: even the short run has 360 connections after its first third."""
FLAGS = ("--user-connections", "60", "--compression", "--handshake-timeout", "2")
PATIENT = ("--ping-interval", "2", "--pong-timeout", "8")
"""A connection that ended is held until it would have been looked at: these say for how long."""


class Visitor:
    """One tab: who it is, and what it has for a connection."""

    def __init__(self, server: Server, chance: random.Random, name: str) -> None:
        self._server = server
        self._chance = chance
        self._pk = name
        self._user = f"user-{chance.randrange(40)}"
        self.observes = chance.random() < 0.1
        self.peer = self._dial()

    def _dial(self) -> Peer:
        query = {"_pk": self._pk, "token": self._token()}
        if self._chance.random() < 0.3:
            return DeflatingPeer(self._server.port, address(**query))
        return Peer(self._server.port, address(**query), {}, None)

    def _token(self) -> str:
        return token(self._user, observe=self.observes, name=f"{self._chance.random()}")

    def take_over(self) -> Peer:
        """Dial anew, without a word on the old connection; returns that."""
        old, self.peer = self.peer, self._dial()
        return old

    def renew(self) -> None:
        """Put a new token in force, with another name."""
        self.peer.send({"type": "token_refresh", "token": self._token()})

    def move(self, number: int) -> None:
        """Say something of everything."""
        self.peer.send({"type": "ping"})
        if not self.observes:
            self.peer.update(f"/page/{number}", data={"n": self._chance.random()})
            self.peer.send({"type": "cursor_update", "cursor": {"x": self._chance.random()}})

    def go(self) -> None:
        """Leave in one of the ways in which people leave."""
        way = self._chance.randrange(3)
        if way == 0:
            self.peer.send_frame(NORMAL)
        elif way == 1:
            self.peer.reset()
            return
        self.peer.drop()


def churn(server: Server, crowd: list[Visitor], chance: random.Random, number: int) -> None:
    """One round: some go, others come, some come anew, everybody moves; then all agree."""
    leaving = set(chance.sample(range(len(crowd)), len(crowd) // 2))
    for index in leaving:
        crowd[index].go()
    crowd[:] = [visitor for index, visitor in enumerate(crowd) if index not in leaving]
    left = [visitor.take_over() for visitor in crowd[::5]]
    while len(crowd) < CROWD:
        crowd.append(Visitor(server, chance, f"{number}-{len(crowd)}"))
    for visitor in crowd[::3]:
        visitor.renew()
    for visitor in crowd:
        visitor.move(number)
    peers = [visitor.peer for visitor in crowd]
    server.peers[:] = [*peers, *left]
    pump(server.peers, lambda: agree(peers, f"/page/{number}"))
    pump(left, lambda: all(peer.is_gone for peer in left))
    for peer in peers:
        peer.messages.clear()


def agree(crowd: list[Peer], path: str) -> bool:
    """Whether all hold the same map, and everybody in it is where they said last."""
    first = crowd[0].users
    if not first or any(entry["currentPath"] != path for entry in first.values()):
        return False
    return all(peer.users == first for peer in crowd)


def empty(server: CountingServer, crowd: list[Visitor]) -> None:
    """Let everybody go; returns when the server has let go of them, too."""
    for visitor in crowd:
        visitor.go()
    crowd.clear()
    server.peers.clear()
    eventually(lambda: server.metric("presence_connections") == 0)
    server.wait_until_again(Counter(), 30, of=("presence_server.gateway.connection.",))
    assert server.metric("presence_rooms") == 0
    assert server.metric("presence_users") == 0


def test_memory_is_flat_and_nobody_is_left_behind_after_much_coming_and_going() -> None:
    chance = random.Random(7)
    with CountingServer(*FLAGS, *PATIENT) as server:
        crowd: list[Visitor] = []
        for number in range(ROUNDS // 3):
            churn(server, crowd, chance, number)
        empty(server, crowd)
        alive, blocks, resident = server.alive(), server.blocks(), resident_bytes(server)
        for number in range(ROUNDS // 3, ROUNDS):
            churn(server, crowd, chance, number)
        empty(server, crowd)
        server.wait_until_again(alive)
        assert server.blocks() < blocks + BLOCKS
        assert resident_bytes(server) < resident + GROWTH


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
