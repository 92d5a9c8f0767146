"""The bench must not lose a loss: what a receiver did not get makes the run fail."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.bench import __main__ as bench_main
from tests.bench.generator import Generator, Loss, generating
from tests.bench.machine import two_cores
from tests.bench.report import Figure, number, table
from tests.bench.scenarios import SCENARIOS, Bench, Sizes
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TINY = Sizes(
    fan_out_rooms=(20,),
    in_flight=(1, 8),
    round_ms=300,
    latency_members=20,
    deliveries_per_s=1000,
    idle_rooms=20,
    accept_rooms=4,
    joiners=20,
)


class Peer:
    """The scripted server's end of one connection."""

    def __init__(self, listener: socket.socket) -> None:
        self.socket, _ = listener.accept()
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while not self.socket.recv(65536).endswith(b"\r\n\r\n"):
            pass
        self.socket.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")

    def say(self, *messages: dict[str, Any]) -> None:
        self.socket.sendall(b"".join(map(text, messages)))


class Room:
    """A scripted room of two: both have joined, and hold the full map at seq 2."""

    def __init__(self, listener: socket.socket, generator: Generator) -> None:
        self.generator = generator
        generator.tell("join 2")
        self.first, self.second = Peer(listener), Peer(listener)
        self.first.say(welcome("a"), snapshot(1, "a"), joined("b", 2))
        self.second.say(welcome("b"), snapshot(2, "a", "b"))
        assert generator.answer().ok

    def faults(self) -> dict[str, int]:
        """Let the generator read what was said; the answer is what it objects to."""
        self.generator.tell("idle 100")
        result = self.generator.answer()
        assert result.ok is not any(result.faults.values())
        assert bool(result.problem) is not result.ok
        return {name: count for name, count in result.faults.items() if count}


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([0x80 | opcode, size]) + payload
    if size < 65536:
        return bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big") + payload
    return bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big") + payload


def text(message: dict[str, Any]) -> bytes:
    return frame(1, json.dumps(message, separators=(",", ":")).encode())


def welcome(user: str) -> dict[str, Any]:
    return {"type": "welcome", "version": 1, "userId": user}


def snapshot(seq: int, *users: str, path: str = "") -> dict[str, Any]:
    entries = [{"userId": user, "currentPath": path} for user in users]
    return {"type": "presence_snapshot", "users": entries, "seq": seq}


def joined(user: str, seq: int) -> dict[str, Any]:
    return {"type": "user_joined", "userId": user, "seq": seq}


def changed(seq: int, path: str = "/doc/1") -> dict[str, Any]:
    return {"type": "presence_changed", "userId": "a", "currentPath": path, "seq": seq}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


@pytest.fixture
def generator(listener: socket.socket, tmp_path: Path) -> Iterator[Generator]:
    write_connections(tmp_path / "list", rooms=1, members=2)
    port, core = listener.getsockname()[1], two_cores()[1]
    with generating(port, tmp_path / "list", core, patience_s=1) as running:
        yield running


@pytest.fixture
def room(listener: socket.socket, generator: Generator) -> Iterator[Room]:
    scripted = Room(listener, generator)
    yield scripted
    scripted.first.socket.close()
    scripted.second.socket.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_small_round_loses_nothing(name: str) -> None:
    assert list(SCENARIOS[name](Bench(sizes=TINY)))  # a loss would be raised


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

    monkeypatch.setitem(SCENARIOS, "join", losing)
    assert bench_main.main(["--only", "join"]) == 1
    assert "| **LOST** | join: one event / of many |" in capsys.readouterr().out


def test_repetitions_become_a_median_and_a_spread() -> None:
    figures = [Figure("cost", value, "ms", 1.0, 0.5) for value in (3.0, 1.0, 2.0)]
    assert "| cost | 2.00 (1.00–3.00) | ms | 100% | 50% |" in table(figures)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_384_000, "1.38 M"),
        (12_345, "12,300"),
        (1234, "1,230"),
        (123.4, "123"),
        (0.01234, "0.0123"),
    ],
)
def test_numbers_have_three_figures(value: float, shown: str) -> None:
    assert number(value) == shown
