"""The messages of the wire, as types: the JSON Schemas in `protocol/schema` come from here.

Field names are snake_case here and camelCase on the wire. `None` and an absent field mean the same
from a client; the server leaves absent fields out.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from presence_server.core import text
from presence_server.core.close_codes import LeaveReason
from presence_server.core.errors import ErrorCode
from presence_server.core.permissions import Role

VERSION: Final = 1

Status = Literal["online", "away"]


def _bytes(limit: int, **schema: Any) -> Meta:
    """A size in UTF-8 bytes. A schema can only count characters, so it allows no fewer."""
    return Meta(extra_json_schema={"maxLength": limit, "x-maxBytes": limit, **schema})


def _json(limit: int) -> Meta:
    return Meta(extra_json_schema={"x-maxBytes": limit, "x-maxDepth": text.MAX_DEPTH})


Id = Annotated[str, _bytes(text.MAX_ID, minLength=1)]
Kind = Annotated[str, _bytes(text.MAX_ID)]
Path = Annotated[str, _bytes(text.MAX_PATH)]
Name = Annotated[str, _bytes(text.MAX_NAME)]
Activity = Annotated[str, _bytes(text.MAX_ACTIVITY)]
Picture = Annotated[str, _bytes(text.MAX_PICTURE)]
Data = Annotated[dict[str, Any], _json(text.MAX_DATA)]
Cursor = Annotated[dict[str, Any], _json(text.MAX_CURSOR)]
Token = Annotated[str, Meta(min_length=1)]
IdleMs = Annotated[float, Meta(ge=0, le=2**53)]
Milliseconds = Annotated[int, Meta(ge=0)]
Seq = Annotated[int, Meta(ge=0)]


class Message(Struct, kw_only=True, rename="camel", tag_field="type"):
    """Anything on the wire: an object with a `type`."""


# Client → server


class PresenceUpdate(Message, tag="presence_update"):
    """Replaces the sender's whole location."""

    current_path: Path
    resource_type: Kind | None = None
    resource_id: Kind | None = None
    version_id: Kind | None = None
    activity: Activity | None = None
    following: Kind | None = None
    data: Data | None = None
    idle_ms: IdleMs | None = None


class CursorUpdate(Message, tag="cursor_update"):
    """Moves the sender's cursor, or removes it with null."""

    cursor: Cursor | None


class StatusUpdate(Message, tag="status_update"):
    """Says whether the sender is at the keyboard."""

    status: Status
    idle_ms: IdleMs | None = None


class TokenRefresh(Message, tag="token_refresh"):
    """Brings a new token, in band."""

    token: Token


class Resync(Message, tag="resync"):
    """Asks for a fresh snapshot."""


class Ping(Message, tag="ping"):
    """Asks for a `pong`: browsers can't see protocol pings."""


ClientMessage = PresenceUpdate | CursorUpdate | StatusUpdate | TokenRefresh | Resync | Ping

# Server → client


class Entry(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What the room shows of one member."""

    user_id: Id
    user_name: Name
    user_image: Picture | None
    current_path: Path
    resource_type: Kind | UnsetType = UNSET
    resource_id: Kind | UnsetType = UNSET
    version_id: Kind | UnsetType = UNSET
    status: Status
    activity: Activity | UnsetType = UNSET
    following: Kind | UnsetType = UNSET
    data: Data | UnsetType = UNSET
    role: Role
    joined_at: Milliseconds
    cursor: Cursor | UnsetType = UNSET


class Welcome(Message, tag="welcome"):
    """The first message: the connection is admitted."""

    version: Literal[1]
    user_id: Id
    connection_id: Id
    role: Role
    observe: bool
    expires_in: Milliseconds
    ping_interval: Milliseconds


class PresenceSnapshot(Message, tag="presence_snapshot"):
    """The whole room; replaces whatever the client holds."""

    users: list[Entry]
    seq: Seq


class UserJoined(Entry, tag="user_joined", tag_field="type"):
    """A user's first connection joined."""

    seq: Seq


class PresenceChanged(Entry, tag="presence_changed", tag_field="type"):
    """A member's entry, whole, after a change."""

    seq: Seq


class CursorChanged(Message, tag="cursor_changed"):
    """A member's cursor; unnumbered, the latest wins."""

    user_id: Id
    cursor: Cursor | None


class UserLeft(Message, tag="user_left"):
    """A user's last connection left."""

    user_id: Id
    reason: LeaveReason
    seq: Seq


class Occupancy(Message, tag="occupancy"):
    """How many are in the room: told in place of who they are, to those who asked for that."""

    members: Annotated[int, Meta(ge=0)]


class TokenRefreshRequired(Message, tag="token_refresh_required"):
    """The token runs out soon; once per token."""

    expires_in: Milliseconds


class TokenRefreshed(Message, tag="token_refreshed"):
    """The new token is in force."""

    expires_in: Milliseconds


class Error(Message, tag="error", omit_defaults=True):
    """Something was not done; the connection stays open."""

    code: ErrorCode
    message: str
    of: str | UnsetType = UNSET


class Pong(Message, tag="pong"):
    """Answers `ping`."""


ServerMessage = (
    Welcome
    | PresenceSnapshot
    | UserJoined
    | PresenceChanged
    | CursorChanged
    | UserLeft
    | Occupancy
    | TokenRefreshRequired
    | TokenRefreshed
    | Error
    | Pong
)

CLIENT_TYPES: Final = {str(kind.__struct_config__.tag): kind for kind in ClientMessage.__args__}
SERVER_TYPES: Final = {str(kind.__struct_config__.tag): kind for kind in ServerMessage.__args__}


def schema(kinds: Any) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a union of message types."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(kinds)}
