"""What notes the facts, on the event loop: a listener to the gateway.

Noting is an append. A timer that runs only while there is something packs what was noted, some
hundred facts in a turn of the loop; packed batches wait until the recorder process has taken them.

Where more would wait than may, facts are dropped and counted until half of the room is free again.
Then `Lost` says so, and a census: the tabs of each room that is live, room by room. What a room
tells of its tabs before its census is in that census.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from presence_server.core.events import Event
from presence_server.history.facts import MAX_FACTS, AnyFact, Batch, Lost, Refused
from presence_server.history.refusals import Refusals
from presence_server.history.translation import FACTS_OF, OF_TABS, Facts
from presence_server.history.waiting import Packed, Waiting
from presence_server.metrics import Metrics

PACK_S: Final = 0.1
AT_ONCE: Final = MAX_FACTS // 2 - 1
"""Events that are packed in one turn of the loop; an event makes two facts at most."""
BEAT_S: Final = 1.0
"""How often the recorder is told that time passes, where there is nothing else to tell."""
MAX_BEATS: Final = 10
"""That wait: the database may be gone for days."""
MAX_QUEUED: Final = 50_000
"""Events that may be noted and not packed yet."""


class Scheduler(Protocol):
    """The part of an event loop that is used; an asyncio loop is one."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Call in the next turn of the loop."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Call in `delay` seconds."""


class Room(Protocol):
    """A live room."""

    @property
    def room_id(self) -> str:
        """Which room."""


class Rooms(Protocol):
    """Where a census is taken."""

    def live(self) -> Sequence[Room]:
        """Every live room."""

    def facts(self, room_id: str) -> Sequence[Event]:
        """The tabs of a room as they are, told as if each had just been opened and moved."""


class Sink(Protocol):
    """Whatever takes batches away; `waiting` is shared with it."""

    def send(self) -> None:
        """There is something new in `waiting`. Must not block or raise."""


class _Loss(NamedTuple):
    since: int
    dropped_before: int


class Recorder:
    """Call `start` before the first event, and `taken` with each answer of the recorder process.

    `run` is a name of this run of the server; `limit` is the bytes of packed batches that may wait.
    `dropped` is told how many facts were, when that is over, and 0 when it begins.
    """

    def __init__(
        self,
        run: str,
        limit: int,
        now_ms: Callable[[], int],
        scheduler: Scheduler,
        metrics: Metrics,
        dropped: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.waiting = Waiting()
        self._tell_dropped = dropped
        self._run = run
        self._limit = limit
        self._now_ms = now_ms
        self._scheduler = scheduler
        self._metrics = metrics
        self._queue: deque[tuple[int, str, Event]] = deque()
        self._facts: list[AnyFact] = []
        self._is_armed = False
        self._is_over = False
        self._number = 0
        self._packed_at = 0
        self._refusals = Refusals()
        self._encode = msgspec.msgpack.Encoder().encode
        self._is_hindered = False
        self._loss: _Loss | None = None
        self._awaiting: dict[str, None] = {}
        self._rooms: Rooms
        self._sink: Sink
        metrics.history_waiting.set_function(self.count)
        metrics.history_waiting_bytes.set_function(lambda: self.waiting.size)
        metrics.history_lag.set_function(self._lag_s)

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Note what is to be noted: on the hot path."""
        del now_ms  # it may go back
        for event in events:
            if type(event) in FACTS_OF:
                if self._is_hindered or len(self._queue) >= MAX_QUEUED:
                    self._note_if_possible(room_id, event)
                else:
                    self._queue.append((self._now_ms(), room_id, event))
        if self._queue and not self._is_armed:
            self._arm()

    def start(self, rooms: Rooms, sink: Sink) -> None:
        """Begin to tell `sink`."""
        self._rooms, self._sink = rooms, sink
        self._scheduler.call_later(BEAT_S, self._beat)

    def taken(self, number: int) -> None:
        """All batches up to `number` are in the database."""
        self.waiting.taken(number)
        self._recover()

    def finish(self) -> None:
        """Pack all that is left, however long it takes, and nothing later: nobody is there."""
        self._is_over = True
        while self._has_work():
            self._work()

    def noted(self) -> int:
        """Pack all that was noted; says the number of the last batch."""
        while self._queue or self._facts:
            self._pack_some()
        return self._number

    # How

    def _arm(self) -> None:
        if not self._is_armed:
            self._is_armed = True
            self._scheduler.call_later(PACK_S, self._turn)

    def _turn(self) -> None:
        self._work()
        self._is_armed = self._has_work()
        if self._is_armed:
            self._scheduler.call_soon(self._turn)

    def _has_work(self) -> bool:
        return bool(self._queue or self._facts or self._awaiting)

    def _work(self) -> None:
        """Pack a batch of what was noted; first more is noted, if a census is on."""
        for _ in range(AT_ONCE):
            if not self._awaiting or len(self._queue) >= AT_ONCE:
                break
            self._take_census()
        self._pack_some()

    def _pack_some(self) -> None:
        facts, self._facts = self._facts, []
        for _ in range(min(AT_ONCE, len(self._queue))):
            facts += self._translated(*self._queue.popleft())
        if facts:
            self._metrics.history_facts.value += len(facts)
            self._pack(facts)
        self._recover()

    def _translated(self, at: int, room_id: str, event: Event) -> Facts:
        facts = FACTS_OF[type(event)](at, room_id, event)
        if facts and isinstance(facts[0], Refused) and not self._refusals.is_new(facts[0]):
            return ()
        return facts

    def _beat(self) -> None:
        """Say that time passes, unless something else said so just now, or nobody hears it."""
        if self._is_over:
            return
        self._scheduler.call_later(BEAT_S, self._beat)
        is_due = self._now_ms() - self._packed_at >= BEAT_S * 1000
        is_heard = self.waiting.is_all_sent and self.waiting.batches < MAX_BEATS
        if is_due and is_heard and not self._has_work():
            self._pack([])

    def _pack(self, facts: list[AnyFact]) -> None:
        now = self._now_ms()
        self._number += 1
        self._packed_at = now
        data = self._encode(Batch(self._run, self._number, now, facts))
        at = facts[0].at if facts else now
        self.waiting.add(Packed(self._number, at, len(facts), data))
        self._sink.send()

    # Too much

    @property
    def _is_full(self) -> bool:
        return len(self._queue) >= MAX_QUEUED or self.waiting.size > self._limit

    def _note_if_possible(self, room_id: str, event: Event) -> None:
        """Note it, drop it and count it, or leave it to the census."""
        if room_id in self._awaiting and type(event) in OF_TABS:
            return
        at = self._now_ms()
        if self._loss is None and not self._is_full:
            self._queue.append((at, room_id, event))
            return
        dropped = len(FACTS_OF[type(event)](at, room_id, event))
        if dropped and self._loss is None:
            self._awaiting.clear()
            self._loss = _Loss(at, self._metrics.history_dropped.value)
            self._is_hindered = True
            self._tell_dropped(0)
        self._metrics.history_dropped.value += dropped

    def _recover(self) -> None:
        """Note what happens again, if there is room; say what is missing."""
        if self._loss is not None and not self._queue and self.waiting.size <= self._limit / 2:
            since, before = self._loss
            self._loss = None
            dropped = self._metrics.history_dropped.value - before
            self._facts.append(Lost(self._now_ms(), "", since, dropped))
            self._tell_dropped(dropped)
            self._awaiting = dict.fromkeys(live.room_id for live in self._rooms.live())
            self._arm()
        self._is_hindered = self._loss is not None or bool(self._awaiting) or self._is_full

    def _take_census(self) -> None:
        """Note the tabs of one more room."""
        room_id, _ = self._awaiting.popitem()
        self.on_events(room_id, self._rooms.facts(room_id), 0)

    # Metrics

    def count(self) -> int:
        """How many facts are noted and not in the database yet."""
        return len(self._queue) + len(self._facts) + self.waiting.facts

    def _lag_s(self) -> float:
        oldest = self.waiting.oldest_at
        if oldest is None and self._queue:
            oldest = self._queue[0][0]
        return 0.0 if oldest is None else max(0.0, (self._now_ms() - oldest) / 1000)
