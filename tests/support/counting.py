"""The real server as a program that says how many objects of each kind are alive in it."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support import alive
from tests.support.peer import SOON_S
from tests.support.server import Server, eventually

NOT_COUNTED: Final = (
    "prometheus_client.metrics.Counter",
    "prometheus_client.values.MutexValue",
    "_thread.lock",
    alive.BLOCKS,
)
"""What a series of a metric is made of: one more where a code is met with for the first time."""


class CountingServer(Server):
    """A `Server` that can be asked what is alive in it."""

    def __init__(self, *flags: str, variables: Mapping[str, str] | None = None) -> None:
        super().__init__(*flags, variables=variables)
        self._alive = Path(self._folder.name, "alive")
        self._environment[alive.FILE] = str(self._alive)
        # -P: the folder of this program is no place to import from
        self._command = [sys.executable, "-P", alive.__file__, *flags]

    def alive(self, of: tuple[str, ...] = ("",)) -> Counter[str]:
        """How many objects there are of each kind whose name begins so, but for `NOT_COUNTED`."""
        counted = self._count().items()
        return Counter(
            {kind: n for kind, n in counted if kind.startswith(of) and kind not in NOT_COUNTED}
        )

    def wait_until_again(
        self, before: Counter[str], seconds: float = SOON_S, of: tuple[str, ...] = ("",)
    ) -> None:
        """Wait until of no kind more is alive than `before`; say of which there is."""
        deadline = time.monotonic() + seconds
        while more := self.alive(of) - before:
            assert time.monotonic() < deadline, f"too many: {more}"
            time.sleep(0.1)

    def blocks(self) -> int:
        """How many pieces of memory Python has, small objects of any kind."""
        return self._count()[alive.BLOCKS]

    def _count(self) -> dict[str, int]:
        self._alive.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        eventually(self._alive.exists)
        counted: dict[str, int] = json.loads(self._alive.read_text())
        return counted
