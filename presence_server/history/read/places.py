"""From the ids of callers to the numbers of rows.

The statements of every question are made once: to make one takes longer than to run it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from presence_server.history.store.schema import resources, rooms, users, versions

_ROOM: Final = select(rooms.c.id).where(rooms.c.ref == bindparam("room"))
_RESOURCE: Final = (
    select(resources.c.id)
    .join(rooms, rooms.c.id == resources.c.room_id)
    .where(
        rooms.c.ref == bindparam("room"),
        resources.c.kind == bindparam("kind"),
        resources.c.ref == bindparam("resource"),
    )
)
_VERSION: Final = select(versions.c.id).where(
    versions.c.resource_id == bindparam("of"), versions.c.ref == bindparam("version")
)


class Person(NamedTuple):
    """Whom a question is about: an id, or the pseudonyms that a guest may stand under."""

    refs: Sequence[str]
    is_guest: bool


def room_number(connection: Connection, room: str) -> int | None:
    """The room's number."""
    if not _can_be_stored(room):
        return None
    return connection.scalar(_ROOM, {"room": room})


def resource_number(connection: Connection, room: str, kind: str, ref: str) -> int | None:
    """The number of a resource of a room."""
    if not _can_be_stored(room, kind, ref):
        return None
    return connection.scalar(_RESOURCE, {"room": room, "kind": kind, "resource": ref})


def version_number(connection: Connection, resource_id: int, version: str) -> int | None:
    """The number of a version of a resource; "" is none."""
    if not _can_be_stored(version):
        return None
    return connection.scalar(_VERSION, {"of": resource_id, "version": version})


def user_numbers(connection: Connection, room_id: int, person: Person) -> dict[int, str]:
    """The numbers, least first, that somebody has in a room, and the id that each stands for."""
    refs = [ref for ref in person.refs if _can_be_stored(ref)]
    query = select(users.c.id, users.c.ref).where(users.c.room_id == room_id)
    query = query.where(users.c.ref.in_(refs), users.c.is_guest == person.is_guest)
    found = connection.execute(query.order_by(users.c.id))
    return {number: ref for number, ref in found if ref is not None}


def _can_be_stored(*texts: str) -> bool:
    """What PostgreSQL's text cannot hold was never taken down: NUL, half of a surrogate pair."""
    return not any("\0" in text or _has_surrogate(text) for text in texts)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
