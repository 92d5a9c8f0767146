"""A server that records, its database, and what the bench of history asks of both."""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

import jwt

from presence_server.history.read import limits
from presence_server.history.store.engine import readers
from tests.bench.figures import number, spread
from tests.bench.machine import two_cores
from tests.bench.server import DEFAULT_COMMAND, SECRET, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from tests.bench.server import Server

HOST: Final = "127.0.0.1"
SOON_S: Final = 30.0
LIFETIME_S: Final = 86_400
COMMAND: Final = (*DEFAULT_COMMAND, "--overload-lag", "0")


class Line(NamedTuple):
    """A row of the table. Of several `values` the median is what has to be reached."""

    what: str
    values: Sequence[float]
    unit: str
    at_most: float | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether it is, if there is something to reach."""
        return self.at_most is None or median(self.values) <= self.at_most

    def __str__(self) -> str:
        bound = "" if self.at_most is None else f"≤ {number(self.at_most)} {self.unit}"
        reached = "" if self.at_most is None else "yes" if self.is_reached else "**no**"
        cells = (self.what, f"{spread(self.values)} {self.unit}", bound, reached, self.note)
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class Sample:
    """Times, in order."""

    values: Sequence[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        """Sort them."""
        return cls(sorted(values))

    def at(self, share: float) -> float:
        """The value that so great a share is at or below."""
        return self.values[min(len(self.values) - 1, int(len(self.values) * share))]

    def __str__(self) -> str:
        shown = (number(self.at(share)) for share in (0.5, 0.95, 0.99, 1.0))
        return " / ".join(shown)


@contextmanager
def recording(address: str | None, *flags: str) -> Iterator[Server]:
    """A server on one core that records to `address`, if there is one; the recorder may use all."""
    history = () if address is None else ("--history", address)
    with running((*COMMAND, *history, *flags), two_cores()[0]) as server:
        if address is not None:
            until(lambda: server.metrics().get("presence_history_up") == 1)
            set_free(recorder_of(server))
        yield server


def set_free(pid: int) -> None:
    """Let all threads of a process run on any core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


def recorder_of(server: Server) -> int:
    """The process that records for it."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    [recorder] = [int(child) for child in children if "history" in _command(child)]
    return recorder


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode()


def resident_bytes(pid: int) -> int:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exact_cpu_s(pid: int) -> float:
    """The same to the nanosecond, of a process whose threads do not end."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def until(condition: object, seconds: float = SOON_S) -> float:
    """Look again and again until something is so; the seconds that took."""
    assert callable(condition)
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise RuntimeError("it never came to be")
        time.sleep(0.01)
    return time.monotonic() - began


def has_taken_all(server: Server) -> bool:
    """Whether everything noted is in the database."""
    return server.metrics()["presence_history_waiting"] == 0


class Asker:
    """Asks a server's history, on a connection that is kept."""

    def __init__(self, server: Server) -> None:
        assert server.admin_port
        claims = {"sub": "bench", "room": "*", "scope": "history.admin"}
        expires = {"exp": int(time.time()) + LIFETIME_S}
        token = jwt.encode(claims | expires, SECRET, algorithm="HS256")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection = HTTPConnection(HOST, server.admin_port, timeout=SOON_S)

    def ask(self, path: str, **query: str | int) -> bytes:
        """The answer to a question."""
        return b"".join(self.stream(path, **query))

    def stream(self, path: str, **query: str | int) -> Iterator[bytes]:
        """The same, piece by piece."""
        target = f"/v1/history/{path}?{urlencode(query)}"
        self._connection.request("GET", target, headers=self._headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{target}: {answer.status} {answer.read()!r}")
        while piece := answer.read(65_536):
            yield piece

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def reading(address: str) -> Iterator[Connection]:
    """A connection of those who read."""
    engine = readers(address)
    try:
        with limits.asking(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def asking(server: Server) -> Iterator[Asker]:
    """Somebody to ask for a while."""
    with closing(Asker(server)) as asker:
        yield asker
