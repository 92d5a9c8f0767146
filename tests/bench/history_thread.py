"""A thread or a child? What a recorder's work costs a broadcast, by where it is done.

    .venv/bin/python -m tests.bench.history_thread [ROUNDS]

Rooms of ten in which everybody moves once a second, on a server that records nothing; beside it a
writer takes 600 facts a second into SQLite and somebody exports a million views, again and again:
in threads of the server, in a child, or nowhere. In turn, so that a machine's moods hit all alike.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from presence_server.cli import main as presence_server
from presence_server.history.api import formats
from presence_server.history.facts import Batch, Moved
from presence_server.history.fold.rules import DAY_MS, Rules
from presence_server.history.read import export
from presence_server.history.read.ledger import Asked
from presence_server.history.recording import NICE
from presence_server.history.store.engine import readers, writer
from presence_server.history.store.taker import Taker
from tests.bench.history_ledger import Plan
from tests.bench.history_rows import fill, midnight_ms
from tests.bench.machine import describe, raise_file_limit
from tests.bench.server import DEFAULT_COMMAND
from tests.bench.stage import Bench

if TYPE_CHECKING:
    from tests.bench.generator import Times

PLACES: Final = ("nowhere", "thread", "thread-0.5ms", "child", "nice-child")
FACTS: Final = 600
ROOMS: Final = 60
MEMBERS: Final = ROOMS * 10
SPEAK_MS: Final = 6_000


def write(address: str) -> None:
    """Take views of resources that nobody saw before: those that cost most."""
    taker = Taker(writer(address), Rules(7, DAY_MS, "off"))
    taken = taker.begin(run := f"run-{os.getpid()}")
    while True:
        began, now = time.monotonic(), int(time.time() * 1000)
        facts = [
            Moved(
                now,
                "presence-002",
                f"user-{n}",
                False,
                n,
                "viewer",
                *("doc", f"{now}-{n}"),
                None,
                False,
            )
            for n in range(FACTS)
        ]
        taken += 1
        taker.take([Batch(run, taken, now, list(facts))])
        time.sleep(max(0.0, began + 1 - time.monotonic()))


def read(address: str) -> None:
    """Export the ledger of a room as CSV."""
    engine, to_bytes = readers(address), formats.writer("csv", ())
    while True:
        for rows in export.views(engine, "presence-001", Asked()) or ():
            to_bytes(rows)


def work(address: str) -> None:
    """Do both until the process ends."""
    for what in (write, read):
        threading.Thread(target=what, args=(address,), daemon=True).start()


def in_a_child(address: str, *, is_nice: bool) -> None:
    """Do both in a child that lives as long as this process, on any core."""
    ours, theirs = os.pipe()
    if os.fork():
        os.close(ours)
        return
    os.close(theirs)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    os.nice(NICE if is_nice else 0)
    work(address)
    os.read(ours, 1)
    os._exit(0)


def serve(place: str, address: str) -> None:
    """Be the server."""
    if place == "thread-0.5ms":
        sys.setswitchinterval(0.0005)
    if place.startswith("thread"):
        work(address)
    elif place != "nowhere":
        in_a_child(address, is_nice=place == "nice-child")
    presence_server([*DEFAULT_COMMAND[1:], "--overload-lag", "0"])


def measure(place: str, address: str) -> Times:
    """How long deliveries take."""
    command = [sys.executable, "-m", "tests.bench.history_thread", "serve", place, address]
    with Bench(command).stage(ROOMS, 10) as stage:
        stage.generator.run(f"join {MEMBERS}")
        stage.generator.run(f"open 1000 update 0 {MEMBERS} {MEMBERS}")
        return stage.measure(f"open {SPEAK_MS} update 0 {MEMBERS} {MEMBERS}").result.delivery


def main(rounds: int) -> None:
    """Print a table: medians of the rounds, the lowest and the highest p95."""
    raise_file_limit()
    print(describe(), time.strftime("%Y-%m-%d"))
    found: dict[str, list[Times]] = {place: [] for place in PLACES}
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{Path(folder) / 'presence.db'}"
        fill(address, Plan(views=1_000_000, rooms=2, share=0.99), midnight_ms())
        for turn in range(rounds):
            for place in PLACES if turn % 2 else PLACES[::-1]:
                found[place].append(measure(place, address))
    print("| beside the loop | p50, ms | p95, ms | p99, ms |\n| --- | ---: | ---: | ---: |")
    for place, times in found.items():
        p50, p95, p99 = (
            median(values)
            for values in zip(*((t.p50_ms, t.p95_ms, t.p99_ms) for t in times), strict=True)
        )
        spread = f"{min(t.p95_ms for t in times):.1f}–{max(t.p95_ms for t in times):.1f}"
        print(f"| {place} | {p50:.2f} | {p95:.2f} ({spread}) | {p99:.1f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
