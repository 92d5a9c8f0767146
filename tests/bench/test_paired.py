"""What is said of a difference must be as sure as it says, and no surer."""

from __future__ import annotations

import os
import signal
import socket
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.bench import paired
from tests.bench.generator import generating
from tests.bench.machine import two_cores
from tests.bench.scripted import Peer, answer, snapshot, welcome
from tests.bench.tokens import write_connections, write_crowds

if TYPE_CHECKING:
    from pathlib import Path

STOPPED_S = 0.5
QUIET = [0.01 * n for n in range(-12, 13)]


def test_the_interval_of_a_median_is_that_of_the_sign_test() -> None:
    assert paired.of_median(range(1, 26)) == (13, 8, 18)  # of every table of the sign test
    assert paired.of_median(range(1, 7)) == (3.5, 1, 6)


def test_five_differences_say_nothing_of_a_median() -> None:
    assert paired.of_median(range(5)) == (2, float("-inf"), float("inf"))


def test_an_interval_misses_the_truth_as_rarely_as_it_says() -> None:
    draw = Random(7).gauss
    intervals = [paired.of_median([draw(1, 3) for _ in range(25)]) for _ in range(2_000)]
    missed = sum(not low <= 1 <= high for _, low, high in intervals)
    assert 0.03 < missed / len(intervals) < 0.06


def test_a_mean_sees_what_is_rare_and_large_and_a_median_does_not() -> None:
    stalled = [*QUIET[:-2], 40, 50]
    assert paired.of_median(stalled).high < 0.5
    assert paired.of_mean(stalled).high > 5
    assert paired.of_mean(QUIET).high < 0.5


@pytest.mark.alone
def test_each_crowd_dials_its_own_server(listener: socket.socket, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(10)
        ports = [server.getsockname()[1] for server in (listener, other)]
        write_crowds(tmp_path / "list", ports, rooms=1, members=1)
        with generating(ports[0], tmp_path / "list", two_cores()[1], patience_s=1) as generator:
            generator.tell("join 2")
            first, second = Peer(listener), Peer(other)
            for peer in (first, second):
                peer.say(welcome("a"), snapshot(1, "a"))
            assert generator.answer().ok
            generator.tell("open 50 update 1 1 100")
            updates = second.hears(5)
            second.say(*[answer(update, 2 + at) for at, update in enumerate(updates)])
            assert generator.answer().ok
            first.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                first.socket.recv(1)
            first.socket.close()
            second.socket.close()


@pytest.mark.alone
def test_a_stamp_is_of_the_arrival_whenever_it_is_read(
    listener: socket.socket, tmp_path: Path
) -> None:
    write_connections(tmp_path / "list", rooms=1, members=1)
    port, core = listener.getsockname()[1], two_cores()[1]
    with generating(port, tmp_path / "list", core, patience_s=1, stamps=True) as generator:
        generator.tell("join 1")
        peer = Peer(listener)
        peer.say(welcome("a"), snapshot(1, "a"))
        assert generator.answer().ok
        generator.tell("open 10 update 0 1 100")
        [update] = peer.hears(1)
        os.kill(generator.pid, signal.SIGSTOP)
        peer.say(answer(update, 2))
        time.sleep(STOPPED_S)
        os.kill(generator.pid, signal.SIGCONT)
        result = generator.answer()
        peer.socket.close()
    assert result.ok
    assert result.arrival.count == result.delivery.count == 1
    assert result.delivery.max_ms >= STOPPED_S * 1e3 > result.arrival.max_ms
