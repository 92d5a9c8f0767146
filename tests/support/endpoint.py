"""An HTTP endpoint on the loopback that answers as a test says, well or badly."""

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.support.peer import HOST

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; `is_over` is set when the endpoint closes."""

    protocol_version = "HTTP/1.1"
    is_over: threading.Event

    def do_GET(self) -> None:
        """Answer as the endpoint does now."""
        assert isinstance(self.server, _Server)
        self.close_connection = True
        self.is_over = self.server.is_over
        self.server.requests += 1
        with contextlib.suppress(OSError):  # the other side may have had enough
            self.server.answer(self)

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a whole response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer
    requests = 0

    def __init__(self) -> None:
        self.is_over = threading.Event()
        super().__init__((HOST, 0), Request)

    def handle_error(self, *_: Any) -> None:
        """A client that goes in the middle is no matter."""


class Endpoint:
    """It serves while it is a context; set `answer` to change what it does."""

    def __init__(self, answer: Answer) -> None:
        self._server = _Server()
        self._server.answer = answer
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.is_over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self._server.server_port}/keys.json"

    @property
    def requests(self) -> int:
        """How many there were."""
        return self._server.requests

    def do(self, answer: Answer) -> None:
        """Answer so from now on."""
        self._server.answer = answer
