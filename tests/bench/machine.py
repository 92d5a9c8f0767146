"""The machine under the measurement: its cores, and what to call it in a report."""

from __future__ import annotations

import os
import platform
import re
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


def two_cores() -> tuple[int, int]:
    """Give the server's core and the generator's: two that share no execution units, if there are.

    On a machine with one core both are the same, and nothing but CPU per delivery means much.
    """
    allowed = sorted(os.sched_getaffinity(0))
    server = allowed[0]
    others = [core for core in allowed if core != server]
    apart = [core for core in others if core not in _siblings(server)]
    return server, next(iter(apart or others or [server]))


def _siblings(core: int) -> set[int]:
    """Find the hardware threads of this one's physical core: "0,4" or "0-1"."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    if not path.exists():
        return {core}
    bounds = [part.partition("-") for part in path.read_text().strip().split(",")]
    return {n for low, _, high in bounds for n in range(int(low), int(high or low) + 1)}


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on one core, as does every process started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Moment(NamedTuple):
    """What all cores have done up to it, in ticks."""

    idle: int
    stolen: int
    all: int

    @classmethod
    def now(cls) -> Self:
        """Read the kernel's counts; a guest's time is in that of users already."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().split()[1:9]]
        return cls(ticks[3] + ticks[4], ticks[7], sum(ticks))

    def since(self) -> str:
        """Say how much of the cores nobody wanted since then, and the host kept for itself."""
        idle, stolen, whole = (now - was for now, was in zip(self.now(), self, strict=True))
        shares = idle / max(whole, 1), stolen / max(whole, 1)
        return f"the cores {shares[0]:.0%} idle, {shares[1]:.1%} stolen"


def raise_file_limit() -> None:
    """Allow this process, and those it starts, as many open files as the administrator allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def describe() -> str:
    """Name what the figures depend on."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores; "
        f"{platform.system()} {kernel}; Python {platform.python_version()}"
    )
