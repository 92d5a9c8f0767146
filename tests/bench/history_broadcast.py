"""What history adds to a broadcast: a server with it and one without, in turn, under the same load.

Rooms of ten in which each moves once a second to a resource that nobody saw before: the most that a
view can cost a recorder. ABBA: what drifts over a minute falls on both. *With questions* somebody
also exports the ledger of a large room again and again, as fast as it comes, and somebody else asks
ten questions a second.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.bench.generator import generating
from tests.bench.history_stage import (
    Line,
    asking,
    cpu_s,
    has_taken_all,
    recorder_of,
    recording,
    until,
)
from tests.bench.machine import two_cores
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.generator import Times
    from tests.bench.server import Server

MEMBERS: Final = 10
ASK_S: Final = 0.1
LARGE: Final = "presence-001"
WAYS: Final = ("off", "on", "with questions")


class Load(NamedTuple):
    """How much, how long, how often."""

    rooms: int = 60
    ms: int = 8_000
    rounds: int = 4


class Run(NamedTuple):
    """How long deliveries took, and how busy the server and the recorder were meanwhile."""

    times: Times
    server: float
    recorder: float


def broadcast(address: str, load: Load) -> Iterator[Line]:
    """Compare; `address` is of a filled database, for exports to be long."""
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for turn in range(load.rounds):
        for way in WAYS[:: -1 if turn % 2 else 1]:
            runs[way].append(_run(None if way == "off" else address, load, way == WAYS[-1]))
    off = [run.times.p95_ms for run in runs["off"]]
    for way, measured in runs.items():
        p95s = [run.times.p95_ms for run in measured]
        yield Line(f"broadcast, history {way}, p95", p95s, "ms", None, _note(measured))
        if way != "off":
            added = [on - without for on, without in zip(p95s, off, strict=True)]
            yield Line(
                f"broadcast, added by history {way}, p95", added, "ms", 0.5, "round by round"
            )


def _note(runs: list[Run]) -> str:
    server, recorder = max(run.server for run in runs), max(run.recorder for run in runs)
    events = runs[0].times.count
    return f"{events:,} deliveries; at most {server:.0%} of a core, recorder {recorder:.0%}"


def _run(address: str | None, load: Load, is_asked: bool) -> Run:
    everybody = load.rooms * MEMBERS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_connections(folder / "list", load.rooms, MEMBERS)
        server = stack.enter_context(recording(address))
        generator = stack.enter_context(generating(server.port, folder / "list", two_cores()[1]))
        generator.run(f"join {everybody}")
        generator.run(f"open {load.ms // 8} update 0 {everybody} {everybody}")
        recorder = None if address is None else recorder_of(server)
        if is_asked:
            stack.enter_context(questions(server))
        before = cpu_s(server.pid), 0.0 if recorder is None else cpu_s(recorder)
        result = generator.run(f"open {load.ms} update 0 {everybody} {everybody}")
        wall_s = result.wall_ms / 1e3
        server_s = cpu_s(server.pid) - before[0]
        recorder_s = 0.0 if recorder is None else cpu_s(recorder) - before[1]
        if recorder is not None:
            until(lambda: has_taken_all(server))
    return Run(result.delivery, server_s / wall_s, recorder_s / wall_s)


@contextmanager
def questions(server: Server, room: str = LARGE) -> Iterator[None]:
    """Have an export and questions go on for a while."""
    over = threading.Event()

    def export() -> None:
        with asking(server) as asker:
            while not over.is_set():
                for _ in asker.stream("export/views", room=room, format="csv"):
                    if over.is_set():
                        return

    def ask() -> None:
        with asking(server) as asker:
            while not over.wait(ASK_S):
                asker.ask("top", room=room, by="views")

    with _doing(export), _doing(ask):
        try:
            yield
        finally:
            over.set()


@contextmanager
def _doing(what: Callable[[], None]) -> Iterator[None]:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            what()
        except (OSError, RuntimeError) as failure:
            failures.append(failure)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise failures[0]
