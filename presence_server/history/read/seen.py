"""Whether a user has seen a resource."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from presence_server.history.read.places import Person, resource_number, room_number, user_numbers
from presence_server.history.read.sums import total
from presence_server.history.store.schema import versions, viewers

_VERSIONS: Final = 100


class SeenVersion(NamedTuple):
    """A version that a user saw."""

    version: str | None
    views: int
    opens: int
    active_ms: int
    first_at: int
    last_at: int


class Seen(NamedTuple):
    """Whether a user has seen any version, and which (the latest 100, latest first)."""

    user_id: str | None
    is_guest: bool
    seen: bool
    versions: list[SeenVersion]


def seen(connection: Connection, room: str, kind: str, ref: str, person: Person) -> Seen | None:
    """Whether somebody has seen a resource; None if there is no such resource."""
    room_id = room_number(connection, room)
    number = resource_number(connection, room, kind, ref)
    if room_id is None or number is None:
        return None
    theirs = user_numbers(connection, room_id, person)
    found = _versions(connection, number, list(theirs)) if theirs else []
    name = next(reversed(theirs.values()), person.refs[0])
    return Seen(name, person.is_guest, bool(found), found)


def _versions(connection: Connection, resource: int, numbers: list[int]) -> list[SeenVersion]:
    last_at = func.max(viewers.c.last_at).label("last_at")
    query = (
        select(
            versions.c.ref,
            *(total(viewers.c[name]) for name in ("views", "opens", "active_ms")),
            func.min(viewers.c.first_at),
            last_at,
        )
        .join(versions, versions.c.id == viewers.c.version_id)
        .where(viewers.c.resource_id == resource, viewers.c.user_id.in_(numbers))
        .group_by(versions.c.id, versions.c.ref)
        .order_by(last_at.desc(), versions.c.id.desc())
        .limit(_VERSIONS)
    )
    return [SeenVersion(row[0] or None, *row[1:]) for row in connection.execute(query)]
