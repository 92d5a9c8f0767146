"""The time of facts: never back, and as fast as the wall clock, give or take a tenth. Pure."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

STEERING: Final = 0.1
"""By how much of its speed it may run faster or slower, to come nearer to the wall clock."""


class SteadyClock:
    """Begins at the wall clock, runs with a steady one, and is steered back to the first.

    So a wall clock that is set makes no viewing longer or shorter by more than that tenth. Both
    clocks give seconds; the `steady` one never goes back.
    """

    __slots__ = ("_last", "_now", "_steady", "_wall")

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._last = steady()
        self._now = wall()

    def now_ms(self) -> int:
        """UTC milliseconds."""
        last, self._last = self._last, self._steady()
        passed = self._last - last
        now = self._wall()
        slowest = self._now + passed * (1 - STEERING)
        if now < slowest:
            now = slowest
        elif now > (fastest := self._now + passed * (1 + STEERING)):
            now = fastest
        self._now = now
        return int(now * 1000)


def _steady() -> Callable[[], float]:
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic if boottime is None else partial(time.clock_gettime, boottime)


steady: Final = _steady()
"""Seconds, monotonic; while the machine sleeps it runs on, where the system has such a clock."""
