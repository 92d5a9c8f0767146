"""Peers that are gone without a word: no FIN, no RST, nothing is answered any more.

A proxy stops forwarding; and where this machine lets us, the kernel drops their packets.

Invariants:
- A vanished peer is out of every map within a ping and the wait for its pong, as one leave with the
  reason `timeout`, and its socket is closed.
- One that dials anew with the same connection id before that is not seen to leave, nor to join.
- Within the leave grace the same holds after the loss was found.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.support.loss import can_lose_packets, lose_packets
from tests.support.peer import SOON_S, Peer, pump
from tests.support.proxy import Proxy
from tests.support.server import Server, address, token
from tests.support.truth import check_order, entries

PING_S = 0.5
PONG_S = 2.0
SOON = ("--ping-interval", str(PING_S), "--pong-timeout", str(PONG_S), "--close-timeout", "1")
GONE = ["gone-1", "gone-2", "gone-3"]

Dial = Callable[..., Peer]
Vanish = Callable[[], None]
Way = Callable[[Server], contextlib.AbstractContextManager[tuple[Dial, Vanish]]]


@contextlib.contextmanager
def forwarding_stops(server: Server) -> Iterator[tuple[Dial, Vanish]]:
    """Clients come through a proxy, which goes dead."""
    with Proxy(server.port) as proxy:

        def dial(user: str, **claims: Any) -> Peer:
            query = {"_pk": f"pk-{user}", "token": token(user, **claims)}
            peer = Peer(proxy.port, address(**query), {}, None)
            server.peers.append(peer)
            return peer

        yield dial, proxy.vanish


@contextlib.contextmanager
def packets_are_lost(server: Server) -> Iterator[tuple[Dial, Vanish]]:
    """What the network brings for the clients is dropped by the kernel."""
    dialled: list[Peer] = []

    def dial(user: str, **claims: Any) -> Peer:
        dialled.append(server.join(user, **claims))
        return dialled[-1]

    def vanish() -> None:
        for peer in dialled:
            lose_packets(peer.fileno())
        dialled.clear()

    yield dial, vanish


WAYS = [forwarding_stops] + ([packets_are_lost] if can_lose_packets() else [])


@pytest.fixture(params=WAYS, ids=[way.__name__ for way in WAYS])
def way(request: pytest.FixtureRequest) -> Way:
    """How peers come to vanish."""
    chosen: Way = request.param
    return chosen


def settle(peers: Sequence[Peer], count: int) -> None:
    """Wait until all see `count` users."""
    pump(peers, lambda: all(len(peer.users) == count for peer in peers))


def test_the_vanished_are_out_of_every_map(way: Way) -> None:
    with Server(*SOON) as server, way(server) as (dial, vanish):
        there = [server.join("ann"), server.join("bob"), server.join("eye", observe=True)]
        gone = [dial(user) for user in GONE]
        watching = dial("gone-eye", observe=True)
        settle([*there, *gone, watching], 5)
        vanish()
        pump(there, lambda: all(len(peer.left()) == 3 for peer in there), PING_S + PONG_S + SOON_S)
        for peer in there:
            check_order(peer)
            assert sorted(peer.left()) == [(user, "timeout") for user in GONE]
            assert set(peer.users) == {"ann", "bob"}
            assert peer.users == entries(server)
        pump(there, lambda: server.metric("presence_connections") == 3)
        assert server.metric("presence_users") == 2
        assert server.metric("presence_closes_total", code="4408") == 4


def test_one_who_vanished_with_much_on_its_way_is_out_too(way: Way) -> None:
    flags = ("--rate", "10000", "--burst", "100000", "--buffer-limit", "65536")
    with Server(*SOON, *flags) as server, way(server) as (dial, vanish):
        there = [server.join("ann"), server.join("bob")]
        settle([*there, dial("gone-1")], 3)
        vanish()
        for number in range(500):
            there[0].update(f"/{number}", data={"fill": "x" * 1_900})
        pump(there, lambda: all(peer.sees("ann", "/499") for peer in there))
        pump(there, lambda: all(peer.left() for peer in there))
        for peer in there:
            check_order(peer)
            assert peer.left() == [("gone-1", "timeout")]
            assert peer.users == entries(server)
        pump(there, lambda: server.metric("presence_connections") == 2)


def test_one_that_dials_anew_before_that_is_not_seen_to_leave(way: Way) -> None:
    with Server(*SOON) as server, way(server) as (dial, vanish):
        there = [server.join("ann"), server.join("eye", observe=True)]
        gone = [dial(user) for user in GONE]
        gone[0].update("/where-i-was")
        pump([*there, *gone], lambda: all(peer.sees("gone-1", "/where-i-was") for peer in there))
        settle([*there, *gone], 4)
        vanish()
        again = server.enter("gone-1")
        here = [*there, again]
        pump(here, lambda: all(len(peer.left()) == 2 for peer in here))
        pump(here, lambda: server.metric("presence_connections") == 3)
        for peer in here:
            check_order(peer)
            assert sorted(peer.left()) == [("gone-2", "timeout"), ("gone-3", "timeout")]
            joins = [m for m in peer.messages if m["type"] == "user_joined"]
            assert [m["userId"] for m in joins].count("gone-1") <= 1
        assert again.sees("gone-1", "/where-i-was")
        assert again.users == there[0].users == entries(server)
        assert server.metric("presence_closes_total", code="4409") == 1


def test_within_the_grace_one_whose_loss_was_found_is_not_seen_to_leave(way: Way) -> None:
    with Server(*SOON, "--leave-grace", "60") as server, way(server) as (dial, vanish):
        ann = server.enter("ann")
        gone = dial("gone-1")
        gone.update("/where-i-was")
        pump([ann, gone], lambda: ann.sees("gone-1", "/where-i-was"))
        vanish()
        pump([ann], lambda: server.metric("presence_connections") == 1)
        assert ann.sees("gone-1", "/where-i-was")
        again = server.enter("gone-1")
        again.update("/back")
        pump([ann, again], lambda: all(peer.sees("gone-1", "/back") for peer in (ann, again)))
        check_order(ann)
        assert ann.left() == []
        assert ann.types().count("user_joined") <= 1
        assert ann.users == again.users == entries(server)
