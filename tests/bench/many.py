"""Measure very many idle connections: memory here and in the kernel, CPU, and who else feels it.

    .venv/bin/python -m tests.bench.many [--connections N] [--servers N] [--seconds S]

A process has no more sockets than its hard limit of descriptors (`ulimit -Hn`). Where that is too
low for all of them in one server, as many servers and generators share them as it takes: what the
kernel holds is then still that of all, while CPU and resident memory are sums of several processes.
The first room of the first server is the one that is asked how long its events take.
"""

from __future__ import annotations

import argparse
import itertools
import re
import resource
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from presence_server.descriptors import max_sockets
from tests.bench.generator import generating
from tests.bench.machine import describe, raise_file_limit, two_cores
from tests.bench.server import DEFAULT_COMMAND, running
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.generator import Generator, Result
    from tests.bench.server import Server

ROOM: Final = 10
RATE: Final = 100
COMMAND: Final = (*DEFAULT_COMMAND, "--overload-lag", "0")
"""It refuses nobody: on a machine this full its loop is late now and then."""
PATIENCE_S: Final = 300
SETTLE_S: Final = 12.0
"""More than a ping interval: those who came together are pinged apart from then on."""


@dataclass(frozen=True, slots=True)
class Part:
    """A server, its generator, and how many connections they make between them."""

    server: Server
    generator: Generator
    size: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is taken, in bytes: by the servers, by each slab of the kernel, by socket buffers."""

    resident: int
    slabs: Counter[str]
    buffers: int

    @classmethod
    def now(cls, parts: Sequence[Part]) -> Memory:
        """Look."""
        resident = sum(part.server.resident_bytes() for part in parts)
        return cls(resident, _slabs(), _buffer_pages() * resource.getpagesize())


def _slabs() -> Counter[str]:
    """Pages of each slab, which is for root to read: nothing for others."""
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()[2:]
    except PermissionError:
        return Counter()
    rows = [line.split() for line in lines]
    return Counter({row[0]: int(row[14]) * int(row[5]) * resource.getpagesize() for row in rows})


def _buffer_pages() -> int:
    [found] = re.findall(
        r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE
    )
    return int(found)


def _overflows() -> int:
    """How many dials the machine's listen queues have turned away."""
    lines = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines()]
    names, values = next((a, b) for a, b in itertools.pairwise(lines) if a[0] == "TcpExt:")
    return int(values[names.index("ListenOverflows")])


def sizes(connections: int, servers: int) -> list[int]:
    """How many each server has; as few servers as the limit of descriptors allows, or more."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = max_sockets(hard) * 9 // 10 // ROOM * ROOM
    count = max(servers, -(-connections // most))
    each = connections // count // ROOM * ROOM
    return [each] * count


def start(stack: ExitStack, size: int, cores: tuple[int, int]) -> Part:
    """Start a server and its generator, with tokens for so many."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    write_connections(folder / "connections", size // ROOM, ROOM)
    server = stack.enter_context(running(COMMAND, cores[0]))
    generator = generating(server.port, folder / "connections", cores[1], PATIENCE_S)
    return Part(server, stack.enter_context(generator), size)


def join(parts: Sequence[Part]) -> None:
    """Let all in, as fast as it goes."""
    before, overflows, began = Memory.now(parts), _overflows(), time.monotonic()
    spent = [part.server.cpu() for part in parts]
    _together(parts, [f"join {part.size}" for part in parts])
    wall_s = time.monotonic() - began
    cpu_s = sum(part.server.cpu().since(b) for part, b in zip(parts, spent, strict=True))
    total = sum(part.size for part in parts)
    print(
        f"all in after {wall_s:.1f} s ({total / wall_s:,.0f}/s, {cpu_s:.1f} s of the servers' CPU),"
    )
    print(f"  {_overflows() - overflows} turned away by listen queues")
    time.sleep(SETTLE_S)
    _print_memory(before, Memory.now(parts), total)


def _print_memory(before: Memory, after: Memory, total: int) -> None:
    resident = (after.resident - before.resident) / total
    print(f"resident: {after.resident / 1e6:,.0f} MB, {resident / 1024:.2f} KiB a connection")
    grown = {name: size / total / 2 for name, size in (after.slabs - before.slabs).items()}
    print(f"slabs: {sum(grown.values()):,.0f} bytes for each end of a connection:")
    print("  " + ", ".join(f"{name} {size:,.0f}" for name, size in _most(grown)))
    print(f"socket buffers: {(after.buffers - before.buffers) / 1024:,.0f} KiB in all")


def _most(sizes: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(sizes.items(), key=lambda item: -item[1])[:10]


def idle(parts: Sequence[Part], seconds: float) -> None:
    """Watch them do nothing but be pinged."""
    spent, began = [part.server.cpu() for part in parts], time.monotonic()
    results = _together(parts, [f"idle {seconds * 1000:.0f}" for _ in parts])
    wall_s = time.monotonic() - began
    cpu_s = sum(part.server.cpu().since(b) for part, b in zip(parts, spent, strict=True))
    generators_s = sum(result.cpu_ms for result in results) / 1e3
    print(
        f"idle: {cpu_s / wall_s:.1%} of a core for the servers, {generators_s / wall_s:.1%} for the"
        f" clients; load {Path('/proc/loadavg').read_text().split()[0]}"
    )


def say(parts: Sequence[Part], seconds: float) -> None:
    """Let one small room talk among them, and time what it hears."""
    ms = f"{seconds * 1000:.0f}"
    talk = f"open {ms} update 0 {ROOM} {RATE}"
    times = _together(parts, [talk, *(f"idle {ms}" for _ in parts[1:])])[0].delivery
    print(
        f"a room of {ROOM} with {RATE} updates/s: p50 {times.p50_ms:.2f} ms, p99 {times.p99_ms:.2f}"
        f" ms, max {times.max_ms:.1f} ms of {times.count:,} deliveries"
    )


def _together(parts: Sequence[Part], commands: Sequence[str]) -> list[Result]:
    for part, command in zip(parts, commands, strict=True):
        part.generator.tell(command)
    results = [part.generator.answer(PATIENCE_S) for part in parts]
    for result in results:
        assert result.ok, result.loss
    return results


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--servers", type=int, default=1, help="at least so many")
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    raise_file_limit()
    each = sizes(given.connections, given.servers)
    print(f"{sum(each):,} connections, {len(each)} server(s) of {each[0]:,}; {describe()}")
    cores = two_cores()
    with ExitStack() as stack:
        alone = start(stack, ROOM, cores)
        alone.generator.run(f"join {ROOM}")
        say([alone], given.seconds)
        parts = [start(stack, size, cores) for size in each]
        join(parts)
        idle(parts, given.seconds)
        say(parts, given.seconds)
        print(Path("/proc/net/sockstat").read_text().splitlines()[1])


if __name__ == "__main__":
    main()
