"""Waves of people who come, do all that people do, and go in all the ways in which people go.

Invariants:
- When everybody is gone the server holds nothing that it made for a connection, a member or a room.
- After a second wave there are no more live objects than after the first, of any kind but the
  series of metrics: not one.
"""

import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from websockets.frames import Frame, Opcode

from tests.conftest import SOAK
from tests.support.counting import CountingServer
from tests.support.deflating import DeflatingPeer
from tests.support.peer import Peer, pump
from tests.support.server import address, token
from tests.support.truth import many_descriptors

COUNT = 500
WAVES = 12 if SOAK else 2
ROOMS = 20
PER_CONNECTION = (
    "presence_server.core.room.",
    "presence_server.core.rate.",
    "presence_server.gateway.connection.",
    "presence_server.gateway.session.",
    "presence_server.gateway.outbox.",
    "presence_server.gateway.fanout.",
    "presence_server.gateway.wire.",
    "websockets.",
    "uvloop.loop.TCPTransport",
)
FLAGS = (
    "--compression",
    "--buffer-limit",
    "65536",
    "--close-timeout",
    "1",
    "--handshake-timeout",
    "3",
)
PATIENT = ("--ping-interval", "2", "--pong-timeout", "12")
"""A connection that ended is held until it would have been looked at: these say for how long."""
LATE_S = 30.0
STEP = 50
MOST = 1_000
FILL = "x" * 1_900
PING = Frame(Opcode.PING, b"")
NORMAL = Frame(Opcode.CLOSE, b"\x03\xe8")


def come(server: CountingServer, number: int) -> Peer:
    """Somebody: a member, a second tab, an observer, with compression or without."""
    user = f"user-{number // 2 if number % 7 == 0 else number}"
    room = f"presence-{number % ROOMS}"
    observe = number % 11 == 0
    if number % 3 == 0:
        query = {"_pk": f"pk-{number}", "token": token(user, room=room, observe=observe)}
        peer: Peer = DeflatingPeer(server.port, address(room, **query))
        server.peers.append(peer)
        return peer
    buffer = 2_048 if will_stall(number) else None
    return server.join(user, f"pk-{number}", room=room, buffer=buffer, observe=observe)


def will_stall(number: int) -> bool:
    """Whether this one stops reading: most of the first room do."""
    return number % ROOMS == 0 and number % 3 != 0


def act(peer: Peer, number: int) -> None:
    """Say a bit of everything, right and wrong."""
    peer.update(f"/{number}", data={"fill": FILL}, activity="typing")
    peer.send({"type": "cursor_update", "cursor": {"x": number}})
    peer.send({"type": "status_update", "status": "away"})
    peer.send({"type": "resync"})
    if number % 5 == 0:
        peer.send("no json")
    new = token(f"user-{number}", room=f"presence-{number % ROOMS}", observe=number % 11 == 0)
    peer.send({"type": "token_refresh", "token": new})
    peer.send_frame(PING)


def go(peer: Peer, way: int) -> None:
    """Leave, in one of the ways."""
    if way == 0:
        peer.send_frame(NORMAL)
    elif way == 1:
        peer.reset()
    else:
        peer.drop()


def wave(server: CountingServer, chance: random.Random) -> None:
    """Let everybody come, do things and go."""
    crowd = [come(server, number) for number in range(COUNT)]
    reading = [peer for number, peer in enumerate(crowd) if not will_stall(number)]
    pump(reading, lambda: all(peer.store.seq for peer in reading), LATE_S)
    for number, peer in enumerate(crowd):
        if not peer.is_gone:
            act(peer, number)
    pump(reading, lambda: all(peer.pongs or peer.is_gone for peer in reading), LATE_S)
    overwhelm(server, reading, crowd[60])
    again = [come(server, number) for number in range(0, COUNT, 5) if not will_stall(number)]
    pump(again, lambda: all(peer.store.seq for peer in again), LATE_S)
    for peer in [*reading, *again]:
        if not peer.is_gone:
            go(peer, chance.randrange(3))
    for peer in crowd[::ROOMS]:
        peer.drop()  # a Close would be read when the stalled one reads again
    pump(reading, lambda: server.metric("presence_connections") == 0, LATE_S)
    for peer in server.peers:
        peer.drop()
    server.peers.clear()


def overwhelm(server: CountingServer, reading: Sequence[Peer], speaker: Peer) -> None:
    """Say more in the first room than the buffers on the way to a stalled reader hold."""
    said = itertools.count()
    while not server.metric("presence_members_behind"):
        for number in itertools.islice(said, STEP):
            speaker.update(f"/more/{number}", data={"fill": FILL})
        members = speaker.store.members
        pump(reading, lambda: members["user-60"]["currentPath"] == f"/more/{number}", LATE_S)  # noqa: B023 - called at once
        assert number < MOST, "nobody falls behind"


@pytest.mark.alone
@pytest.mark.proof
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_two_waves_leave_nothing_behind() -> None:
    chance = random.Random(3)
    with many_descriptors(), CountingServer(*FLAGS, *PATIENT) as server:
        wave(server, chance)
        server.wait_until_again(Counter(), LATE_S, of=PER_CONNECTION)
        before = server.alive()
        for _ in range(WAVES - 1):
            wave(server, chance)
            server.wait_until_again(before, LATE_S)
        assert server.metric("presence_rooms") == 0
        assert server.metric("presence_users") == 0
        assert server.metric("presence_members_behind") == 0
