"""From bytes to what a client wants, and from what happened to bytes. No frames: only JSON.

`type` is the first field of every server message, `seq` the last of every numbered one.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import orjson

from presence_server.core import messages, text
from presence_server.core.entry import Entry, Place
from presence_server.core.errors import BadMessage, ErrorCode
from presence_server.core.events import Broadcast, Changed, CursorMoved, Joined, Left
from presence_server.core.messages import Status
from presence_server.core.value import Value

MAX_REASON: Final = 200
"""Characters of an error's message, which quotes what the client sent."""


class Move(Value, frozen=True):
    """A decoded `presence_update`."""

    place: Place
    idle_s: float


class Point(Value, frozen=True):
    """A decoded `cursor_update`."""

    cursor: bytes | None


class Mark(Value, frozen=True):
    """A decoded `status_update`."""

    status: Status
    idle_s: float


class Renew(Value, frozen=True):
    """A decoded `token_refresh`."""

    token: str


class Resync(Value, frozen=True):
    """A decoded `resync`."""


class Ping(Value, frozen=True):
    """A decoded `ping`."""


Command = Move | Point | Mark | Renew | Resync | Ping

TYPE_OF: dict[type[Command], str] = {
    Move: "presence_update",
    Point: "cursor_update",
    Mark: "status_update",
    Renew: "token_refresh",
    Resync: "resync",
    Ping: "ping",
}


def decode(raw: bytes | bytearray | memoryview) -> Command:
    """What a client's text message asks for.

    Raises:
        UnicodeDecodeError: if `raw` isn't UTF-8; close with 1007 (RFC 6455 §8.1).
        BadMessage: if it isn't a message of the protocol; answer with an `error`.

    """
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        bytes(raw).decode()
        raise BadMessage(ErrorCode.INVALID_JSON, f"not JSON: {error}") from None
    if type(fields) is not dict:
        raise BadMessage(ErrorCode.INVALID_JSON, "a message is a JSON object")
    kind = fields.get("type")
    wire = messages.CLIENT_TYPES.get(kind) if isinstance(kind, str) else None
    if wire is None:
        raise BadMessage(ErrorCode.UNKNOWN_TYPE, "no message of that type")
    try:
        message = msgspec.convert(fields, wire)
    except msgspec.ValidationError as error:
        raise BadMessage(ErrorCode.INVALID_MESSAGE, str(error)[:MAX_REASON], kind) from None
    command: Command = _READERS[wire](message)
    return command


_PLACE_TEXTS: Final = (
    ("currentPath", text.MAX_PATH),
    ("resourceType", text.MAX_ID),
    ("resourceId", text.MAX_ID),
    ("versionId", text.MAX_ID),
    ("activity", text.MAX_ACTIVITY),
    ("following", text.MAX_ID),
)


def _read_presence(message: messages.PresenceUpdate) -> Move:
    place = Place(
        message.current_path,
        message.resource_type,
        message.resource_id,
        message.version_id,
        message.activity,
        message.following,
        _compact(message.data, text.MAX_DATA, "data", "presence_update"),
    )
    said = (
        place.current_path,
        place.resource_type,
        place.resource_id,
        place.version_id,
        place.activity,
        place.following,
    )
    # Nearly always they are so short and plain that one look at all of them together will do.
    if not text.is_plain("".join(filter(None, said)), text.MAX_ID):
        for value, (field, limit) in zip(said, _PLACE_TEXTS, strict=True):
            if value:
                _check_text(value, limit, field, "presence_update")
    return Move(place, (message.idle_ms or 0) / 1000)


def _read_cursor(message: messages.CursorUpdate) -> Point:
    return Point(_compact(message.cursor, text.MAX_CURSOR, "cursor", "cursor_update"))


def _read_status(message: messages.StatusUpdate) -> Mark:
    return Mark(message.status, (message.idle_ms or 0) / 1000)


_READERS: dict[type[messages.Message], Any] = {
    messages.PresenceUpdate: _read_presence,
    messages.CursorUpdate: _read_cursor,
    messages.StatusUpdate: _read_status,
    messages.TokenRefresh: lambda message: Renew(message.token),
    messages.Resync: lambda _: Resync(),
    messages.Ping: lambda _: Ping(),
}


def _check_text(value: str, limit: int, field: str, of: str) -> None:
    if text.byte_length(value) > limit:
        raise BadMessage(ErrorCode.TOO_LARGE, f"{field}: at most {limit} bytes", of)
    if text.has_control(value):
        raise BadMessage(ErrorCode.INVALID_MESSAGE, f"{field}: no control characters", of)


def _compact(value: dict[str, Any] | None, limit: int, field: str, of: str) -> bytes | None:
    if value is None:
        return None
    if text.depth_exceeds(value, text.MAX_DEPTH):
        raise BadMessage(ErrorCode.TOO_LARGE, f"{field}: at most {text.MAX_DEPTH} deep", of)
    encoded = text.compact(value)
    if len(encoded) > limit:
        raise BadMessage(ErrorCode.TOO_LARGE, f"{field}: at most {limit} bytes as JSON", of)
    return encoded


def encode(message: messages.Message) -> bytes:
    """A message to one client (welcome, error, pong, …)."""
    return msgspec.json.encode(message)


def encode_event(event: Broadcast) -> bytes:
    """An event as the message that tells a room of it."""
    if isinstance(event, Changed):
        return b'{"type":"presence_changed",%b,"seq":%d}' % (event.entry.members, event.seq)
    if isinstance(event, CursorMoved):
        user_id = orjson.dumps(event.user_id)
        return b'{"type":"cursor_changed","userId":%b,"cursor":%b}' % (
            user_id,
            b"null" if event.cursor is None else event.cursor,
        )
    if isinstance(event, Joined):
        return b'{"type":"user_joined",%b,"seq":%d}' % (event.entry.members, event.seq)
    return _encode_left(event)


def _encode_left(event: Left) -> bytes:
    return b'{"type":"user_left","userId":%b,"reason":"%b","seq":%d}' % (
        orjson.dumps(event.user_id),
        event.reason.encode(),
        event.seq,
    )


def encode_snapshot(entries: Iterable[Entry], seq: int) -> bytes:
    """The whole room as one message."""
    return b'{"type":"presence_snapshot","users":%b,"seq":%d}' % (encode_entries(entries), seq)


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """Entries as a JSON array."""
    listed = b"},{".join([entry.members for entry in entries])
    return b"[{" + listed + b"}]" if listed else b"[]"
