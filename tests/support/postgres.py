"""Debian's PostgreSQL, started by tests on a Unix socket and a port of its own.

What a `Postgres` started it ends. Root may not run it: then the user `postgres` does.
"""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg

from tests.support.peer import HOST
from tests.support.server import free_port

BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
OWNER: Final = "postgres"
START_S: Final = 30.0
_FAST: Final = ("fsync=off", "full_page_writes=off", "max_connections=50", "shared_buffers=64MB")


class Postgres:
    """A cluster in a folder that goes with it; `durable` has it write as in production."""

    def __init__(self, *, durable: bool = False) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="presence-pg-"))
        self._data = self._folder / "data"
        self._settings = () if durable else _FAST
        self._numbers = itertools.count(1)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            if os.geteuid() == 0:
                shutil.chown(self._folder, OWNER, OWNER)
            self._run("initdb", "-D", str(self._data), "-U", OWNER, "-A", "trust", "--no-sync")
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    def start(self) -> None:
        """Start it, on the port it had before."""
        options = [f"port={self.port}", f"listen_addresses={HOST}", "unix_socket_directories="]
        flags = [word for option in (*options, *self._settings) for word in ("-c", option)]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_as_owner(), str(_binary("postgres")), "-D", str(self._data), *flags],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            is_over = self.process.poll() is not None or time.monotonic() > deadline
            assert not is_over, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut it down, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End all of it at once, as a crash does."""
        self._end(signal.SIGQUIT)

    def new_database(self) -> str:
        """The address of a database without anything in it."""
        name = f"presence_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address(name)

    def address(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://{OWNER}@{HOST}:{self.port}/{database}"

    def dump(self, address: str) -> str:
        """All that is in a database, as SQL."""
        return subprocess.run(
            [str(_binary("pg_dump")), "--inserts", address],
            check=True,
            capture_output=True,
            text=True,
            timeout=START_S,
        ).stdout

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.address("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            # The pid is the postmaster's: `setpriv` becomes it.
            self.process.send_signal(number)
            self.process.wait(START_S)
            self.process = None

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [*_as_owner(), str(_binary(name)), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            timeout=START_S,
        )

    def _remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _binary(name: str) -> Path:
    assert BINARIES, "tests/setup/debian installs PostgreSQL"
    return BINARIES[-1] / name


def _as_owner() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--init-groups")
