"""The server under measurement: start it, stop it, read what it costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
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
LISTENING = re.compile(r"(?P<name>\S+ \S+) listening on http://127\.0\.0\.1:(?P<port>\d+)")
START_S = 20.0
STOP_S = 15.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens."""

    name: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """Read the CPU time that all its threads have used, in and outside the kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def resident_bytes(self) -> int:
        """Read how much memory of its own it holds: the kernel's socket buffers are not in it."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = re.search(r"^Rss:\s+(\d+) kB", text, re.MULTILINE)
        assert found
        return int(found[1]) * 1024


@contextmanager
def running(command: Sequence[str], core: int) -> Iterator[Server]:
    """Start a server on a core, and stop it in the end; raise RuntimeError if it does not start."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        with pinned(core):
            process = subprocess.Popen(command, stdout=out, stderr=err, env=_environment())
        try:
            yield _listening(process, Path(f"/proc/self/fd/{out.fileno()}"))
        except BaseException as failure:
            err.seek(0)
            failure.add_note(f"the server's last words: {err.read()[-2000:] or '(none)'}")
            raise
        finally:
            _stop(process)


def _environment() -> dict[str, str]:
    """Keep the caller's settings out of it: a table must say the same wherever it is made."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENCE_")}
    return kept | {"PRESENCE_JWT_SECRET": SECRET}


def _listening(process: subprocess.Popen[bytes], out: Path) -> Server:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := LISTENING.search(out.read_text()):
            return Server(found["name"], int(found["port"]), process.pid)
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {process.args!r}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
