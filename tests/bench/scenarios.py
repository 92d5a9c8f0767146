"""What is measured. Each scenario starts a fresh server, loads it, and gives its figures."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.generator import Generator, Result, generating
from tests.bench.machine import two_cores
from tests.bench.report import Figure
from tests.bench.server import DEFAULT_COMMAND, Server, running
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SENDER_LIMIT_PER_S = 100  # by default the server defers what one connection sends beyond


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    fan_out_rooms: tuple[int, ...] = (500, 1000)
    in_flight: tuple[int, ...] = (1, 8, 128)
    round_ms: int = 5000
    latency_members: int = 500
    deliveries_per_s: int = 10_000
    idle_rooms: int = 500
    accept_rooms: int = 200
    room_members: int = 10
    joiners: int = 1000


FULL = Sizes()
QUICK = Sizes(round_ms=1000, idle_rooms=100, accept_rooms=50)


@dataclass(frozen=True, slots=True)
class Measured:
    """A command's result beside what the server spent on it."""

    result: Result
    server_s: float

    def figure(self, what: str, value: float, unit: str, notes: Iterable[str] = ()) -> Figure:
        """Make a figure of it: a busy core is one that had no pause between begin and end."""
        wall_s = self.result.wall_ms / 1e3
        generator_s = self.result.cpu_ms / 1e3
        return Figure(what, value, unit, self.server_s / wall_s, generator_s / wall_s, tuple(notes))


@dataclass(frozen=True, slots=True)
class Stage:
    """A server and the generator that is about to load it."""

    server: Server
    generator: Generator

    def measure(self, command: str) -> Measured:
        """Carry out a command and read the server's CPU around it."""
        before = self.server.cpu_s()
        result = self.generator.run(command)
        return Measured(result, max(self.server.cpu_s() - before, 0.01))


@dataclass(slots=True)
class Bench:
    """Which server to measure, and how."""

    command: Sequence[str] = DEFAULT_COMMAND
    sizes: Sizes = FULL
    cores: tuple[int, int] = field(default_factory=two_cores)
    server_name: str = ""

    @contextmanager
    def stage(self, rooms: int, members: int) -> Iterator[Stage]:
        """Start both, with a list of connections for so many rooms of so many members."""
        server_core, generator_core = self.cores
        with tempfile.TemporaryDirectory() as directory:
            connections = Path(directory) / "connections"
            write_connections(connections, rooms, members)
            with running(self.command, server_core) as server:
                self.server_name = server.name
                with generating(server.port, connections, generator_core) as generator:
                    yield Stage(server, generator)


def fan_out(bench: Bench) -> Iterator[Figure]:
    """Measure how many deliveries a second of the server's CPU buys in one room."""
    sizes = bench.sizes
    for members in sizes.fan_out_rooms:
        with bench.stage(1, members) as stage:
            stage.generator.run(f"join {members}")
            for in_flight in sizes.in_flight:
                stage.generator.run(f"fanout {in_flight} {sizes.round_ms // 10}")
                measured = stage.measure(f"fanout {in_flight} {sizes.round_ms}")
                yield measured.figure(
                    f"fan-out: {members:,} members, {in_flight} in flight",
                    measured.result.deliveries / measured.server_s,
                    "deliveries per server CPU s",
                    _fan_out_notes(measured.result),
                )


def _fan_out_notes(result: Result) -> Iterator[str]:
    rate = result.updates / result.connections / (result.wall_ms / 1e3)
    if rate > SENDER_LIMIT_PER_S:
        yield f"each sender sent {rate:.0f} updates/s: the server may have deferred some"
    if result.snapshots:
        yield f"{result.snapshots} receivers fell behind and got a snapshot instead of events"


def latency(bench: Bench) -> Iterator[Figure]:
    """Measure how long a delivery takes in a room that is busy at a steady rate."""
    sizes = bench.sizes
    members, rate = sizes.latency_members, sizes.deliveries_per_s // sizes.latency_members
    with bench.stage(1, members) as stage:
        stage.generator.run(f"join {members}")
        stage.generator.run(f"latency {rate} {sizes.round_ms // 10}")
        measured = stage.measure(f"latency {rate} {sizes.round_ms}")
    result = measured.result
    what = f"latency: {members:,} members, {sizes.deliveries_per_s:,} deliveries/s"
    yield measured.figure(f"{what}, each delivery, p50", result.delivery_p50_ms, "ms")
    yield measured.figure(f"{what}, each delivery, p99", result.delivery_p99_ms, "ms")
    yield measured.figure(f"{what}, until the last has it, p50", result.last_p50_ms, "ms")
    yield measured.figure(f"{what}, until the last has it, p99", result.last_p99_ms, "ms")


def idle(bench: Bench) -> Iterator[Figure]:
    """Measure what a connection holds that does nothing, beside those of a first tenth."""
    rooms, members = bench.sizes.idle_rooms, bench.sizes.room_members
    first = rooms // 10 * members
    with bench.stage(rooms, members) as stage:
        stage.generator.run(f"join {first}")
        before = stage.server.resident_bytes()
        stage.generator.run(f"join {rooms * members - first}")
        measured = stage.measure(f"idle {bench.sizes.round_ms}")
        grown = stage.server.resident_bytes() - before
    yield measured.figure(
        f"idle: memory per connection, {rooms * members:,} in {rooms} rooms",
        grown / (rooms * members - first) / 1024,
        "KiB",
    )


def accept(bench: Bench) -> Iterator[Figure]:
    """Measure how fast connections are taken in, tokens verified, in many small rooms."""
    rooms, members = bench.sizes.accept_rooms, bench.sizes.room_members
    with bench.stage(rooms, members) as stage:
        measured = stage.measure(f"join {rooms * members}")
    result, what = measured.result, f"accept: {rooms * members:,} connections into {rooms} rooms"
    yield measured.figure(what, result.connections / (result.admitted_ms / 1e3), "per s")
    yield measured.figure(
        f"{what}, by CPU", result.connections / measured.server_s, "per server CPU s"
    )


def join(bench: Bench) -> Iterator[Figure]:
    """Measure what a storm of joins into one room costs, and when it is over."""
    joiners = bench.sizes.joiners
    with bench.stage(1, joiners) as stage:
        measured = stage.measure(f"join {joiners}")
    what = f"join: {joiners:,} users into one room"
    yield measured.figure(f"{what}, each", measured.server_s / joiners * 1e3, "ms of server CPU")
    yield measured.figure(f"{what}, until all hold the full map", measured.result.wall_ms, "ms")


SCENARIOS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "fanout": fan_out,
    "latency": latency,
    "idle": idle,
    "accept": accept,
    "join": join,
}
