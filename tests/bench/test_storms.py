"""Where everybody talks at once a loss must be found too, and a slow server must not hang it."""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.bench.generator import Generator, Loss, generating
from tests.bench.machine import two_cores
from tests.bench.scripted import (
    Peer,
    Room,
    answer,
    changed,
    frame,
    joined,
    moved,
    snapshot,
    text,
    welcome,
)
from tests.bench.server import Server
from tests.bench.stage import Stage
from tests.bench.storms import figures_of
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.alone

FIVE = "open 50 update 0 1 100"  # the first member says something at 0, 10, 20, 30 and 40 ms
FIVE_CURSORS = "open 50 cursor 0 1 100"


# --- several updates of one sender under way


def test_a_sender_does_not_wait_for_its_last_update(room: Room) -> None:
    room.generator.tell(FIVE)
    events = [answer(update, 3 + i) for i, update in enumerate(room.first.hears(5))]
    room.first.say(*events)
    room.second.say(*events)
    result = room.generator.answer()
    assert result.ok
    assert (result.updates, result.demanded, result.delivered) == (5, 10, 10)
    assert result.delivery.count == 10
    assert 0 < result.delivery.p50_ms <= result.delivery.max_ms * 1.01


def test_one_update_of_several_that_is_never_told_is_a_loss(room: Room) -> None:
    room.generator.tell(FIVE)
    updates = room.first.hears(5)
    events = [answer(update, 3 + i) for i, update in enumerate(updates[:2] + updates[3:])]
    room.first.say(*events)
    room.second.say(*events)
    result = room.generator.answer()
    assert result.faults["lost"] == 1
    assert result.problem == "update 3 of pk-user-000-0000 was never told, only 4"


def test_a_last_update_that_is_never_told_is_a_loss(room: Room) -> None:
    room.generator.tell(FIVE)
    events = [answer(update, 3 + i) for i, update in enumerate(room.first.hears(5)[:4])]
    room.first.say(*events)
    room.second.say(*events)
    result = room.generator.answer()
    assert result.faults["unsettled"] == 1
    assert (result.demanded, result.delivered) == (10, 8)


def test_a_snapshot_makes_good_what_it_shows(room: Room) -> None:
    room.generator.tell(FIVE)
    updates = room.first.hears(5)
    events = [answer(update, 3 + i) for i, update in enumerate(updates)]
    room.second.say(*events)
    here = snapshot(7, "a", "b")
    here["users"][0] |= {"currentPath": updates[-1]["currentPath"]}
    room.first.say(here)
    result = room.generator.answer()
    assert result.ok
    assert (result.snapshots, result.delivered) == (1, 5)


# --- cursors


def test_a_cursor_may_be_left_out_for_a_later_one(room: Room) -> None:
    room.generator.tell(FIVE_CURSORS)
    said = [moved(cursor) for cursor in room.first.hears(5)]
    room.first.say(*said)
    room.second.say(said[1], said[4])
    result = room.generator.answer()
    assert result.ok
    assert (result.demanded, result.delivered, result.deliveries) == (10, 10, 7)
    assert result.delivery.count == 10


def test_a_cursor_that_goes_back_is_a_fault(room: Room) -> None:
    room.generator.tell(FIVE_CURSORS)
    said = [moved(cursor) for cursor in room.first.hears(5)]
    room.first.say(*said)
    room.second.say(said[3], said[2], said[4])
    result = room.generator.answer()
    assert {name for name, count in result.faults.items() if count} == {"repeated"}
    assert "went back at pk-user-000-0001: 3 after 4" in result.problem


def test_a_last_cursor_that_is_missing_is_a_loss(room: Room) -> None:
    room.generator.tell(FIVE_CURSORS)
    said = [moved(cursor) for cursor in room.first.hears(5)]
    room.first.say(*said)
    room.second.say(*said[:4])
    result = room.generator.answer()
    assert {name: count for name, count in result.faults.items() if count} == {"unsettled": 1}
    assert "4 of 5 cursors" in result.problem


def test_a_cursor_that_is_not_the_same_for_all_is_a_fault(room: Room) -> None:
    room.generator.tell(FIVE_CURSORS)
    said = [moved(cursor) for cursor in room.first.hears(5)]
    other = moved({"cursor": said[4]["cursor"] | {"y": 0}})
    room.first.say(*said)
    room.second.say(*said[:4], other)
    assert room.generator.answer().faults["differs"] == 1


def test_a_cursor_that_nobody_sent_is_a_fault(room: Room) -> None:
    room.first.say(moved({"cursor": {"x": 7, "y": 7}}))
    assert room.faults() == {"unasked": 1}


def test_a_snapshot_has_cursors_too(room: Room) -> None:
    room.generator.tell(FIVE_CURSORS)
    said = [moved(cursor) for cursor in room.first.hears(5)]
    here = snapshot(2, "a", "b")
    here["users"][0] |= {"cursor": said[4]["cursor"]}
    room.first.say(*said)
    room.second.say(here)
    assert room.generator.answer().ok


# --- pings beside a rush


def test_each_pong_answers_the_next_ping(room: Room) -> None:
    room.generator.tell("open 50 ping 0 1 100")
    assert room.first.hears(5) == [{"type": "ping"}] * 5
    room.first.say(*[{"type": "pong"}] * 5)
    result = room.generator.answer()
    assert result.ok
    assert (result.demanded, result.delivery.count) == (0, 5)


def test_a_ping_that_is_not_answered_is_a_loss(room: Room) -> None:
    room.generator.tell("open 50 ping 0 1 100")
    room.first.say(*[{"type": "pong"}] * len(room.first.hears(4)))
    assert room.generator.answer().faults["unsettled"] == 1


def test_a_pong_that_nobody_asked_for_is_a_fault(room: Room) -> None:
    room.first.say({"type": "pong"})
    assert room.faults() == {"unasked": 1}


def test_dials_are_spread_over_the_time_given(
    listener: socket.socket, generator: Generator
) -> None:
    generator.tell("join 2 300")
    first = Peer(listener)
    first.say(welcome("a"), snapshot(1, "a"))
    second = Peer(listener)
    first.say(joined("b", 2))
    second.say(welcome("b"), snapshot(2, "a", "b"))
    result = generator.answer()
    assert result.ok
    assert result.admitted_ms > 149
    assert [first.address, second.address] == ["127.0.0.1", "127.0.0.2"]
    first.socket.close()
    second.socket.close()


# --- who can't keep up


def test_a_server_that_falls_behind_is_told_and_does_not_hang(room: Room) -> None:
    stage = Stage(Server("slow 1", 1, os.getpid()), room.generator)
    measured = stage.measure(FIVE, look_after_s=0.01, may_fall_behind=True)
    found = {figure.what: figure for figure in figures_of(measured, "storm", 50)}
    assert found["storm, not delivered"].value == 10
    assert found["storm, delivered while it went on"].value == 0
    behind = found["storm, behind at its end"]
    assert behind.beyond
    assert behind.value == pytest.approx(1, abs=0.3)
    assert not any(figure.notes for figure in found.values())


def test_a_server_that_loses_something_on_top_is_told(room: Room) -> None:
    stage = Stage(Server("slow 1", 1, os.getpid()), room.generator)
    room.first.say(changed(4))
    measured = stage.measure(FIVE, may_fall_behind=True)
    notes = [note for figure in figures_of(measured, "storm", 50) for note in figure.notes]
    assert "lost 1" in notes[0]


def test_ours_must_not_fall_behind(room: Room) -> None:
    stage = Stage(Server("ours 1", 1, os.getpid()), room.generator)
    with pytest.raises(Loss):
        stage.measure(FIVE)


# --- compression


@pytest.fixture(params=["", "; server_no_context_takeover"])
def compressed(
    request: pytest.FixtureRequest, listener: socket.socket, tmp_path: Path
) -> Iterator[tuple[Generator, list[Peer], bool]]:
    """Make a room of two that take compressed messages, with and without a memory."""
    write_connections(tmp_path / "list", rooms=1, members=2)
    port, core = listener.getsockname()[1], two_cores()[1]
    with generating(port, tmp_path / "list", core, 1, deflate=True) as generator:
        generator.tell("join 2")
        peers = [Peer(listener, "permessage-deflate" + request.param) for _ in range(2)]
        peers[0].say(welcome("a"), snapshot(1, "a"), joined("b", 2))
        peers[1].say(welcome("b"), snapshot(2, "a", "b"))
        assert generator.answer().ok
        yield generator, peers, not request.param
        for peer in peers:
            peer.socket.close()


def deflated(*payloads: bytes, remembers: bool) -> bytes:
    packer, frames = zlib.compressobj(wbits=-15), b""
    for payload in payloads:
        data = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
        framed = frame(1, data.removesuffix(b"\x00\x00\xff\xff"))
        frames += bytes([framed[0] | 0x40]) + framed[1:]
        if not remembers:
            packer = zlib.compressobj(wbits=-15)
    return frames


def test_compressed_events_are_checked_like_others(
    compressed: tuple[Generator, list[Peer], bool],
) -> None:
    generator, peers, remembers = compressed
    assert b"Sec-WebSocket-Extensions: permessage-deflate\r\n" in peers[0].request
    events = [text(changed(seq, "x" * 500))[4:] for seq in (3, 4, 5)]
    generator.tell("open 1500 ping 0 1 0.5")
    assert peers[0].hears(1) == [{"type": "ping"}]  # it counts from then on
    peers[0].say({"type": "pong"})
    for peer in peers:
        peer.socket.sendall(deflated(*events, remembers=remembers))
    result = generator.answer()
    assert result.ok
    assert result.deliveries == 6
    assert 0 < result.wire_bytes < 1200
    for peer, path in zip(peers, "ab", strict=True):
        peer.socket.sendall(deflated(text(changed(6, path))[2:], remembers=False))
    generator.tell("idle 100")
    assert generator.answer().faults["differs"] == 1
