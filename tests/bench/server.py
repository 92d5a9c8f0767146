"""The server under measurement: start it, stop it, read what it costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.machine import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECRET = "a-secret-for-benchmarks-of-forty-eight-character"
"""What signs the tokens: any server that is put under this load must check them with it."""

DEFAULT_COMMAND = (
    str(Path(sys.executable).with_name("presence-server")),
    *("serve", "--port", "0", "--admin-port", "0"),
)
LISTENING = re.compile(
    r"(?P<name>\S+ \S+) listening on https?://127\.0\.0\.1:(?P<port>\d+)"
    r"( \(admin http://127\.0\.0\.1:(?P<admin>\d+)\))?"
)
START_S = 20.0
STOP_S = 15.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """What a server's threads have used up to a moment, in and outside the kernel."""

    by_thread: dict[int, int]
    ticks_s: float

    def since(self, before: Cpu) -> float:
        """Give the seconds in between.

        The scheduler's clock is exact, but knows nothing of a thread that has ended; the ticks of
        the process do, to 10 ms.
        """
        exact = sum(ns - before.by_thread.get(task, 0) for task, ns in self.by_thread.items()) / 1e9
        return max(exact, self.ticks_s - before.ticks_s - 2 * TICK_S)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens."""

    name: str
    port: int
    pid: int
    admin_port: int | None = None

    def cpu(self) -> Cpu:
        """Read the CPU time that all its threads have used, and those of its children."""
        family = _family(self.pid)
        tasks = [task for pid in family for task in Path(f"/proc/{pid}/task").iterdir()]
        by_thread = {
            int(task.name): int(text.split()[0])
            for task in tasks
            if (text := _read(task / "schedstat"))
        }
        return Cpu(by_thread, sum(_ticks(pid) for pid in family) * TICK_S)

    def resident_bytes(self) -> int:
        """Read how much memory of its own it holds: the kernel's socket buffers are not in it."""
        return sum(_resident_bytes(pid) for pid in _family(self.pid))

    def metrics(self) -> dict[str, float]:
        """Scrape its admin listener, if it has one."""
        if not self.admin_port:
            return {}
        with closing(HTTPConnection("127.0.0.1", self.admin_port, timeout=STOP_S)) as admin:
            admin.request("GET", "/metrics")
            text = admin.getresponse().read().decode()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def _read(path: Path) -> str:
    """Read a file of a process or thread, which may have ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _family(pid: int) -> list[int]:
    """Find a process and its descendants: some servers come with a launcher."""
    children = [_read(path) for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(n for text in children for child in text.split() for n in _family(int(child)))]


def _ticks(pid: int) -> int:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def _resident_bytes(pid: int) -> int:
    found = re.search(r"^Rss:\s+(\d+) kB", _read(Path(f"/proc/{pid}/smaps_rollup")), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def running(command: Sequence[str], core: int) -> Iterator[Server]:
    """Start a server on a core, and stop it in the end; raise RuntimeError if it does not start."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with pinned(core):
            process = subprocess.Popen(command, stdout=out, stderr=err, env=environment())
        try:
            yield listening(process, Path(f"/proc/self/fd/{out.fileno()}"))
        except BaseException as failure:
            err.seek(0)
            failure.add_note(f"the server's last words: {err.read()[-2000:] or '(none)'}")
            raise
        finally:
            _stop(process)


def environment() -> dict[str, str]:
    """Keep the caller's settings out of it: a table must say the same wherever it is made."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENCE_")}
    return kept | {"PRESENCE_JWT_SECRET": SECRET}


def listening(process: subprocess.Popen[bytes], out: Path) -> Server:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := LISTENING.search(out.read_text()):
            admin_port = int(found["admin"]) if found["admin"] else None
            return Server(found["name"], int(found["port"]), process.pid, admin_port)
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {process.args!r}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
