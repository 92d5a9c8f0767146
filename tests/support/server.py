"""The real server as a program, and clients on bare sockets that speak to it.

Everything is on the loopback and has a deadline; what a `Server` started it ends, by pid.
"""

import http.client
import json
import os
import re
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode

import jwt
from presence_client.store import PresenceStore
from prometheus_client.parser import text_string_to_metric_families
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

PROGRAM: Final = str(Path(sys.executable).with_name("presence-server"))
SECRET: Final = "a secret for real sockets, of fifty bytes, no less"
ADMIN_KEY: Final = "an admin key for tests"
ROOM: Final = "presence-acme"
HOST: Final = "127.0.0.1"
START_S: Final = 20.0
STOP_S: Final = 15.0
SOON_S: Final = 10.0
ANNOUNCEMENT: Final = re.compile(
    r"presence-server (\S+) listening on http://127\.0\.0\.1:(?P<port>\d+) "
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

    It keeps its ports over `stop` and `start`. When all is over it must have been stopped by
    SIGTERM alone, and have written no traceback and no token.
    """

    def __init__(
        self, *flags: str, command: str = "serve", variables: Mapping[str, str] | None = None
    ) -> None:
        keys = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
        self.port = 0
        self.admin_port = 0
        self.peers: list[Peer] = []
        self._command = [PROGRAM, command, *flags]
        self._environment = environment(keys if variables is None else variables)
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
    ) -> "Peer":
        """Send an upgrade request; `buffer` is the size of the kernel's receive buffer."""
        peer = Peer(self.port, target, headers or {}, buffer)
        self.peers.append(peer)
        return peer

    def join(
        self,
        user: str,
        pk: str | None = None,
        *,
        room: str = ROOM,
        buffer: int | None = None,
        **claims: Any,
    ) -> "Peer":
        """Dial as `user` with a fresh token, without waiting for an answer."""
        query = {"_pk": pk or f"pk-{user}", "token": token(user, **claims)}
        return self.dial(address(room, **query), buffer=buffer)

    def enter(self, user: str, **options: Any) -> "Peer":
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


class Peer:
    """A WebSocket client on a bare socket, its messages, and the map it makes of them.

    It reads, and answers pings and closes, only while it is given to `pump`.
    """

    def __init__(
        self, port: int, target: str, headers: Mapping[str, str], buffer: int | None
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        self.store = PresenceStore()
        self.pongs = 0
        self.is_gone = False
        self.outgoing = bytearray()
        self._fragments = bytearray()
        self._ws = ClientProtocol(parse_uri(f"ws://presence.test{target}"), max_size=None)
        self._socket = socket.socket()
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(SOON_S)
        self._socket.connect((HOST, port))
        self._socket.setblocking(False)
        request = self._ws.connect()
        request.headers.update(headers)
        self._ws.send_request(request)
        self._answer()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    # What it says

    def send(self, message: object) -> None:
        """Send a message as JSON, or a string as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.send_frame(Frame(Opcode.TEXT, text.encode()))

    def send_frame(self, frame: Frame) -> None:
        """Send any frame."""
        self.send_bytes(frame.serialize(mask=True))

    def send_bytes(self, data: bytes) -> None:
        """Send any bytes; those that the kernel does not take now go out in `pump`."""
        self.outgoing += data
        self.push()

    def update(self, path: str, **fields: Any) -> None:
        """Send a `presence_update`."""
        self.send({"type": "presence_update", "currentPath": path, **fields})

    def drop(self) -> None:
        """Close the socket, without a Close frame."""
        self.is_gone = True
        self.outgoing.clear()
        self._socket.close()

    def reset(self) -> None:
        """Be gone at once: the server gets a RST, or finds a dead connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop()

    # What it saw

    @property
    def users(self) -> dict[str, Any]:
        """The map that it holds."""
        return dict(self.store.members)

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason of the Close frame that it got."""
        close = self._ws.close_rcvd
        return None if close is None else (close.code, close.reason)

    def types(self) -> list[str]:
        """The types of all messages so far."""
        return [message["type"] for message in self.messages]

    def errors(self) -> list[str]:
        """The code of every error so far."""
        return [message["code"] for message in self.messages if message["type"] == "error"]

    def left(self) -> list[tuple[str, str]]:
        """Who left, as it was told, and why."""
        return [(m["userId"], m["reason"]) for m in self.messages if m["type"] == "user_left"]

    # How

    def push(self) -> None:
        """Give the kernel what it takes."""
        try:
            while self.outgoing:
                del self.outgoing[: self._socket.send(self.outgoing)]
        except BlockingIOError:
            pass
        except ConnectionError:
            self.drop()

    def pull(self, size: int = 262_144) -> None:
        """Read once what has come."""
        try:
            data = self._socket.recv(size)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if data:
            self._ws.receive_data(data)
        else:
            self._ws.receive_eof()
        for event in self._ws.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if data:
            self._answer()
        else:
            self.drop()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.pongs += 1
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments += frame.data
            if frame.fin:
                message = json.loads(self._fragments)
                self._fragments.clear()
                self.messages.append(message)
                self.store.receive(message, time.monotonic())

    def _answer(self) -> None:
        for data in self._ws.data_to_send():
            self.outgoing += data
        self.push()


def pump(peers: Sequence[Peer], until: Callable[[], object], seconds: float = SOON_S) -> None:
    """Let `peers` read and write until something is so; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for peer in _here(peers):
            selector.register(peer, selectors.EVENT_READ)
        while not until():
            assert time.monotonic() < deadline, "it never came"
            for key, _ in selector.select(0.01):
                peer = key.fileobj
                assert isinstance(peer, Peer)
                descriptor = key.fd
                peer.pull()
                if peer.is_gone:
                    selector.unregister(descriptor)
            for peer in _here(peers):
                peer.push()


def _here(peers: Iterable[Peer]) -> list[Peer]:
    return [peer for peer in peers if not peer.is_gone]
