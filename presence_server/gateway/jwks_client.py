"""One fetch of a JWK Set, in a thread: PyJWT's client, kept from taking for ever or too much."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from jwt import PyJWKClient

from presence_server import __version__
from presence_server.gateway.jwks import Outcome
from presence_server.gateway.keys import KeyRefused, Keys, published_keys

PATIENCE_S: Final = 4.0
"""For a connection, for the head of an answer, and for its body: `jwks` has a little more."""
MAX_ANSWER: Final = 262_144

MAX_REASONS: Final = 5

_LOG: Final = logging.getLogger("presence_server")
_TOO_SLOW: Final = "the endpoint does not answer in time"
_TROUBLES: Final[dict[type[Exception], str]] = {
    TimeoutError: _TOO_SLOW,
    ConnectionRefusedError: "the endpoint refuses connections",
    ConnectionError: "the endpoint hangs up",
    HTTPException: "the endpoint's answer is not HTTP",
    ValueError: "the answer is not JSON",
    RecursionError: "the answer is not JSON",
}
_HEADERS: Final = {"Accept": "application/json", "User-Agent": f"presence-server/{__version__}"}


PassedOver = Callable[[int, str], object]


def _log(count: int, why: str) -> None:
    extra = {"keys": count, "reason": why}
    _LOG.warning("keys of the issuer's JWK Set are passed over", extra=extra)


class HttpFetch:
    """Fetches in a daemon thread. Call it in the event loop, and again only when it is done.

    `passed_over` is told, in that thread, how many keys can't be used and why, whenever they are
    others than before.
    """

    def __init__(self, url: str, passed_over: PassedOver = _log) -> None:
        self._client = _Client(url, headers=_HEADERS, timeout=PATIENCE_S)
        self._tell = passed_over
        self._passed_over: list[str] = []

    def __call__(self, done: Callable[[Outcome], object]) -> None:
        """Begin; `done` is called in the running loop."""
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._run, args=(loop, done), name="jwks", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            loop.call_soon(done, "the system has no thread left")
        else:
            loop.call_later(PATIENCE_S, self._client.cut)

    def _run(self, loop: asyncio.AbstractEventLoop, done: Callable[[Outcome], object]) -> None:
        outcome: Outcome = "it can't be read"
        try:
            outcome = self._outcome()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
                loop.call_soon_threadsafe(done, outcome)

    def _outcome(self) -> Outcome:
        try:
            return self._keys(self._client.fetch_data())
        except HTTPError as error:
            error.close()
            return f"the endpoint answers {error.code}"
        except KeyRefused as refused:
            return str(refused)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            return _TOO_SLOW if self._client.was_cut else _why(error)

    def _keys(self, jwk_set: object) -> Keys:
        """What can be used; tells of the others."""
        passed_over: list[str] = []
        try:
            return published_keys(jwk_set, passed_over.append)
        finally:
            if sorted(passed_over) != self._passed_over and passed_over:
                why = "; ".join([*dict.fromkeys(passed_over)][:MAX_REASONS])
                self._tell(len(passed_over), why)
            self._passed_over = sorted(passed_over)


def _why(error: Exception) -> str:
    """Why there was no answer, or no good one; nothing of the address, which may hold a secret."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, socket.gaierror) or type(cause) is UnicodeError:  # no name can be so
        return "the endpoint's name is not found (DNS)"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the endpoint's certificate is no good: {cause.verify_message.split(',')[0]}"
    if isinstance(cause, ssl.SSLError):
        return "no TLS with the endpoint"
    for kind, says in _TROUBLES.items():
        if isinstance(cause, kind):
            return says
    return "the endpoint can't be reached"


class _Client(PyJWKClient):
    """The library's client; but its own fetch reads an answer of any size, for any time."""

    _connection: HTTPConnection | None = None
    was_cut = False

    def fetch_data(self) -> object:
        """What the endpoint answers, as JSON."""
        self.was_cut = False
        request = Request(self.uri, headers=self.headers)  # noqa: S310 - checked to be http(s)
        try:
            with self._opener().open(request, timeout=self.timeout) as response:
                return json.loads(_read(response))
        finally:
            self._connection = None

    def cut(self) -> None:
        """Hang up on an endpoint that has not come to the end of its head."""
        sock = self._connection and self._connection.sock
        if sock:
            self.was_cut = True
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _opener(self) -> OpenerDirector:
        plain = _Http(partial(self._connect, HTTPConnection))
        secure = _Https(partial(self._connect, HTTPSConnection))
        return build_opener(_NoRedirect, plain, secure)

    def _connect(self, kind: type[HTTPConnection], host: str, **options: Any) -> HTTPConnection:
        self._connection = kind(host, **options)
        return self._connection


def _read(response: HTTPResponse) -> bytes:
    deadline = time.monotonic() + PATIENCE_S
    answer = bytearray()
    while piece := response.read1(65_536):
        answer += piece
        if len(answer) > MAX_ANSWER:
            raise KeyRefused(f"the answer has more than {MAX_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(answer)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the keys are where the settings say."""


class _Http(HTTPHandler):
    def __init__(self, connect: Callable[..., HTTPConnection]) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, req: Request) -> HTTPResponse:
        """Open a connection that can be cut."""
        return self.do_open(self._connect, req)


class _Https(HTTPSHandler):
    def __init__(self, connect: Callable[..., HTTPConnection]) -> None:
        super().__init__()
        self._connect = connect

    def https_open(self, req: Request) -> HTTPResponse:
        """The same, with TLS."""
        return self.do_open(self._connect, req)
