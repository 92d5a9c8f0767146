"""The bench must not lose a loss: what a receiver did not get makes the run fail."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.bench import __main__ as bench_main
from tests.bench.figures import Figure
from tests.bench.generator import Generator, Loss
from tests.bench.references import Reference
from tests.bench.rows import ROWS, Row
from tests.bench.scenarios import fan_out_many, fan_out_medium
from tests.bench.scripted import Peer, Room, changed, frame, joined, snapshot, text, welcome
from tests.bench.sizes import Sizes
from tests.bench.stage import Bench
from tests.bench.storms import calm

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.alone

TINY = Sizes(
    compressed_members=20,
    large_room=20,
    medium_room=20,
    many_in_flight=16,
    round_ms=200,
    storm_members=10,
    storm_ms=300,
    calm_ms=300,
    beside_members=2,
    idle_rooms=20,
    small_room=4,
    joiners=20,
    rush=20,
    rush_ms=200,
    busy_rooms=4,
    quiet_rooms=4,
    deliveries_per_s=1000,
    accept_rooms=4,
)


DIFFERENT = [row for row in ROWS if row.run not in (fan_out_medium, fan_out_many, calm)]


@pytest.mark.parametrize("row", DIFFERENT, ids=lambda row: row.run.__name__)
def test_a_small_round_loses_nothing(row: Row) -> None:
    assert list(row.run(Bench(sizes=TINY)))  # a loss would be raised


def test_events_that_follow_by_one_are_no_fault(room: Room) -> None:
    room.first.say(changed(3), changed(4, "/doc/2"))
    room.second.say(changed(3), changed(4, "/doc/2"))
    assert room.faults() == {}
    assert room.generator.end() == 0


def test_a_skipped_event_is_a_loss(room: Room) -> None:
    room.first.say(changed(3), changed(5))
    room.second.say(changed(3), changed(4, "/doc/2"), changed(5))
    assert room.faults() == {"lost": 1}
    assert room.generator.end() == 1


def test_an_event_that_everybody_lacks_is_a_loss(room: Room) -> None:
    room.first.say(changed(3), changed(5))
    room.second.say(changed(3), changed(5))
    assert room.faults() == {"lost": 2}


def test_a_last_event_that_does_not_come_is_a_loss(room: Room) -> None:
    room.first.say(changed(3))
    assert room.faults() == {"unsettled": 1}


def test_an_event_that_comes_twice_is_a_fault(room: Room) -> None:
    room.first.say(changed(3), changed(3))
    room.second.say(changed(3))
    assert room.faults() == {"repeated": 1}


def test_an_event_that_is_not_the_same_for_all_is_a_fault(room: Room) -> None:
    room.first.say(changed(3, "/doc/1"))
    room.second.say(changed(3, "/doc/2"))
    assert room.faults() == {"differs": 1}


def test_a_member_that_is_missing_from_a_map_is_a_loss(room: Room) -> None:
    room.second.say(snapshot(2, "b"))
    assert room.faults() == {"unsettled": 1}


def test_an_update_that_is_never_broadcast_is_a_loss(room: Room) -> None:
    room.generator.tell("fanout 1 10")
    assert room.generator.answer().faults["unsettled"] == 1


def test_a_closed_connection_is_a_loss_and_its_code_is_named(room: Room) -> None:
    room.first.socket.sendall(frame(8, (4429).to_bytes(2, "big") + b"room_full"))
    room.generator.tell("idle 100")
    result = room.generator.answer()
    assert result.faults["closed"] == 1
    assert "4429 room_full" in result.problem


def test_an_event_before_the_snapshot_is_a_fault(
    listener: socket.socket, generator: Generator
) -> None:
    generator.tell("join 1")
    peer = Peer(listener)
    peer.say(welcome("a"), joined("a", 1), snapshot(1, "a"))
    result = generator.answer()
    peer.socket.close()
    assert result.faults["early"] == 1


def test_frames_may_be_split_anywhere(room: Room) -> None:
    stream = [snapshot(2, "a", "b", path="x" * 50_000), changed(3), changed(4, "x" * 1000)]
    data = b"".join(map(text, stream)) + frame(9, b"") + text(changed(5))
    room.second.say(changed(3), changed(4, "x" * 1000), changed(5))
    for at, cut in enumerate(data):
        if at % 997 == 0 or at < 20 or at > len(data) - 1400:
            room.first.socket.sendall(bytes([cut]))
        else:
            room.first.socket.send(bytes([cut]), socket.MSG_MORE)
    assert room.faults() == {}


def test_a_ping_is_answered_by_a_masked_pong(room: Room) -> None:
    room.first.socket.sendall(frame(9, b"still there?"))
    assert room.faults() == {}
    pong = room.first.socket.recv(100)
    assert pong == b"\x8a\x8c" + bytes(4) + b"still there?"


def test_a_loss_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def losing(_: Bench) -> Iterator[Figure]:
        raise Loss("one event | of many")

    monkeypatch.setattr(bench_main, "ROWS", [Row("join", losing)])
    assert bench_main.main(["--only", "join", "--against", "none"]) == 1
    assert "| **LOST** | join: one event / of many |" in capsys.readouterr().out


def test_another_servers_loss_is_told_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def losing(bench: Bench) -> Iterator[Figure]:
        if not bench.is_ours:
            raise Loss("one event of many")
        yield Figure("cost", 1.0, "ms", 1.0, 1.0)
        yield Figure("cost", 1.0, "ms", 1.0, 1.0, key="c-event")

    monkeypatch.setattr(bench_main, "ROWS", [Row("join", losing)])
    assert bench_main.main(["--only", "join", "--against", "c-event"]) == 0
    assert "- join, c-event: one event of many" in capsys.readouterr().out


def test_a_server_that_cannot_be_had_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> list[str]:
        raise RuntimeError("no compiler")

    def one(_: Bench) -> Iterator[Figure]:
        yield Figure("cost", 1.0, "ms", 1.0, 1.0)

    monkeypatch.setattr(bench_main, "REFERENCES", {"ws": Reference("Node", "ws", missing)})
    monkeypatch.setattr(bench_main, "ROWS", [Row("join", one)])
    assert bench_main.main(["--only", "join"]) == 0
    assert "- all, ws: no compiler" in capsys.readouterr().out
