"""How fast a client is read: not while it doesn't read itself, and no faster than frames may come.

Nothing is lost: what isn't read waits in the kernel, and then in its sender.
"""

from collections.abc import Sequence
from typing import Final

from websockets.frames import Frame

from presence_server.core.rate import Budget
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.session import Context
from presence_server.gateway.wire import Received

FRAMES_PER_S: Final = 500.0
COUNTED_FRAMES: Final = 50
"""How many are taken without a look at the clock."""
FRAMES_BURST: Final = 1000.0
MAX_PENALTY_S: Final = 3.0
READ_SIZE: Final = 8_192
"""Bytes taken at a time: no more than 1,400 frames, so that no flood holds the loop for long."""
READ_SIZE_DEFLATED: Final = 1_024
"""The same for one whose messages may become a hundred times as long."""

READ_BUFFER: Final = bytearray(READ_SIZE)
READ_VIEW: Final = memoryview(READ_BUFFER)
READ_VIEW_DEFLATED: Final = READ_VIEW[:READ_SIZE_DEFLATED]
"""All connections share one buffer: what was read is taken at once."""


class Intake:
    """The tap of one connection."""

    __slots__ = ("_budget", "_is_flooding", "_outbox", "_uncounted")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._budget = Budget(FRAMES_PER_S, FRAMES_BURST)
        self._is_flooding = False
        self._uncounted = 0

    def took(self, received: Sequence[Received], size: int, context: Context) -> None:
        """Count what came in `size` bytes, each kilobyte as a frame more; beyond the budget read
        nothing until it is out of debt.
        """
        if self._outbox.is_deflated:
            size = _inflated_size(received)
        self._uncounted += len(received) + (size >> 10)
        if self._uncounted < COUNTED_FRAMES:
            return
        frames, self._uncounted = self._uncounted, 0
        debt = self._budget.overdraw(context.clocks.monotonic(), frames, MAX_PENALTY_S)
        if debt > 0 and not self._is_flooding and not self._outbox.transport.is_closing():
            self._is_flooding = True
            self.hold()
            context.scheduler.call_later(debt, self._flood_over)

    def hold(self) -> None:
        """Read nothing until `read_again`."""
        self._outbox.transport.pause_reading()

    def read_again(self) -> None:
        """Read, unless there is still a reason not to."""
        transport = self._outbox.transport
        if not (self._outbox.paused or self._is_flooding or transport.is_closing()):
            transport.resume_reading()

    def _flood_over(self) -> None:
        self._is_flooding = False
        self.read_again()


def _inflated_size(received: Sequence[Received]) -> int:
    """How much was read, in the sense of how long it takes to look at it."""
    texts = [piece for piece in received if isinstance(piece, bytes)]
    frames = [piece.data for piece in received if isinstance(piece, Frame)]
    return sum(map(len, [*texts, *frames]))
