"""A server, the generator that loads it, and what both of them spent."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figures import OURS, Figure
from tests.bench.generator import PATIENCE_S, Generator, Loss, Result, generating
from tests.bench.machine import two_cores
from tests.bench.server import DEFAULT_COMMAND, Server, running
from tests.bench.sizes import FULL, Sizes
from tests.bench.tokens import write_connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LATE_MS = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A command's result beside what the server spent on it."""

    result: Result
    server_s: float
    early_bytes: int = 0
    bytes: int = 0

    def figure(
        self, what: str, value: float, unit: str, notes: Iterable[str] = (), *, beyond: bool = False
    ) -> Figure:
        """Make a figure of it: a busy core is one that had no pause between begin and end."""
        wall_s = self.result.wall_ms / 1e3
        generator_s = self.result.cpu_ms / 1e3
        all_notes = (*notes, *self._lateness())
        busy = self.server_s / wall_s, generator_s / wall_s
        return Figure(what, value, unit, *busy, notes=all_notes, beyond=beyond)

    def _lateness(self) -> Iterator[str]:
        if self.result.late_ms > LATE_MS:
            yield f"the generator itself was up to {self.result.late_ms:.0f} ms late to send"


@dataclass(frozen=True, slots=True)
class Stage:
    """A server and the generator that is about to load it."""

    server: Server
    generator: Generator

    def measure(
        self, command: str, *, look_after_s: float = 0, may_fall_behind: bool = False
    ) -> Measured:
        """Carry out a command and read the server's CPU around it, and its memory early on."""
        before = self.server.cpu()
        self.generator.tell(command)
        time.sleep(look_after_s)
        early_bytes = self.server.resident_bytes() if look_after_s else 0
        result = self.generator.answer()
        spent_s = max(self.server.cpu().since(before), 0.001)
        if not result.ok and not may_fall_behind:
            raise Loss(f"in {command!r}: {result.loss}")
        return Measured(result, spent_s, early_bytes, self.server.resident_bytes())


@dataclass(slots=True)
class Bench:
    """Which server to measure, and how."""

    command: Sequence[str] = DEFAULT_COMMAND
    sizes: Sizes = FULL
    key: str = OURS
    name: str = OURS
    cores: tuple[int, int] = field(default_factory=two_cores)
    server_name: str = ""

    @property
    def is_ours(self) -> bool:
        """Say whether a loss fails the bench."""
        return self.key == OURS

    @contextmanager
    def stage(
        self,
        rooms: int,
        members: int,
        *,
        beside: int = 0,
        patience_s: int = PATIENCE_S,
        deflate: bool = False,
    ) -> Iterator[Stage]:
        """Start both, with a list of connections for so many rooms of so many members.

        The first of the list may be those of a room beside.
        """
        server_core, generator_core = self.cores
        with tempfile.TemporaryDirectory() as directory:
            connections = Path(directory) / "connections"
            write_connections(connections, rooms, members, beside)
            with running(self.command, server_core) as server:
                self.server_name = server.name
                with generating(
                    server.port, connections, generator_core, patience_s, deflate=deflate
                ) as generator:
                    yield Stage(server, generator)
