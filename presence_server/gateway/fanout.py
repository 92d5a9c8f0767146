"""The hot path: everything that happened in a room in one turn of the loop, told to all at once.

Each event is encoded once. At the end of the turn the frames are joined and written once for each
*current* connection; then those that are *owed* a snapshot get one (see `debts`) and are current
from there. Those who agreed to compression are an audience of their own, with one stream for all.

An idle room's event leaves in the turn of the loop in which it came. A busy room gathers: its next
flush waits a few milliseconds, and at least as long as the last one took, so that it never owns the
loop; thrice as long if somebody was admitted, as more are likely to come, and each costs a frame
for everybody.

Those who only want to know how many are there (see `headcount`) are no part of any of this.

Nothing called back while the batch is written (`pause_writing`, a failing transport) may change who
is current: it is noted, and takes effect after the last write.
"""

from collections.abc import Sequence
from typing import Final

from presence_server.core.clocks import Clocks
from presence_server.core.codec import encode_event, encode_snapshot
from presence_server.core.events import Broadcast, Changed, CursorMoved, Event, Joined, Left
from presence_server.core.room import Room
from presence_server.gateway.audience import Audience
from presence_server.gateway.debts import Cause, Debts, Snapshot
from presence_server.gateway.deflate import Stream
from presence_server.gateway.frames import text_frame
from presence_server.gateway.headcount import Headcount
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.ports import NEVER, Scheduler, Timer
from presence_server.metrics import Metrics

GATHER_S: Final = 0.005
MAX_ADMISSION_S: Final = 0.1
STREAM_IDLE_S: Final = 1.0
"""A stream that rested longer is not worth its 64 KB: the next event begins another."""


class Fanout:
    """One room's way out."""

    __slots__ = (
        "_clocks",
        "_congested",
        "_cursors",
        "_debts",
        "_deflated",
        "_headcount",
        "_is_closed",
        "_limit",
        "_metrics",
        "_payloads",
        "_plain",
        "_rest_until",
        "_room",
        "_scheduler",
        "_snapshot",
        "_stream",
        "_tally",
        "_timer",
        "_timer_at",
    )

    def __init__(
        self, room: Room, limit: int, scheduler: Scheduler, clocks: Clocks, metrics: Metrics
    ) -> None:
        self._room = room
        self._limit = limit
        self._scheduler = scheduler
        self._clocks = clocks
        self._metrics = metrics
        self._payloads: list[bytes] = []
        self._cursors: dict[str, CursorMoved] = {}
        self._tally: dict[type[Broadcast], int] = {}
        self._plain = Audience()
        self._deflated = Audience()
        self._stream: Stream | None = None
        self._congested: set[Outbox] = set()
        self._debts = Debts(metrics)
        self._headcount: Headcount | None = None
        self._snapshot: Snapshot | None = None
        self._timer: Timer | None = None
        self._timer_at = NEVER
        self._rest_until = 0.0
        self._is_closed = False

    def publish(self, events: Sequence[Event]) -> None:
        """Take what the room reported; call it with each verb's events, in order."""
        for event in events:
            if isinstance(event, CursorMoved):
                self._cursors[event.user_id] = event
            elif isinstance(event, (Changed, Joined)):
                # An entry goes out with its cursor: one that waits would be older.
                self._cursors.pop(event.entry.user_id, None)
                self._gather(event)
            elif isinstance(event, Left):
                self._cursors.pop(event.user_id, None)
                self._gather(event)
            else:
                continue  # a fact, not for the wire
            self._snapshot = None
            if self._rest_until < self._timer_at:
                self._wake(self._rest_until)
        if self._headcount is not None:
            self._headcount.look()

    def is_rested(self) -> bool:
        """Whether the next flush, if there is a reason for one, comes in this turn of the loop."""
        return self._rest_until <= self._clocks.monotonic()

    def count_for(self, outbox: Outbox) -> None:
        """Tell `outbox` how many are here, now and when that changes, and nothing else."""
        if self._headcount is None:
            self._headcount = Headcount(self._room, self._scheduler, self._clocks, self._metrics)
        self._headcount.add(outbox)

    def owe(self, outbox: Outbox, cause: Cause) -> None:
        """Give no event to `outbox` until it was sent a snapshot, at the end of a flush.

        One that counts is owed the number, and gets nothing else either.
        """
        if self._is_closed:
            return
        if self._headcount is not None and outbox in self._headcount:
            self._headcount.ask(outbox)
            return
        self._remove_current(outbox)
        self._debts.add(outbox, cause)
        self._wake(self._rest_until)

    def drop(self, outbox: Outbox) -> None:
        """Send nothing more to `outbox`."""
        self._remove_current(outbox)
        self._debts.forget(outbox)
        if self._headcount is not None:
            self._headcount.discard(outbox)
            if not self._headcount:
                self._headcount = None

    def paused(self, outbox: Outbox) -> None:
        """Note that a transport holds much: whether too much is judged after the next flush."""
        if outbox in self._audience(outbox):
            self._congested.add(outbox)

    def resumed(self, outbox: Outbox) -> None:
        """Note that a transport is empty: what it is owed can be paid."""
        self._congested.discard(outbox)
        if outbox in self._debts:
            self._wake(self._rest_until)
        elif self._headcount is not None:
            self._headcount.resumed(outbox)

    def close(self) -> None:
        """Send nothing more to anybody, whatever is published or owed from here on."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for outbox in [*self._plain, *self._deflated, *self._debts, *(self._headcount or ())]:
            self.drop(outbox)

    def _gather(self, event: Broadcast) -> None:
        if not (self._plain or self._deflated):
            return  # who becomes current until the flush gets it in a snapshot
        self._payloads.append(encode_event(event))
        kind = type(event)
        self._tally[kind] = self._tally.get(kind, 0) + 1

    def _flush(self) -> None:
        self._timer = None
        self._timer_at = NEVER
        began = self._clocks.stopwatch()
        for cursor in self._cursors.values():
            self._gather(cursor)
        self._cursors.clear()
        if self._payloads:
            self._deliver()
        self._judge_congested()
        admitted, again_at = self._pay() if self._debts else (0, NEVER)
        for outbox in self._debts:
            outbox.flush()  # a welcome does not wait longer than this
        took = self._clocks.stopwatch() - began
        self._metrics.fanout_seconds.observe(took)
        rest = max(GATHER_S, took, min(3 * took, MAX_ADMISSION_S) if admitted else 0.0)
        self._rest_until = self._clocks.monotonic() + rest
        if again_at != NEVER:
            self._wake(max(again_at, self._rest_until))

    def _deliver(self) -> None:
        """Write what was gathered to everyone who is current, as one piece."""
        payloads = self._payloads
        if self._plain:
            self._write(self._plain, [text_frame(payload) for payload in payloads])
        if self._deflated:
            stream = self._stream or Stream()
            self._write(self._deflated, [stream.frame(payload) for payload in payloads])
            is_busy = self._clocks.monotonic() < self._rest_until + STREAM_IDLE_S
            self._stream = stream if is_busy else None
        self._metrics.fanout_frames.observe(len(payloads))
        payloads.clear()
        self._tally.clear()

    def _write(self, audience: Audience, frames: list[bytes]) -> None:
        batch = b"".join(frames)
        audience.write(batch)
        self._metrics.count_batch(self._tally, len(batch), len(audience))

    def _judge_congested(self) -> None:
        for outbox in [*self._congested]:
            if outbox.backlog > self._limit:
                self.owe(outbox, "behind")

    def _pay(self) -> tuple[int, float]:
        """Send snapshots; how many, and when to come again."""
        if self._snapshot is None:
            self._snapshot = Snapshot(encode_snapshot(self._room.entries(), self._room.seq))
        paid, again_at = self._debts.pay(self._snapshot, self._clocks.monotonic())
        for outbox in paid:
            self._audience(outbox).add(outbox)
            if outbox.is_deflated:
                self._stream = None  # it has not had what went before
            if outbox.paused:
                self._congested.add(outbox)
        return len(paid), again_at

    def _audience(self, outbox: Outbox) -> Audience:
        return self._deflated if outbox.is_deflated else self._plain

    def _remove_current(self, outbox: Outbox) -> None:
        if self._audience(outbox).discard(outbox):
            self._congested.discard(outbox)
            if not self._deflated:
                self._stream = None

    def _wake(self, at: float) -> None:
        """Flush at `at`, or in this turn of the loop if that has come."""
        if self._timer_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay = at - self._clocks.monotonic()
        if delay > 0:
            self._timer = self._scheduler.call_later(delay, self._flush)
        else:
            self._timer = self._scheduler.call_soon(self._flush)
