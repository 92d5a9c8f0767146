"""What the generator itself spends, and how late it runs: whether its figures can be believed."""

import asyncio
import time
from pathlib import Path
from typing import Final

from presence_server.load.times import Times

BEAT_S: Final = 0.02
_STAT: Final = Path("/proc/self/schedstat")
"""Nanoseconds on a core and waiting for one, of the main thread (kernel: sched-stats)."""


class Gauge:
    """Measures this process from now on until `stop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began = time.monotonic()
        self._cpu = time.process_time()
        self.lag = Times()
        self.cpu = 0.0
        """Of one core, 0 to 1."""
        self._wait = _waiting_s()
        self.waited = 0.0
        """Share of the time in which there was something to do, and no core free for it."""
        self._timer = self._set()

    def _set(self) -> asyncio.TimerHandle:
        self._due = time.monotonic() + BEAT_S
        return self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        self.lag.add(max(0.0, time.monotonic() - self._due))
        self._timer = self._set()

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
        wall = max(time.monotonic() - self._began, 1e-9)
        self.cpu = (time.process_time() - self._cpu) / wall
        self.waited = (_waiting_s() - self._wait) / wall


def _waiting_s() -> float:
    """How long this process has waited for a core; 0 where the system doesn't say."""
    try:
        return int(_STAT.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
