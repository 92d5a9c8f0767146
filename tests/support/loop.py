"""A clock and an event loop that only move when a test says so."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any


class Handle:
    """A callback that may be cancelled."""

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback: Callable[..., object] | None = callback
        self._args = args

    def cancel(self) -> None:
        """Forget it."""
        self._callback = None

    def run(self) -> None:
        """Call it, unless it was cancelled."""
        if self._callback is not None:
            self._callback(*self._args)


class FakeLoop:
    """Implements the gateway's `Scheduler`; starts at an odd time so that zero is never `now`."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._number = itertools.count()

    def time(self) -> float:
        """Monotonic seconds."""
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        """Call in this turn."""
        handle = Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Call in `delay` seconds."""
        handle = Handle(callback, args)
        heapq.heappush(self._timers, (self.now + delay, next(self._number), handle))
        return handle

    def turn(self) -> None:
        """Run what is due now, and what that asks to be run in the same turn."""
        for _ in range(100_000):
            while self._timers and self._timers[0][0] <= self.now:
                self._ready.append(heapq.heappop(self._timers)[2])
            if not self._ready:
                return
            self._ready.popleft().run()
        raise AssertionError("the loop never comes to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, running each timer at its time."""
        end = self.now + seconds
        self.turn()
        while self._timers and self._timers[0][0] <= end:
            self.now = max(self.now, self._timers[0][0])
            self.turn()
        self.now = end
        self.turn()
