"""How long to wait before the next dial: exponential, with full jitter. Pure."""

from collections.abc import Callable
from typing import Final

FIRST_S: Final = 1.0
GROWTH: Final = 1.5
MOST_S: Final = 30.0

Uniform = Callable[[float, float], float]
"""A random number between two others, like `random.uniform`."""


class Backoff:
    """Delays drawn from 0 to a ceiling that grows by half with each, from 1 s to 30 s.

    Doubling would overshoot a restart: most are over in three seconds.

    After a welcome you must call `reset()`.
    """

    def __init__(self, uniform: Uniform) -> None:
        self._uniform = uniform
        self._ceiling = FIRST_S

    def next(self) -> float:
        """The next delay, in seconds."""
        delay = self._uniform(0.0, self._ceiling)
        self._ceiling = min(MOST_S, self._ceiling * GROWTH)
        return delay

    def reset(self) -> None:
        """Start again at the first ceiling."""
        self._ceiling = FIRST_S
