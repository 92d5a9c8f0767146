"""What pages of the admin listener look like, as far as commands show them. Pure."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, as far as dates go."""
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]
_Time = Annotated[int, Meta(ge=0, le=_LAST_MS)]


class _Room(Struct):
    room: str
    members: _Count
    connections: _Count


class Rooms(Struct):
    """/v1/rooms."""

    rooms: list[_Room]


class _Entry(Struct, rename="camel"):
    current_path: str
    status: str
    role: str
    joined_at: _Time
    resource_type: str | None = None
    resource_id: str | None = None
    version_id: str | None = None


class _Member(_Entry, rename="camel", kw_only=True):
    user_id: str
    user_name: str
    following: str | None = None


class Members(Struct):
    """/v1/rooms/ROOM."""

    users: list[_Member]


class _Place(Struct):
    room: str
    connections: _Count
    entry: _Entry | None


class Places(Struct):
    """/v1/users/USER."""

    rooms: list[_Place]


Page = Rooms | Members | Places


def fits(said: object, page: type[Page]) -> bool:
    """Whether an answer is such a page; there may be more in it."""
    try:
        msgspec.convert(said, page)
    except msgspec.ValidationError:
        return False
    return True
