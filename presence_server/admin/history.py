"""Questions to history: the credential is checked here, the rest is for those who answer them.

A path is passed on only if it is plain, and a query as it was understood here: what others decode
in another way could be another question than the one that the credential was checked for.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from presence_server.admin.access import Access, Grant
from presence_server.admin.answers import Denied
from presence_server.admin.parameters import check_room
from presence_server.admin.ports import Ask

DOCUMENT: Final = "/v1/history/openapi.json"
"""Says what can be asked, and holds nothing else: it needs no credential."""

READ: Final = "history.read"
ADMIN: Final = "history.admin"
MAX_PARAMETERS: Final = 16

_PATH: Final = re.compile(r"/v1/history/[a-z]+(?:/[a-z]+)?")
_FOR_ADMINS: Final = {"/v1/history/check"}
_OF_ANY_ROOM: Final = {("GET", "/v1/history/check"), ("DELETE", "/v1/history/user")}
"""These are about all rooms if they name none."""


class History:
    """Whatever is under /v1/history/, with any method: what there is, others know."""

    def __init__(self, ask: Ask | None, access: Access) -> None:
        self._ask = ask
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        response = await self._answer(Request(scope))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        method, path = request.method, request.scope["path"]
        query = ""
        if path != DOCUMENT:
            query = await self._checked(request)
        if self._ask is None:
            raise Denied(404, "history_off", "this server records no history: see PRESENCE_HISTORY")
        if path != DOCUMENT and not _PATH.fullmatch(path):
            raise HTTPException(404)
        return await self._ask(method, path, query)

    async def _checked(self, request: Request) -> str:
        """The query of one who may ask it.

        Raises:
            Denied: 400 if it can't be told what is asked, 401 or 403 if it may not be.

        """
        asked = request.method, request.scope["path"]
        authorization = request.headers.get("Authorization")
        grant = await self._access.check_scope(authorization, _scopes(*asked))
        given = _parameters(request.scope["query_string"])
        _require(grant, given.get("room"), may_be_any=asked in _OF_ANY_ROOM)
        return urlencode(given)


def _scopes(method: str, path: str) -> Sequence[str]:
    """One of which is needed. To change anything is for admins."""
    return (ADMIN,) if method != "GET" or path in _FOR_ADMINS else (READ, ADMIN)


def _require(grant: Grant, room_id: str | None, *, may_be_any: bool) -> None:
    if room_id is None and may_be_any:
        grant.require_all_rooms()
    else:
        grant.require(check_room(room_id or ""))


def _parameters(query: bytes) -> dict[str, str]:
    """What a query string says.

    Raises:
        Denied: 400 if it isn't UTF-8, or says something twice.

    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise Denied(400, "bad_query", "a query has few parameters, in UTF-8") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Denied(400, "bad_query", "each parameter is given once")
    return given
