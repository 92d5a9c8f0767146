"""Those who hear how many are in a room instead of who: a number, and only when it has changed.

One who comes is told at once. After that all are told together, once a second at most, from one
frame: whatever comes and goes meanwhile costs nothing for those who count, and what it led to is
told at the end of the second. One that was told within the last second, or whose writes are
paused, is passed over and gets the number of a later time.
"""

from collections.abc import Iterator
from typing import Final

from presence_server.core import codec
from presence_server.core.clocks import Clocks
from presence_server.core.messages import Occupancy
from presence_server.core.room import Room
from presence_server.gateway.frames import text_frame
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.ports import Scheduler, Timer
from presence_server.metrics import Metrics

INTERVAL_S: Final = 1.0
_NOTHING: Final = -1
"""What somebody knows who is to be told, whatever the number is."""


class Headcount:
    """The connections of one room that count, and what each of them was told last.

    They get plain frames, whatever they agreed on: so short a message only grows by compression.
    """

    __slots__ = (
        "_clocks",
        "_metrics",
        "_number",
        "_rest_until",
        "_room",
        "_scheduler",
        "_timer",
        "_told",
    )

    def __init__(self, room: Room, scheduler: Scheduler, clocks: Clocks, metrics: Metrics) -> None:
        self._room = room
        self._scheduler = scheduler
        self._clocks = clocks
        self._metrics = metrics
        self._told: dict[Outbox, int] = {}
        self._number = len(room)
        self._rest_until = 0.0
        self._timer: Timer | None = None

    def __len__(self) -> int:
        """How many connections count."""
        return len(self._told)

    def __contains__(self, outbox: Outbox) -> bool:
        """Whether `outbox` is one of them."""
        return outbox in self._told

    def __iter__(self) -> Iterator[Outbox]:
        """All of them."""
        return iter(self._told)

    def add(self, outbox: Outbox) -> None:
        """Tell `outbox` the number now, behind what was put ahead, and from here on."""
        number = len(self._room)
        frame = _frame(number)
        self._write(outbox, frame, number, self._clocks.monotonic())
        self._metrics.count_sent("occupancy", len(frame))

    def discard(self, outbox: Outbox) -> None:
        """Tell `outbox` nothing more."""
        self._told.pop(outbox, None)
        if not self._told and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Something happened in the room: tell of it in time, if the number is another now."""
        if self._timer is None and len(self._room) != self._number:
            self._wake()

    def ask(self, outbox: Outbox) -> None:
        """Tell `outbox` the number, even if it is the one that it knows."""
        self._told[outbox] = _NOTHING
        self._wake()

    def resumed(self, outbox: Outbox) -> None:
        """Note that a transport is empty: one that was passed over can be told."""
        if self._told.get(outbox, self._number) != self._number:
            self._wake()

    def _wake(self) -> None:
        """Tell all when they have rested, or in this turn of the loop if they have."""
        if self._timer is not None:
            return
        delay = self._rest_until - self._clocks.monotonic()
        if delay > 0:
            self._timer = self._scheduler.call_later(delay, self._tell)
        else:
            self._timer = self._scheduler.call_soon(self._tell)

    def _tell(self) -> None:
        self._timer = None
        began = self._clocks.stopwatch()
        # A loop may run a timer a little early; nobody's second is over then.
        now = max(self._clocks.monotonic(), self._rest_until)
        self._rest_until = now + INTERVAL_S
        self._number = number = len(self._room)
        frame = _frame(number)
        stale = [it for it, told in self._told.items() if told != number and not it.paused]
        due = [outbox for outbox in stale if outbox.snapshot_due <= now]
        for outbox in due:
            self._write(outbox, frame, number, now)
        self._metrics.count_sent("occupancy", len(frame), len(due))
        self._metrics.fanout_seconds.observe(self._clocks.stopwatch() - began)
        if len(due) < len(stale):
            self._wake()

    def _write(self, outbox: Outbox, frame: bytes, number: int, now: float) -> None:
        outbox.write(frame)
        outbox.snapshot_due = now + INTERVAL_S
        self._told[outbox] = number


def _frame(number: int) -> bytes:
    return text_frame(codec.encode(Occupancy(members=number)))
