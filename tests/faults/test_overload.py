"""The event loop lags: newcomers are sent away for now, and those inside are served on.

Invariants: nobody inside is closed or misses anything; when the lag is over everybody gets in.
The process is stopped for a moment, as by a machine that has no time for it.
"""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.support.peer import Peer, pump
from tests.support.server import Server

LAG_S = 0.3
STOPPED_S = 1.0
OVERLOADED = (4429, "server is overloaded")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server("--overload-lag", str(LAG_S)) as server:
        yield server


def stop_for_a_moment(server: Server) -> None:
    """Let the process have no time at all."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(STOPPED_S)  # the time that it loses is the fault itself
    finally:
        server.process.send_signal(signal.SIGCONT)


def dial(server: Server, user: str) -> Peer:
    """Dial, and wait for the answer: a snapshot, or a close."""
    peer = server.join(user)
    pump([peer], lambda: peer.closed or "presence_snapshot" in peer.types())
    return peer


def enter_in_the_end(server: Server, user: str) -> Peer:
    """Dial again and again, as clients do that are told to come later."""
    while (peer := dial(server, user)).closed is not None:
        assert peer.closed == OVERLOADED
    return peer


def test_while_it_lags_newcomers_come_later_and_those_inside_are_well(server: Server) -> None:
    people = [server.enter("ann"), server.enter("bob")]
    people[0].update("/before")
    stop_for_a_moment(server)
    newcomer = server.join("cy")
    people[0].update("/after")
    pump([*people, newcomer], lambda: newcomer.closed and people[1].sees("ann", "/after"))
    assert newcomer.closed == OVERLOADED
    assert server.metric("presence_connections_refused_total", reason="overload") >= 1
    late = enter_in_the_end(server, "cy")
    pump([*people, late], lambda: all("cy" in peer.users for peer in [*people, late]))
    assert [peer.closed for peer in people] == [None, None]
    assert [peer.left() for peer in people] == [[], []]


def test_a_lag_within_the_limit_refuses_nobody() -> None:
    with Server("--overload-lag", "30") as server:
        ann = server.enter("ann")
        stop_for_a_moment(server)
        bob = server.enter("bob")
        pump([ann, bob], lambda: ann.users.keys() == bob.users.keys() == {"ann", "bob"})
