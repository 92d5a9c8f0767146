"""The server as a supervisor has it: started again, on the same ports, as soon as it has ended."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.bench.server import STOP_S, Server, environment, listening

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

LOOK_S: Final = 0.02


class Supervised:
    """A server that can be started again; a context manager, which starts it first."""

    def __init__(self, command: Sequence[str], *flags: str) -> None:
        self._command = [*command, *flags]
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as this lives
        self._ports = (0, 0)
        self.process: subprocess.Popen[bytes]
        self.now: Server

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(STOP_S)
        self._output.close()

    def start(self) -> None:
        """Start it where it was before, and wait until it listens; raises RuntimeError."""
        self._output.seek(0)
        self._output.truncate()
        ports = ("--port", str(self._ports[0]), "--admin-port", str(self._ports[1]))
        self.process = subprocess.Popen(
            [*self._command, *ports],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        self.now = listening(self.process, Path(f"/proc/self/fd/{self._output.fileno()}"))
        self._ports = (self.now.port, self.now.admin_port or 0)


class Watch:
    """Asks `/readyz` again and again, in a thread of its own; a context manager."""

    def __init__(self, admin_port: int) -> None:
        self._port = admin_port
        self._seen: list[tuple[float, int]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def seconds(self, status: int) -> float:
        """For how long it has answered with that status; 0 stands for no answer."""
        spans = zip(self._seen, self._seen[1:], strict=False)
        return sum(after[0] - before[0] for before, after in spans if before[1] == status)

    def _look(self) -> None:
        while not self._is_over.wait(LOOK_S):
            self._seen.append((time.monotonic(), self._ask()))

    def _ask(self) -> int:
        with contextlib.closing(HTTPConnection("127.0.0.1", self._port, timeout=STOP_S)) as admin:
            try:
                admin.request("GET", "/readyz")
                return admin.getresponse().status
            except (OSError, HTTPException):
                return 0
