"""SIGTERM: everybody is told, nobody is seen to leave, and the end comes in time."""

import signal
import socket
import time
from functools import partial

import pytest

from tests.support.peer import HOST, SOON_S, Peer, pump
from tests.support.server import Server, eventually

RESTART = (1012, "server is restarting")
FILL = "x" * 1_900
FAST = ("--rate", "10000", "--burst", "100000", "--buffer-limit", "65536")
SLACK_S = 3.0  # for a machine that is busy with other things


def check_drained(peers: list[Peer]) -> None:
    """Assert that all were closed with 1012, and that none was told of another's leave."""
    pump(peers, lambda: all(peer.is_gone for peer in peers))
    assert [peer.closed for peer in peers] == [RESTART] * len(peers)
    assert [peer.left() for peer in peers] == [[]] * len(peers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everybody_is_told_and_nobody_is_seen_to_leave(number: signal.Signals) -> None:
    with Server("--drain-seconds", "0") as server:
        peers = [server.enter(f"user-{number}") for number in range(20)]
        peers.append(server.enter("eye", observe=True))
        pump(peers, lambda: all(len(peer.users) == 20 for peer in peers))
        began = time.monotonic()
        server.process.send_signal(number)
        check_drained(peers)
        assert server.wait() == 0
        assert time.monotonic() - began < SLACK_S


def test_without_anybody_it_ends_at_once() -> None:
    with Server("--drain-seconds", "60") as server:
        began = time.monotonic()
        server.terminate()
        assert server.wait() == 0
        assert time.monotonic() - began < SLACK_S


def test_a_second_signal_waits_for_nobody() -> None:
    with Server("--drain-seconds", "60", "--close-timeout", "60") as server:
        rooms = [enter(server, "a", room) for room in range(4)]
        began = time.monotonic()
        server.terminate()
        pump(rooms, lambda: any(peer.is_gone for peer in rooms))
        server.terminate()
        assert server.wait() == 0
        assert time.monotonic() - began < SLACK_S


def test_a_room_is_closed_at_once_and_rooms_one_after_the_other() -> None:
    with Server("--drain-seconds", "2") as server:
        rooms = [[enter(server, name, room) for name in "ab"] for room in range(4)]
        peers = [peer for room in rooms for peer in room]
        server.terminate()
        closed_at: list[float] = []
        for room in rooms:
            pump(peers, lambda room=room: all(peer.is_gone for peer in room))  # type: ignore[misc]
            closed_at.append(time.monotonic())
        check_drained(peers)
        assert server.wait() == 0
        spread = [later - closed_at[0] for later in closed_at]
        assert spread == sorted(spread)
        assert 1.0 < spread[-1] < 2.0 + SLACK_S


def enter(server: Server, name: str, room: int) -> Peer:
    """Enter one of several rooms."""
    return server.enter(name, room=f"presence-{room}")


def test_a_stalled_reader_holds_nobody_up() -> None:
    with Server(*FAST, "--drain-seconds", "1", "--close-timeout", "1") as server:
        talker, witness = server.enter("talker"), server.enter("witness")
        stalled = server.enter("stalled", buffer=2_048)
        fill(talker, witness)
        assert server.metric("presence_members_behind") == 1
        talker.update("/in-the-middle", data={"fill": FILL})
        began = time.monotonic()
        server.terminate()
        check_drained([talker, witness])
        assert server.wait(2 + SLACK_S) == 0
        assert time.monotonic() - began < 2 + SLACK_S
        assert not stalled.is_gone


def fill(talker: Peer, witness: Peer) -> None:
    """Send more than the buffers on the way to a stalled reader can hold."""
    for number in range(500):
        talker.update(f"/{number}", data={"fill": FILL})
        if number % 25 == 24:
            pump([talker, witness], partial(all_see, [talker, witness], f"/{number}"))


def all_see(readers: list[Peer], path: str) -> bool:
    """Whether the talker is at `path` for all of them."""
    return all(peer.sees("talker", path) for peer in readers)


def test_one_that_ignores_the_close_and_one_that_never_spoke_are_cut() -> None:
    with Server("--drain-seconds", "0", "--close-timeout", "1") as server:
        ann, deaf = server.enter("ann"), server.enter("deaf")
        pump([ann], lambda: "deaf" in ann.users)
        with socket.create_connection((HOST, server.port)):
            began = time.monotonic()
            server.terminate()
            check_drained([ann])
            assert server.wait(1 + SLACK_S) == 0
            assert time.monotonic() - began < 1 + SLACK_S
        pump([deaf], lambda: deaf.is_gone)


def test_nobody_gets_in_while_it_drains() -> None:
    with Server("--drain-seconds", "4") as server:
        ann, bob = enter(server, "ann", 1), enter(server, "bob", 2)
        with socket.create_connection((HOST, server.port), SOON_S) as early:
            early.sendall(b"GET /parties/presence/presence-1 HTTP/1.1\r\nHost: x\r\n")
            eventually(lambda: server.metric("presence_connections") == 3)
            server.terminate()
            pump([ann], lambda: ann.is_gone)
            with pytest.raises(ConnectionRefusedError):
                server.join("late")
            assert early.recv(1) == b""
        assert bob.closed is None
        bob.update("/still-served")
        pump([bob], lambda: bob.sees("bob", "/still-served"))
        check_drained([bob])
        assert server.wait() == 0


def test_after_a_restart_everybody_is_there_again() -> None:
    with Server("--drain-seconds", "0") as server:
        peers = [server.enter(name) for name in ("ann", "bob")]
        server.terminate()
        check_drained(peers)
        assert server.wait() == 0
        server.start()
        peers = [server.enter(name) for name in ("ann", "bob")]
        pump(peers, lambda: all(set(peer.users) == {"ann", "bob"} for peer in peers))
        assert [peer.store.seq for peer in peers] == [2, 2]
