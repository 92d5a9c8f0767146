"""What an event costs the event loop: the append, and the packing that a timer does later."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Final

from presence_server.core.entry import Identity, Place, Profile
from presence_server.core.events import TabMoved
from presence_server.history.clock import SteadyClock, steady
from presence_server.history.recorder import AT_ONCE, Recorder
from presence_server.metrics import Metrics
from tests.bench.history_stage import Line, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LIMIT: Final = 2**26
BURST: Final = 240
"""Events between two turns of the packing, at 2,400 a second."""


class _Turns:
    """Keeps what a loop would call."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.due.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> None:
        del delay
        self.due.append(callback)

    def turn(self) -> None:
        """Call it."""
        due, self.due = self.due, []
        for callback in due:
            callback()


class _Taking:
    """Takes all at once, as a recorder does that keeps up."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def send(self) -> None:
        for _ in self._recorder.waiting.to_send(LIMIT):
            pass
        self._recorder.taken(2**40)


class _Nobody:
    """No census is ever taken."""

    def live(self) -> Sequence[object]:
        return ()

    def facts(self, room_id: str) -> Sequence[object]:
        del room_id
        return ()


def hot_path(events: int) -> Iterator[Line]:
    """Note so many, each on its own, and pack them in between."""
    turns = _Turns()
    recorder = Recorder("bench", LIMIT, SteadyClock(time.time, steady).now_ms, turns, Metrics())
    recorder.start(_Nobody(), _Taking(recorder))  # type: ignore[arg-type] # asked for no room
    moves = [(f"presence-{n % 200:03}", (_moved(n),)) for n in range(events)]
    now_ns, appends, packs = time.perf_counter_ns, [], []
    gc.collect()
    gc.freeze()
    for at, (room, event) in enumerate(moves):
        began = now_ns()
        recorder.on_events(room, event, 0)
        appends.append(now_ns() - began)
        if at % BURST == 0:
            began = now_ns()
            turns.turn()
            packs.append(now_ns() - began)
    gc.unfreeze()
    append = Sample.of([ns / 1e3 for ns in appends])
    pack = Sample.of([ns / 1e3 for ns in packs])
    yield Line(
        "an append on the loop, p99",
        [append.at(0.99)],
        "µs",
        5,
        f"p50 {append.at(0.5):.2f}, p99.9 {append.at(0.999):.1f}",
    )
    note = f"{AT_ONCE} at most in a turn, p99 {pack.at(0.99) / 1e3:.2f} ms"
    yield Line(
        f"{BURST} events packed in a turn of the loop, p50", [pack.at(0.5) / 1e3], "ms", None, note
    )


def _moved(number: int) -> TabMoved:
    user = Identity(
        f"user-{number % 600}",
        Profile("User", None, "commenter"),
        observe=False,
        anon=False,
        track=True,
    )
    place = Place(f"/doc/{number}", "document", f"id-{number}", "v2")
    return TabMoved(user, number % 10, place, "online")
