"""A clock of an operating system: timers come late, and by a fraction of a millisecond early."""

from collections.abc import Callable
from typing import Any

from presence_server.gateway.wheel import RESOLUTION_S, Wheel
from tests.support.loop import FakeLoop, Handle

ROUNDING_S = 0.0005  # uvloop rounds a delay to a whole millisecond, down as often as up


class RoundingLoop(FakeLoop):
    """Timers fire a little early, as libuv's do."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Call a little before `delay` seconds have passed."""
        return super().call_later(max(0.0, delay - ROUNDING_S), callback, *args)


class Visitor:
    """Wants to be visited every second, just before the wheel's next slot begins."""

    visit_at = float("inf")

    def __init__(self) -> None:
        self.visits: list[float] = []

    def visit(self, now: float) -> float:
        """Note the time; come again."""
        self.visits.append(now)
        return next_visit(now)


def next_visit(now: float) -> float:
    """About a second later, a tenth of a millisecond before the end of a slot."""
    return round((now + 1) / RESOLUTION_S) * RESOLUTION_S - 0.0001


def test_a_timer_that_fires_early_loses_no_visit_for_ever() -> None:
    loop = RoundingLoop()
    wheel = Wheel(loop, loop.time)
    visitor = Visitor()
    wheel.schedule(visitor, next_visit(loop.now))
    loop.advance(10)
    assert len(visitor.visits) >= 9
