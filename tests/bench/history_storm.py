"""Views that come all at once, and many for long: none may be lost."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from presence_server.history.read import limits
from presence_server.history.store.engine import readers
from presence_server.history.store.schema import resources, viewers, views
from tests.bench.generator import Loss, generating
from tests.bench.history_stage import (
    Line,
    cpu_s,
    has_taken_all,
    reading,
    recorder_of,
    recording,
    resident_bytes,
    until,
)
from tests.bench.machine import two_cores
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.generator import Generator
    from tests.bench.server import Server

ONE: Final = "the-one"
SENT_MS: Final = 20
LOOK_S: Final = 0.01


def opening(address: str, users: int) -> Iterator[Line]:
    """Have so many open the same resource at once."""
    with contextlib.ExitStack() as stack:
        server, generator = _stage(stack, address, 1, users)
        until(lambda: has_taken_all(server))
        watch = stack.enter_context(_watching(address, users))
        began = time.monotonic()
        result = generator.run(f"open {SENT_MS} visit 0 {users} {users / SENT_MS * 1000}")
        watch.join()
        durable_s = watch.seen_at - began
        dropped = server.metrics()["presence_history_dropped_total"]
        uniques = _uniques(address)
    what = f"{users:,} users open the same resource"
    note = f"{uniques:,} uniques, {dropped:.0f} dropped"
    yield Line(f"{what}, lost", [users - watch.found], "views", 0, note)
    note = (
        f"sent within {SENT_MS} ms; the last was told of it {result.delivery.max_ms:.0f} ms later"
    )
    yield Line(f"{what}, durable after the first was sent", [durable_s], "s", 2, note)


def _stage(
    stack: contextlib.ExitStack, address: str, rooms: int, members: int
) -> tuple[Server, Generator]:
    """A server that records, and a generator with everybody in."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    write_connections(folder / "list", rooms, members)
    server = stack.enter_context(recording(address))
    generator = stack.enter_context(generating(server.port, folder / "list", two_cores()[1]))
    generator.run(f"join {rooms * members}")
    return server, generator


class _Watch(threading.Thread):
    """Looks at the database until so many views are in it."""

    def __init__(self, address: str, wanted: int) -> None:
        super().__init__()
        self._engine = readers(address)
        self.found = 0
        self.seen_at = 0.0
        self._wanted = wanted
        self._gives_up_at = time.monotonic() + 60

    def run(self) -> None:
        while self.found < self._wanted and time.monotonic() < self._gives_up_at:
            time.sleep(LOOK_S)
            with limits.asking(self._engine) as connection:
                self.found = connection.scalar(select(func.count()).select_from(viewers)) or 0
            self.seen_at = time.monotonic()
        self._engine.dispose()


@contextlib.contextmanager
def _watching(address: str, wanted: int) -> Iterator[_Watch]:
    watch = _Watch(address, wanted)
    watch.start()
    try:
        yield watch
    finally:
        watch.join()


def _uniques(address: str) -> int:
    with reading(address) as connection:
        return connection.scalar(select(resources.c.uniques).where(resources.c.ref == ONE)) or 0


def steady(address: str, per_s: int, seconds: float) -> Iterator[Line]:
    """Have so many views begin each second, each of a resource that nobody saw before."""
    members, rooms = 10, per_s // 10
    everybody = rooms * members
    with contextlib.ExitStack() as stack:
        server, generator = _stage(stack, address, rooms, members)
        recorder = recorder_of(server)
        watch = stack.enter_context(_sampling(server, recorder))
        generator.tell(f"open {seconds * 1000:.0f} update 0 {everybody} {per_s}")
        result = generator.answer(seconds + 120)
        if not result.ok:
            raise Loss(result.loss)
        settled_s = until(lambda: has_taken_all(server), 120)
        metrics = server.metrics()
        begun = _count(address)
    what = f"{per_s} views/s for {seconds:g} s"
    sent = result.updates
    note = f"{begun:,} of {sent:,} are, {settled_s:.1f} s after the last at the latest"
    yield Line(f"{what}, dropped", [metrics["presence_history_dropped_total"]], "facts", 0)
    yield Line(f"{what}, not in the database", [sent - begun], "views", 0, note)
    yield from watch.lines(what)


def _count(address: str) -> int:
    with reading(address) as connection:
        return connection.scalar(select(func.count()).select_from(views)) or 0


class _Samples(threading.Thread):
    """Looks at the server and the recorder once a second."""

    def __init__(self, server: Server, recorder: int) -> None:
        super().__init__()
        self.over = threading.Event()
        self._server = server
        self._recorder = recorder
        self._began = time.monotonic(), cpu_s(recorder)
        self._busy = 0.0
        self._lags: list[float] = []
        self._memory: list[float] = []

    def run(self) -> None:
        while not self.over.wait(1):
            self._lags.append(self._server.metrics()["presence_history_lag_seconds"])
            self._memory.append(resident_bytes(self._recorder) / 1e6)
            began, used_s = self._began
            self._busy = (cpu_s(self._recorder) - used_s) / (time.monotonic() - began)

    def lines(self, what: str) -> Iterator[Line]:
        """What was seen."""
        yield Line(f"{what}, not in the database for at most", [max(self._lags)], "s", 2)
        yield Line(f"{what}, recorder busy", [self._busy * 100], "% of a core")
        quarter = self._memory[len(self._memory) // 4]
        note = f"after a quarter {quarter:.0f}"
        yield Line(f"{what}, recorder's memory at the end", [self._memory[-1]], "MB", None, note)


@contextlib.contextmanager
def _sampling(server: Server, recorder: int) -> Iterator[_Samples]:
    samples = _Samples(server, recorder)
    samples.start()
    try:
        yield samples
    finally:
        samples.over.set()
        samples.join()
