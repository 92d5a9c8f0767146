"""The real server as a program.

Everything is on the loopback and has a deadline; what a `Server` started it ends, by pid.
"""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode

import jwt
from prometheus_client.parser import text_string_to_metric_families

from tests.support.peer import HOST, SOON_S, Peer, pump

PROGRAM: Final = str(Path(sys.executable).with_name("presence-server"))
SECRET: Final = "a-secret-for-real-sockets,-of-fifty-bytes,-no-less"
ADMIN_KEY: Final = "an admin key for tests"
ROOM: Final = "presence-acme"
START_S: Final = 40.0
STOP_S: Final = 15.0
ANNOUNCEMENT: Final = re.compile(
    r"presence-server (\S+) listening on https?://127\.0\.0\.1:(?P<port>\d+) "
    r"\(admin http://127\.0\.0\.1:(?P<admin>\d+)\)\n"
)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRESENCE_")}
    return kept | dict(variables)


def token(user: str, *, ttl: float = 3600, key: Any = SECRET, **claims: Any) -> str:
    """A token for `ROOM`; claims replace or add, `alg` is the algorithm."""
    algorithm = claims.pop("alg", "HS256")
    payload = {"sub": user, "room": ROOM, "exp": int(time.time() + ttl), **claims}
    return jwt.encode(payload, key, algorithm=algorithm)


def address(room: str = ROOM, party: str = "presence", **query: str) -> str:
    """What a client asks for."""
    return f"/parties/{party}/{quote(room, safe='')}?{urlencode(query)}"


def eventually(condition: Callable[[], object], seconds: float = SOON_S) -> None:
    """Look again and again until something is so; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Answer(NamedTuple):
    """What an HTTP server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def get(port: int, path: str, bearer: str | None = None, method: str = "GET") -> Answer:
    """Ask an HTTP server on the loopback."""
    connection = http.client.HTTPConnection(HOST, port, timeout=SOON_S)
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


class Server:
    """`presence-server serve` on free ports, for use as a context manager.

    It keeps its ports over `stop` and `start`; `room` is where those who join it go. When all is
    over it must have ended by SIGTERM alone, and have written no traceback and no token. `under` is
    a command that runs it, such as `prlimit`; with `trust`, the file of an authority, those who
    join it speak TLS.
    """

    def __init__(
        self,
        *flags: str,
        command: str = "serve",
        variables: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
        trust: Path | None = None,
    ) -> None:
        keys = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
        self.port = 0
        self.admin_port = 0
        self.room = ROOM
        self.peers: list[Peer] = []
        self._trust = trust
        self._command = [*under, PROGRAM, command, *flags]
        given = keys if variables is None else variables
        # On a busy machine a test is not to fail because the server refuses newcomers for that.
        self._environment = environment({"PRESENCE_OVERLOAD_LAG": "0"} | dict(given))
        self._folder = tempfile.TemporaryDirectory(prefix="presence-")
        self._stdout = Path(self._folder.name, "stdout")
        self._stderr = Path(self._folder.name, "stderr")
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for peer in self.peers:
                peer.drop()
            self.stop()
            if error is None:
                self.check_quiet()
        finally:
            self._folder.cleanup()

    def start(self) -> None:
        """Start it, on the ports it had before if it ran before."""
        ports = ("--port", str(self.port), "--admin-port", str(self.admin_port))
        with self._stdout.open("wb") as out, self._stderr.open("ab") as err:
            self.process = subprocess.Popen(
                [*self._command, *ports], stdout=out, stderr=err, env=self._environment
            )
        deadline = time.monotonic() + START_S
        while (found := ANNOUNCEMENT.fullmatch(self._stdout.read_text())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._kill()
                raise AssertionError(f"the server did not start: {self.stderr}")
            time.sleep(0.01)
        self.port, self.admin_port = int(found["port"]), int(found["admin"])

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def wait(self, seconds: float = STOP_S) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it, if it runs."""
        self.terminate()
        try:
            self.wait()
        finally:
            self._kill()

    def _kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)

    @property
    def stderr(self) -> str:
        """What it complained of so far."""
        return self._stderr.read_text()

    def check_quiet(self) -> None:
        """Assert that it met with no exception and gave no token away."""
        written = self.stderr + self._stdout.read_text()
        for bad in ("Traceback", "Error", "eyJ", "token="):
            assert bad not in written, written

    # What it says

    def admin(self, path: str, bearer: str | None = None) -> Answer:
        """Ask the admin listener."""
        return get(self.admin_port, path, bearer)

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series; 0 if there is none yet."""
        for family in text_string_to_metric_families(self.admin("/metrics").body.decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return 0.0

    # Who comes

    def dial(
        self, target: str, *, headers: Mapping[str, str] | None = None, buffer: int | None = None
    ) -> Peer:
        """Send an upgrade request; `buffer` is the size of the kernel's receive buffer."""
        peer = Peer(self.port, target, headers or {}, buffer, self._trust)
        self.peers.append(peer)
        return peer

    def join(
        self,
        user: str,
        pk: str | None = None,
        *,
        room: str | None = None,
        buffer: int | None = None,
        **claims: Any,
    ) -> Peer:
        """Dial as `user` with a fresh token for `room`, without waiting for an answer."""
        room = room or self.room
        query = {"_pk": pk or f"pk-{user}", "token": token(user, **{"room": room} | claims)}
        return self.dial(address(room, **query), buffer=buffer)

    def enter(self, user: str, **options: Any) -> Peer:
        """Join, and wait for the snapshot."""
        peer = self.join(user, **options)
        pump([peer], lambda: "presence_snapshot" in peer.types())
        return peer

    def exchange(self, data: bytes, seconds: float = SOON_S) -> bytes:
        """Send bytes on a connection of their own; all that comes back until it ends."""
        with socket.create_connection((HOST, self.port), seconds) as connection:
            connection.sendall(data)
            answer = bytearray()
            deadline = time.monotonic() + seconds
            while chunk := connection.recv(65_536):
                answer += chunk
                assert time.monotonic() < deadline, "the server never hangs up"
            return bytes(answer)
