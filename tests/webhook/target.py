"""An HTTP server on the loopback that takes what is posted, or does something else."""

import contextlib
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from tests.support.peer import HOST
from tests.webhook.receiver import Receiver

HANG_S: Final = 30.0


class Request(NamedTuple):
    """What came in. Headers by their names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[["_Handler"], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    target: "Target"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, to end it with the rest."""
        self.target.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in the middle is expected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Read it all, then behave."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_taken = Request(self.path, headers, body)
        self.server.target.requests.append(self.request_taken)
        self.server.target.behaviour(self)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Target:
    """Takes what is posted, unless `behaviour` is another; for use as a context manager.

    `receiver` holds what was taken, `requests` all that came.
    """

    def __init__(self) -> None:
        self.receiver = Receiver()
        self.requests: list[Request] = []
        self.behaviour: Behaviour = take
        self.released = threading.Event()
        self.was_hung_up_on = False
        self.connections: list[socket.socket] = []
        self.port = 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"http://{HOST}:{self.port}/hook"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Listen, at the port that it had before if it had one."""
        self._server = _Server((HOST, self.port), _Handler)
        self._server.target = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Listen no more, and hang up on those that were kept waiting."""
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def become(self, behaviour: Behaviour) -> None:
        """Behave in another way from now on; those that were kept waiting are hung up on."""
        self.released.set()
        self.released = threading.Event()
        self.behaviour = behaviour


def answer(status: int, *headers: tuple[str, str], body: bytes = b"") -> Behaviour:
    """Say the same to everybody."""

    def behave(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(body)

    return behave


def take(handler: _Handler) -> None:
    """Take it."""
    request = handler.request_taken
    handler.server.target.receiver.take(request.headers["webhook-id"], request.body)
    answer(204)(handler)


def hang(handler: _Handler) -> None:
    """Say nothing."""
    handler.server.target.released.wait(HANG_S)
    hang_up(handler)


def drip(handler: _Handler) -> None:
    """Say something, a byte at a time, that never comes to an end."""
    released = handler.server.target.released
    with contextlib.suppress(OSError):
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not released.wait(0.05):
            handler.connection.sendall(b"z")
    hang_up(handler)


def drip_a_body(handler: _Handler) -> None:
    """Take it, and then go on talking."""
    request = handler.request_taken
    handler.server.target.receiver.take(request.headers["webhook-id"], request.body)
    released = handler.server.target.released
    with contextlib.suppress(OSError):
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not released.wait(0.05):
            handler.connection.sendall(b"z")
    hang_up(handler)


def talk(handler: _Handler) -> None:
    """Take it, and answer at great length, until hung up on."""
    request = handler.request_taken
    handler.server.target.receiver.take(request.headers["webhook-id"], request.body)
    try:
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n")
        for _ in range(64):
            handler.connection.sendall(b"z" * 1_000_000)
    except OSError:
        handler.server.target.was_hung_up_on = True


def say(data: bytes) -> Behaviour:
    """Answer with any bytes, then hang up."""

    def behave(handler: _Handler) -> None:
        with contextlib.suppress(OSError):
            handler.connection.sendall(data)
        hang_up(handler)

    return behave


def hang_up(handler: _Handler) -> None:
    """End the connection."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)
