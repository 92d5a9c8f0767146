"""Hundreds of sockets that never finish their request: silent ones, and a byte now and then.

Invariants:
- Those inside notice nothing, and others still get in at once.
- Each of the slow is gone when the time for a handshake is over, however busy it is with a byte now
  and then, and none of them is left in any count.
"""

import itertools
import random
import socket
import time

from tests.support.peer import HOST, SOON_S, Peer, pump
from tests.support.server import ROOM, Server, address, token
from tests.support.truth import check_order, entries, many_descriptors

COUNT = 300
HANDSHAKE_S = 3
BETWEEN_S = 0.5


class Slow:
    """A socket that says a request byte by byte, or nothing of it."""

    def __init__(self, port: int, said: bytes, rest: bytes) -> None:
        self._socket = socket.create_connection((HOST, port), SOON_S)
        self._socket.sendall(said)
        self._socket.setblocking(False)
        self._rest = rest
        self.is_gone = False

    def go_on(self) -> None:
        """Say one more byte, and see whether the server has hung up."""
        try:
            if self._rest:
                self._socket.send(self._rest[:1])
                self._rest = self._rest[1:]
            while self._socket.recv(4_096):
                pass
        except BlockingIOError:
            return
        except ConnectionError:
            pass
        self.close()

    def close(self) -> None:
        """Be done with it."""
        self.is_gone = True
        self._socket.close()


def request(number: int) -> bytes:
    """What would be a valid upgrade request, if it ever came to its end."""
    target = address(_pk=f"pk-{number}", token=token(f"slow-{number}"))
    lines = [f"GET {target} HTTP/1.1", "Host: presence.test", "Upgrade: websocket"]
    return "\r\n".join(lines).encode()


def slow_ones(port: int) -> list[Slow]:
    """Some say nothing, some half a request, some all but the end, a byte at a time."""
    chance = random.Random(5)
    made = []
    for number in range(COUNT):
        line = request(number)
        said = (0, len(line) // 2, len(line) - 20, 0)[number % 4]
        trickles = number % 4 > 1
        rest = line[said:] if trickles else b""
        made.append(Slow(port, line[:said] if chance.random() < 0.9 else b"\r\n", rest))
    return made


def test_sockets_that_never_finish_a_handshake_are_noticed_by_nobody_and_cut() -> None:
    with many_descriptors(), Server("--handshake-timeout", str(HANDSHAKE_S)) as server:
        ann, bob = server.enter("ann"), server.enter("bob")
        pump([ann, bob], lambda: len(ann.users) == len(bob.users) == 2)
        slow = slow_ones(server.port)
        inside = [ann, bob]
        said = itertools.count()
        next_byte_at = 0.0
        deadline = time.monotonic() + HANDSHAKE_S + SOON_S
        while any(not one.is_gone for one in slow):
            assert time.monotonic() < deadline, "the slow are still there"
            if time.monotonic() >= next_byte_at:
                next_byte_at = time.monotonic() + BETWEEN_S
                for one in slow:
                    if not one.is_gone:
                        one.go_on()
                inside.append(newcomer(server, inside))
            talk(inside, next(said))
        pump(inside, lambda: server.metric("presence_connections") == len(inside))
        for peer in inside:
            check_order(peer)
            assert peer.left() == []
            assert peer.errors() == []
            assert peer.users == entries(server, ROOM)
        assert len(inside) > HANDSHAKE_S  # they came in while it went on


def newcomer(server: Server, inside: list[Peer]) -> Peer:
    """Somebody else comes in."""
    came = server.join(f"user-{len(inside)}")
    pump(
        [came, *inside],
        lambda: all(f"user-{len(inside)}" in peer.users for peer in [came, *inside]),
    )
    return came


def talk(inside: list[Peer], number: int) -> None:
    """Ann says something, and all hear it."""
    inside[0].update(f"/{number}")
    pump(inside, lambda: all(peer.sees("ann", f"/{number}") for peer in inside))
    time.sleep(0.02)  # what people do, and not a flood
