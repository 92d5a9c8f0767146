"""Readers that stop in the middle of a broadcast, with half a message taken.

Invariants:
- The others get every event, once and in one order, and hold the room's own map.
- The server's memory does not grow with what the stalled do not take.
- Who reads again is made good by one snapshot; who never does is cut, and leaves with `timeout`.
- SIGTERM with a stalled reader in every room: everybody else is closed with 1012 and sees nobody
  leave, and the process ends by itself, before its deadline.
"""

import select
from collections.abc import Sequence
from typing import Any

from tests.support.peer import SOON_S, Peer, pump
from tests.support.server import ROOM, Server
from tests.support.truth import check_order, entries, events, resident_bytes, snapshots

TINY = 2_048
HALF = 700
STEP = 25
FILL = "x" * 1_900
FAST = ("--rate", "10000", "--burst", "100000", "--buffer-limit", "65536")
IMPATIENT = ("--ping-interval", "1", "--pong-timeout", "2")
BOUND = 2 * 1024 * 1024  # half of what is told: frames are shared by all who wait for them
RESTART = (1012, "server is restarting")
SLACK_S = 4.0  # for a machine that is busy with other things


def names(count: int, kind: str) -> list[str]:
    """Names of users."""
    return [f"{kind}-{number}" for number in range(count)]


def gather(
    server: Server, readers: int, stalling: int, room: str = ROOM
) -> tuple[list[Peer], list[Peer]]:
    """Those who will read all the time, and those who will not; all are settled."""
    there = [server.join(name, room=room) for name in names(readers, "reader")]
    gone = [server.join(name, room=room, buffer=TINY) for name in names(stalling, "stalled")]
    everybody = there + gone
    pump(everybody, lambda: all(len(peer.users) == len(everybody) for peer in everybody))
    return there, gone


def stop_in_the_middle(there: Sequence[Peer], stalled: Sequence[Peer]) -> None:
    """Tell everybody something; `stalled` take half of it, and read no more."""
    there[0].update("/half", data={"fill": FILL})
    for peer in stalled:
        select.select([peer], [], [], SOON_S)
        peer.pull(HALF)
        assert not peer.sees("reader-0", "/half")
    pump(there, lambda: all(peer.sees("reader-0", "/half") for peer in there))


def talk(there: Sequence[Peer], count: int) -> None:
    """Cause `count` events of 2 KB, said by turns; `there` get them all."""
    for _ in range(0, count, STEP):
        had = [len(changes(peer)) for peer in there]
        for number in range(STEP):
            there[number % len(there)].update(f"/{had[0] + number}", data={"fill": FILL})
        pump(there, lambda: [len(changes(peer)) for peer in there] == [n + STEP for n in had])  # noqa: B023 - called at once


def changes(peer: Peer) -> list[dict[str, Any]]:
    """All that it was told of somebody's new place."""
    return [message for message in peer.messages if message["type"] == "presence_changed"]


def test_readers_that_stop_in_the_middle_of_a_broadcast_are_noticed_by_nobody_and_made_good() -> (
    None
):
    with Server(*FAST) as server:
        there, stalled = gather(server, 6, 24)
        stop_in_the_middle(there, stalled)
        talk(there, 400)
        before = resident_bytes(server)
        talk(there, 2_000)
        assert resident_bytes(server) < before + BOUND
        assert server.metric("presence_members_behind") == 24
        for peer in there:
            check_order(peer)
            assert snapshots(peer) == 1
            assert events(peer)[-2_401:] == events(there[0])[-2_401:]
            assert peer.users == entries(server)
        stalled[0].update("/said-while-stalled")
        everybody = there + stalled
        pump(everybody, lambda: all(p.sees("stalled-0", "/said-while-stalled") for p in everybody))
        talk(everybody, STEP)
        for peer in stalled:
            check_order(peer)
            assert snapshots(peer) == 2
        assert all(peer.users == entries(server) for peer in everybody)
        assert server.metric("presence_members_behind") == 0
        assert server.metric("presence_cut_slow_total") == 0


def test_readers_that_stop_in_the_middle_of_a_broadcast_for_good_are_cut() -> None:
    with Server(*FAST, *IMPATIENT) as server:
        there, stalled = gather(server, 3, 8)
        stop_in_the_middle(there, stalled)
        talk(there, 400)
        pump(there, lambda: all(len(peer.left()) == 8 for peer in there))
        for peer in there:
            check_order(peer)
            assert sorted(peer.left()) == [(name, "timeout") for name in names(8, "stalled")]
            assert peer.users == entries(server)
        assert set(entries(server)) == set(names(3, "reader"))
        assert server.metric("presence_cut_slow_total") == 8
        assert server.metric("presence_members_behind") == 0
        pump(there, lambda: server.metric("presence_connections") == 3)


def test_a_stalled_reader_that_dials_anew_is_not_seen_to_leave() -> None:
    with Server(*FAST) as server:
        there, stalled = gather(server, 3, 4)
        stop_in_the_middle(there, stalled)
        talk(there, 400)
        again = [server.join(name) for name in names(4, "stalled")]
        everybody = there + again
        pump(everybody, lambda: all(len(peer.users) == 7 for peer in everybody))
        talk(everybody, STEP)
        for peer in everybody:
            check_order(peer)
            assert peer.left() == []
            assert peer.users == entries(server)
        assert server.metric("presence_closes_total", code="4409") == 4
        pump(stalled, lambda: all(peer.is_gone for peer in stalled))
        pump(everybody, lambda: server.metric("presence_connections") == 7)


def test_sigterm_in_the_middle_of_a_broadcast_with_a_stalled_reader_in_every_room() -> None:
    rooms = [f"presence-{number}" for number in range(20)]
    with Server(*FAST, "--drain-seconds", "1", "--close-timeout", "1") as server:
        crowds = [gather(server, 2, 1, room) for room in rooms]
        for there, stalled in crowds:
            stop_in_the_middle(there, stalled)
            talk(there, 200)
        assert server.metric("presence_members_behind") == len(rooms)
        check_goodbye(server, [there for there, _ in crowds])


def test_sigterm_in_the_middle_of_a_broadcast_with_stalled_readers_in_a_large_room() -> None:
    with Server(*FAST, "--drain-seconds", "1", "--close-timeout", "1") as server:
        there, stalled = gather(server, 100, 5)
        stop_in_the_middle(there, stalled)
        talk(there, 200)
        assert server.metric("presence_members_behind") == 5
        check_goodbye(server, [there])


def check_goodbye(server: Server, crowds: Sequence[Sequence[Peer]]) -> None:
    """Send SIGTERM while somebody speaks in each room; assert that all others are told."""
    for there in crowds:
        there[0].update("/in-the-middle", data={"fill": FILL})
    server.terminate()
    everybody = [peer for there in crowds for peer in there]
    pump(everybody, lambda: all(peer.is_gone for peer in everybody), 2 + SLACK_S)
    assert server.wait(2 + SLACK_S) == 0
    for peer in everybody:
        check_order(peer)
        assert peer.closed == RESTART
        assert peer.left() == []
