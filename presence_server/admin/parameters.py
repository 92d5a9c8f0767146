"""What a query asks about.

A path is cut at its slashes before it is decoded: the id of a user may hold one.
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from presence_server.admin.answers import Denied
from presence_server.core import text

MAX_IDS: Final = 1_000
_LIMIT: Final = re.compile(r"[0-9]{1,6}")


class RawPaths:
    """Has routes match the path as it was sent, percent-encoded (RFC 3986 §2.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        path = scope["raw_path"].decode("latin-1")
        await self._app({**scope, "path": path}, receive, send)


def room_of(request: Request) -> str:
    """The room in the path.

    Raises:
        Denied: 400 if it can't be one.

    """
    return check_room(_decode(request.path_params["room"]))


def user_of(request: Request) -> str:
    """The user in the path.

    Raises:
        Denied: 400 if it can't be one.

    """
    user_id = _decode(request.path_params["user"])
    if not text.is_id(user_id):
        raise Denied(400, "bad_user", "a user's id has 1-128 bytes, no control characters")
    return user_id


def rooms_of(request: Request) -> list[str] | None:
    """The rooms that `ids` asks for, each once; None without such a parameter.

    Raises:
        Denied: 400 if one of them can't be a room, or they are too many.

    """
    lists = request.query_params.getlist("ids")
    if not lists:
        return None
    ids = [room_id for given in lists if given for room_id in given.split(",")]
    if len(ids) > MAX_IDS:
        raise Denied(400, "too_many_ids", f"at most {MAX_IDS:,} ids at once")
    return [*dict.fromkeys(map(check_room, ids))]


def limit_of(request: Request) -> int | None:
    """How many rooms `limit` asks for; None without such a parameter.

    Raises:
        Denied: 400 if it is no number of rooms.

    """
    limit = request.query_params.get("limit")
    if limit is None:
        return None
    if not _LIMIT.fullmatch(limit) or not int(limit):
        raise Denied(400, "bad_limit", "a limit is a number from 1 to 999,999")
    return int(limit)


def check_room(room_id: str) -> str:
    """A room's id as it was given.

    Raises:
        Denied: 400 if it can't be one.

    """
    if not text.is_room_id(room_id):
        raise Denied(400, "bad_room", "a room's id has 1-128 characters of A-Z a-z 0-9 . _ : ~ -")
    return room_id


def _decode(part: str) -> str:
    """Percent-decode once (RFC 3986 §2.1); what isn't UTF-8 is no id."""
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return ""
