"""What the writer's other work holds it up for: steps of retention, by the clock, while it records.

As the recorder's writer does it: a transaction each second, in between one step of care after the
other while some are due. Most of the ledger is older than is to be kept, so that there is always
more to do. The database is another afterwards: its oldest viewings have moved to the base.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from presence_server.history.facts import Batch, Moved
from presence_server.history.fold.rules import Rules
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.engine import writer
from presence_server.history.store.taker import Taker
from tests.bench.history_stage import Line, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

LEDGER_DAYS: Final = 30
ROOM: Final = "presence-002"
REST_S: Final = 0.02


def care(address: str, per_s: int, seconds: float) -> Iterator[Line]:
    """Record so many views a second, each of a resource that nobody saw before, and care."""
    engine = writer(address)
    taker = Taker(engine, Rules(7, 86_400_000, "off"))
    looked_after = Care(engine, Keeping(LEDGER_DAYS, 400, "off"))
    number = taker.begin(run := f"care-{os.getpid()}")
    taking, steps = [], []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        number += 1
        taker.take([_batch(run, number, per_s)])
        taking.append((time.monotonic() - began) * 1e3)
        while time.monotonic() < began + 1:
            if not looked_after.due(now := int(time.time() * 1000)):
                time.sleep(REST_S)
                continue
            step = time.perf_counter()
            looked_after.step(now)
            steps.append((time.perf_counter() - step) * 1e3)
    engine.dispose()
    sample = Sample.of(steps)
    note = f"{len(steps):,} steps; p50 / p95 / p99 / max {sample}"
    yield Line("a step of care while recording, max", [sample.at(1)], "ms", 100, note)
    sample = Sample.of(taking)
    note = f"p50 / p95 / p99 / max {sample}"
    yield Line(
        f"a transaction of {per_s} views beside it, p95", [sample.at(0.95)], "ms", None, note
    )


def _batch(run: str, number: int, views: int) -> Batch:
    """Of so many people, each with one tab, who all move."""
    now = int(time.time() * 1000)
    facts = [
        Moved(now, ROOM, f"user-{tab}", False, tab, "viewer", "doc", f"{number}-{tab}", None, False)
        for tab in range(views)
    ]
    return Batch(run, number, now, list(facts))
