"""The demo: a page, and tokens for anybody who asks. Everything is served from memory."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from typing import Final
from urllib.parse import parse_qsl

import orjson

from presence_server import tokens
from presence_server.core.errors import TokenRefused
from presence_server.gateway.http import Handler, Page, plain

ROOM: Final = "presence-demo"
TOKEN_TTL_S: Final = 600

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; "
    "img-src https: http: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


def new_secret() -> str:
    """A secret that lives as long as this process."""
    return secrets.token_urlsafe(48)


def handlers(secret: str) -> Mapping[str, Handler]:
    """What the public port serves in the demo."""

    def token(query: str) -> Page:
        return _token(secret, query)

    return {"/demo/token": token, **_files()}


def _files() -> dict[str, Handler]:
    found: dict[str, Handler] = {}
    for file in resources.files(__package__).joinpath("static").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES:
            page = Page(HTTPStatus.OK, _TYPES[suffix], file.read_bytes(), _HEADERS)
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found[path] = lambda _query, page=page: page  # type: ignore[misc] # bound now
    return found


def _token(secret: str, query: str) -> Page:
    asked = dict(parse_qsl(query))
    name, picture = asked.get("name"), asked.get("picture")
    user_id = asked.get("user", "")
    try:
        signer = tokens.Signer(secret)
        token = tokens.mint(signer, user_id, ROOM, TOKEN_TTL_S, name=name, picture=picture)
    except TokenRefused:
        return plain(HTTPStatus.BAD_REQUEST, "user: 1–128 bytes; name: at most 256 bytes")
    return Page(HTTPStatus.OK, "application/json", orjson.dumps({"token": token}), _HEADERS)
