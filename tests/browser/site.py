"""The application around the presence server: its pages, and its token endpoint."""

import threading
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.peer import HOST
from tests.support.server import token

HERE: Final = Path(__file__).parent
DIST: Final = HERE.parents[1] / "clients/typescript/dist"
HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"


class Site:
    """Serves the page and mints tokens, for use as a context manager.

    `claims` go into every token (`ttl` too); `asked` counts a user's requests for one; while
    `is_down` the endpoint fails.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()
        self.is_down = False
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def answer(self, target: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, type and body for a request."""
        url = urlsplit(target)
        if url.path == "/":
            return HTTPStatus.OK, HTML, HERE.joinpath("page.html").read_bytes()
        if url.path == "/client/browser.js":
            return HTTPStatus.OK, SCRIPT, DIST.joinpath("browser.js").read_bytes()
        if url.path != "/token":
            return HTTPStatus.NOT_FOUND, "text/plain", b""
        user = parse_qs(url.query)["user"][0]
        self.asked[user] += 1
        if self.is_down:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b""
        return HTTPStatus.OK, "text/plain", token(user, **self.claims).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, kind, body = site.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
