"""The load generator: a C program, built here, that is told what to do line by line."""

from __future__ import annotations

import select
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.bench.machine import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
BINARY = HERE / "build" / "load"
ZLIB = Path("/usr/include/zlib.h")
PATIENCE_S = 30


class Times(msgspec.Struct, frozen=True):
    """How long deliveries took, in milliseconds."""

    count: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class Result(msgspec.Struct, frozen=True):
    """What a command of `load` answers: measured since it began, faults since the start."""

    connections: int
    wall_ms: float
    cpu_ms: float
    admitted_ms: float
    updates: int
    events: int
    deliveries: int
    snapshots: int
    demanded: int
    delivered: int
    in_time: int
    wire_bytes: int
    late_ms: float
    faults: dict[str, int]
    ok: bool
    problem: str
    delivery: Times = Times()
    last: Times = Times()
    beside: Times = Times()
    arrival: Times = Times()

    @property
    def loss(self) -> str:
        """Say what went wrong, if anything did."""
        found = ", ".join(f"{name} {count}" for name, count in self.faults.items() if count)
        return "" if self.ok else f"{self.problem} ({found})"


class Loss(Exception):
    """Something that the server promised to deliver did not arrive."""


class Generator:
    """A running `load`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def tell(self, command: str) -> None:
        """Begin a command; `answer` must follow."""
        assert self._process.stdin
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, within_s: float = 4 * PATIENCE_S) -> Result:
        """Wait for the command's result."""
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], within_s)[0]:
            raise RuntimeError("the load generator hangs")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        return msgspec.json.decode(line, type=Result)

    def run(self, command: str) -> Result:
        """Carry out a command; raise Loss if anything was lost since the start."""
        self.tell(command)
        result = self.answer()
        if not result.ok:
            raise Loss(f"in {command!r}: {result.loss}")
        return result

    def end(self) -> int:
        """Let it go; the answer is its exit code, 1 if anything was lost."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process.stdout.close()


def build() -> Path:
    """Compile `load` unless it is newer than its sources."""
    sources = sorted(HERE.glob("*.c"))
    newest = max(path.stat().st_mtime for path in [*sources, HERE / "load.h"])
    if BINARY.exists() and BINARY.stat().st_mtime > newest:
        return BINARY
    BINARY.parent.mkdir(exist_ok=True)
    compile_c(BINARY, sources, *(["-DWITH_ZLIB", "-lz"] if ZLIB.exists() else []))
    return BINARY


def compile_c(binary: Path, sources: Sequence[Path], *flags: str) -> None:
    """Make a program."""
    compiler = shutil.which("cc")
    if not compiler:
        raise RuntimeError("no C compiler: run tests/setup/debian, or install gcc and libc6-dev")
    usual = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-I", str(HERE)]
    subprocess.run([compiler, *usual, "-o", binary, *sources, *flags], check=True)


@contextmanager
def generating(
    port: int,
    connections: Path,
    core: int,
    patience_s: int = PATIENCE_S,
    *,
    deflate: bool = False,
    stamps: bool = False,
) -> Iterator[Generator]:
    """Start a generator on a core against a server's port.

    `deflate` offers compression; `stamps` also has the kernel say when a delivery came.
    """
    arguments = [str(build()), str(port), str(connections), str(patience_s)]
    arguments += ["deflate"] if deflate else ["stamps"] if stamps else []
    with pinned(core):
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    generator = Generator(process)
    try:
        yield generator
    finally:
        generator.end()
