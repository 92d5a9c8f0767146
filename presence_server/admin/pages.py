"""The page at /history: files that hold no data, for anybody who can reach the listener.

It asks for a credential and sends that with its questions, so no other script may run in it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parents[1] / "history" / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def pages(folder: Path = FOLDER) -> Sequence[Route]:
    """A route for each file; `index.html` is /history itself."""
    return [_route(file) for file in sorted(folder.iterdir()) if file.suffix in _TYPES]


def _route(file: Path) -> Route:
    body = file.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag, "Content-Type": _TYPES[file.suffix]}

    async def page(request: Request) -> Response:
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return Route("/history" if file.name == "index.html" else f"/history/{file.name}", page)
