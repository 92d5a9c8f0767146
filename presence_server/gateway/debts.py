"""Who is owed a snapshot, and when it is paid: joining, resync and falling behind are one thing."""

from collections.abc import Iterator
from typing import Final, Literal

from presence_server.gateway.deflate import lone_frame
from presence_server.gateway.frames import text_frame
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.ports import NEVER
from presence_server.metrics import Metrics

Cause = Literal["join", "resync", "behind"]

INTERVAL_S: Final = 1.0
MAX_BYTES: Final = 8 * 1024 * 1024


class Snapshot:
    """A room as one message: a frame for each kind of client, made once."""

    __slots__ = ("_deflated", "_plain", "_size")

    def __init__(self, payload: bytes) -> None:
        self._size = len(payload)
        self._plain = text_frame(payload)
        self._deflated: bytes | None = None

    def frame_for(self, outbox: Outbox) -> bytes:
        """The frame that `outbox` gets."""
        if not outbox.is_deflated:
            return self._plain
        if self._deflated is None:
            self._deflated = lone_frame(self._plain[-self._size :]) or self._plain
        return self._deflated


class Debts:
    """The outboxes that get no events until they were sent a snapshot, first come first served."""

    __slots__ = ("_causes", "_metrics")

    def __init__(self, metrics: Metrics) -> None:
        self._causes: dict[Outbox, Cause] = {}
        self._metrics = metrics

    def __len__(self) -> int:
        """How many are owed."""
        return len(self._causes)

    def __contains__(self, outbox: Outbox) -> bool:
        """Whether `outbox` is owed."""
        return outbox in self._causes

    def __iter__(self) -> Iterator[Outbox]:
        """Those that are owed, longest first."""
        return iter(self._causes)

    def add(self, outbox: Outbox, cause: Cause) -> None:
        """Owe `outbox`; a debt that is owed already keeps its place and cause."""
        if outbox in self._causes:
            return
        self._causes[outbox] = cause
        if cause == "behind":
            self._metrics.behind.inc()

    def forget(self, outbox: Outbox) -> Cause | None:
        """Owe `outbox` no more; returns why it was owed."""
        cause = self._causes.pop(outbox, None)
        if cause == "behind":
            self._metrics.behind.dec()
        return cause

    def pay(self, snapshot: Snapshot, now: float) -> tuple[list[Outbox], float]:
        """Write `snapshot` to those that can take it; returns them, and when to come again.

        One whose writes are paused waits for its buffer to be empty (`Fanout.resumed` tells), one
        that had a snapshot within the last second for that second to pass. At most `MAX_BYTES` are
        written at a time, and at least one snapshot.
        """
        paid: list[Outbox] = []
        size = 0
        again_at = NEVER
        for outbox in self._causes:
            if outbox.paused:
                continue
            if outbox.snapshot_due > now:
                again_at = min(again_at, outbox.snapshot_due)
                continue
            frame = snapshot.frame_for(outbox)
            size += len(frame)
            if paid and size > MAX_BYTES:
                again_at = now
                break
            outbox.write_snapshot(frame)
            outbox.snapshot_due = now + INTERVAL_S
            paid.append(outbox)
        for outbox in paid:
            frame = snapshot.frame_for(outbox)
            self._metrics.count_snapshot(self.forget(outbox), len(frame))
        return paid, again_at
