"""What a room knows of its members, and how it is written down.

An entry is kept as the bytes that go out: encoded once when it changes, compared as bytes (so that
`1`, `1.0` and `true` are three things), joined into events and snapshots without encoding again.
"""

from typing import Final

import orjson

from presence_server.core.messages import Status
from presence_server.core.permissions import Role
from presence_server.core.value import Value


class Profile(Value, frozen=True):
    """What a token says of its user to the others."""

    name: str
    image: str | None
    role: Role


class Identity(Value, frozen=True):
    """What a token says of a connection: all that a room needs to admit it."""

    user_id: str
    profile: Profile
    observe: bool
    anon: bool
    track: bool


class Place(Value, frozen=True):
    """A whole location, as one `presence_update` sets it. `data` is compact JSON."""

    current_path: str
    resource_type: str | None = None
    resource_id: str | None = None
    version_id: str | None = None
    activity: str | None = None
    following: str | None = None
    data: bytes | None = None

    @property
    def location(self) -> tuple[str, str | None, str | None, str | None]:
        """Where it is: what a cursor belongs to."""
        return (self.current_path, self.resource_type, self.resource_id, self.version_id)


NOWHERE: Final = Place("")


class Entry(Value, frozen=True):
    """A member as the others see it: `body` is the JSON object without its braces and cursor."""

    user_id: str
    body: bytes
    cursor: bytes | None

    @property
    def members(self) -> bytes:
        """The members of the JSON object, cursor included."""
        if self.cursor is None:
            return self.body
        return self.body + b',"cursor":' + self.cursor


def encode_body(
    user_id: str, profile: Profile, place: Place, status: Status, joined_at_ms: int
) -> bytes:
    """The members of an entry's JSON object but for the cursor; absent fields are left out."""
    fields: dict[str, object] = {
        "userId": user_id,
        "userName": profile.name,
        "userImage": profile.image,
        "currentPath": place.current_path,
    }
    if place.resource_type is not None:
        fields["resourceType"] = place.resource_type
    if place.resource_id is not None:
        fields["resourceId"] = place.resource_id
    if place.version_id is not None:
        fields["versionId"] = place.version_id
    fields["status"] = status
    if place.activity is not None:
        fields["activity"] = place.activity
    if place.following is not None:
        fields["following"] = place.following
    if place.data is not None:
        fields["data"] = orjson.Fragment(place.data)
    fields["role"] = profile.role
    fields["joinedAt"] = joined_at_ms
    return orjson.dumps(fields)[1:-1]
