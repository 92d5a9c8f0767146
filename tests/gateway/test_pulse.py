"""Alive, silent or stalled: arithmetic."""

from presence_server.gateway.ports import NEVER
from presence_server.gateway.pulse import Beat, Pulse

INTERVAL, TIMEOUT = 10.0, 15.0


def beat(pulse: Pulse, now: float, flushed: int = 0) -> Beat:
    """What is due."""
    return pulse.beat(now, flushed, INTERVAL, TIMEOUT)


def test_a_ping_is_due_at_each_interval_while_bytes_come() -> None:
    pulse = Pulse(5.0)
    assert beat(pulse, 4.9) is Beat.NOTHING
    assert beat(pulse, 5.0) is Beat.PING
    pulse.heard = True
    assert beat(pulse, 14.9) is Beat.NOTHING
    assert beat(pulse, 15.0) is Beat.PING


def test_a_peer_that_is_silent_since_the_last_ping_is_cut_in_time() -> None:
    pulse = Pulse(5.0)
    assert beat(pulse, 5.0) is Beat.PING
    assert beat(pulse, 15.0) is Beat.NOTHING
    assert pulse.due(15.0, TIMEOUT) == 20.0
    assert beat(pulse, 20.0) is Beat.CUT_SILENT


def test_a_pong_tells_the_round_trip_once() -> None:
    pulse = Pulse(5.0)
    assert beat(pulse, 5.0) is Beat.PING
    assert pulse.ponged(5.25) == 0.25
    assert pulse.ponged(5.5) is None


def test_a_full_buffer_that_shrinks_is_a_sign_of_life() -> None:
    pulse = Pulse(5.0)
    pulse.paused(4.0, 1_000, TIMEOUT)
    assert beat(pulse, 5.0, 1_000) is Beat.PING
    assert beat(pulse, 16.0, 1_001) is Beat.PING
    assert beat(pulse, 20.0, 1_001) is Beat.NOTHING


def test_a_full_buffer_that_does_not_shrink_is_cut_after_the_timeout() -> None:
    pulse = Pulse(100.0)
    pulse.paused(4.0, 1_000, TIMEOUT)
    assert pulse.due(4.0, TIMEOUT) == 19.0
    assert beat(pulse, 18.9, 1_000) is Beat.NOTHING
    assert beat(pulse, 19.0, 1_000) is Beat.CUT_STALLED


def test_progress_buys_another_timeout() -> None:
    pulse = Pulse(NEVER)
    pulse.paused(0.0, 1_000, TIMEOUT)
    assert beat(pulse, 15.0, 1_500) is Beat.NOTHING
    assert beat(pulse, 29.9, 1_500) is Beat.NOTHING
    assert beat(pulse, 30.0, 1_500) is Beat.CUT_STALLED


def test_an_empty_buffer_ends_the_patience() -> None:
    pulse = Pulse(NEVER)
    pulse.paused(0.0, 1_000, TIMEOUT)
    pulse.resumed()
    assert beat(pulse, 100.0, 1_000) is Beat.NOTHING
