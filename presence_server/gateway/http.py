"""What the public port answers to requests that are no upgrade: health, and files from memory."""

from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from presence_server.core.address import is_party_path


class Page(NamedTuple):
    """An answer: `headers` come beside the type and length."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[str], Page]
"""Answers a request to one path, given its query string. Must not block or raise."""


def plain(status: HTTPStatus, body: str, *headers: tuple[str, str]) -> Page:
    """A line of text."""
    return Page(status, "text/plain; charset=utf-8", body.encode() + b"\n", headers)


def healthz(_query: str) -> Page:
    """The process runs and its loop turns."""
    return plain(HTTPStatus.OK, "ok", ("Cache-Control", "no-store"))


class Site:
    """The paths of the public port."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = {"/healthz": healthz, **handlers}

    def respond(self, request: Request) -> Response:
        """The whole response to a request."""
        page = self._page(request)
        body = b"" if request.method == "HEAD" else page.body
        headers = Headers(
            [
                ("Date", formatdate(usegmt=True)),
                ("Connection", "close"),
                ("Content-Type", page.content_type),
                ("Content-Length", str(len(page.body))),
                ("X-Content-Type-Options", "nosniff"),
                *page.headers,
            ]
        )
        return Response(page.status.value, page.status.phrase, headers, body)

    def _page(self, request: Request) -> Page:
        path, _, query = request.path.partition("?")
        handler = self._handlers.get(path)
        if handler is not None:
            if request.method not in ("GET", "HEAD"):
                return plain(HTTPStatus.METHOD_NOT_ALLOWED, "GET only", ("Allow", "GET, HEAD"))
            return handler(query)
        if is_party_path(path):
            upgrade = ("Upgrade", "websocket")
            return plain(HTTPStatus.UPGRADE_REQUIRED, "a WebSocket is served here", upgrade)
        return plain(HTTPStatus.NOT_FOUND, "not found")
