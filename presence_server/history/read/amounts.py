"""About how many rows an export has, as far as a glance at the statistics says: the ledger of a
user alone is not counted up. It may be wrong by what comes and what retention takes.
"""

from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read.ledger import Asked
from presence_server.history.read.places import Person, room_number, user_numbers
from presence_server.history.read.sums import total
from presence_server.history.read.viewers import audience
from presence_server.history.store.schema import progress, resources, room_days, sessions, versions

_WHOLE: Final = {"resource_id": resources, "version_id": versions}
"""What everybody did there."""
_LEDGER_FROM: Final = select(func.max(progress.c.ledger_from))
_LINES: Final = total(2 * sessions.c.joins - sessions.c.members + 1) + func.count(
    sessions.c.closed_at
)
"""Of sessions' trails: joins, the leaves that followed, the begin and the end."""


def views(connection: Connection, room: str, asked: Asked) -> int | None:
    """Viewings in the ledger; None if that would have to be counted."""
    if asked.kind is None or asked.ref is None:
        return _views_of_room(connection, room) if asked.person is None else None
    of = audience(connection, room, asked.kind, asked.ref, asked.version)
    if of is None:
        return None
    if asked.person is None:
        whole = _WHOLE[of.column]
        return connection.scalar(_left(whole).where(whole.c.id == of.number))
    theirs = of.table.c.user_id.in_(_numbers(connection, room, asked.person))
    return connection.scalar(_left(of.table).where(of.table.c[of.column] == of.number, theirs))


def viewers(
    connection: Connection, room: str, kind: str, ref: str, version: str | None
) -> int | None:
    """Who viewed a resource, or a version of it."""
    of = audience(connection, room, kind, ref, version)
    if of is None:
        return None
    whole = _WHOLE[of.column]
    query = select(whole.c.uniques - whole.c.base_uniques)
    return connection.scalar(query.where(whole.c.id == of.number))


def held(connection: Connection, room: str) -> int | None:
    """Sessions of a room."""
    return connection.scalar(select(func.count()).where(_of_room(connection, room)))


def participants(connection: Connection, number: int) -> int | None:
    """Who took part in a session."""
    return connection.scalar(select(sessions.c.users).where(sessions.c.id == number))


def activity(connection: Connection, room: str, number: int | None) -> int | None:
    """Lines of the trail of a room, or of a session."""
    of = _of_room(connection, room) if number is None else sessions.c.id == number
    return connection.scalar(select(_LINES).where(of))


def _views_of_room(connection: Connection, room: str) -> int | None:
    begin = (connection.scalar(_LEDGER_FROM) or 0) // DAY_MS
    of = (room_days.c.room_id == room_number(connection, room), room_days.c.day >= begin)
    return connection.scalar(select(total(room_days.c.views)).where(*of))


def _left(table: Table) -> Select[int]:
    """What retention has left in the ledger of what the rows of a table count."""
    return select(total(table.c.views - table.c.base_views))


def _numbers(connection: Connection, room: str, person: Person) -> list[int]:
    number = room_number(connection, room)
    return [] if number is None else [*user_numbers(connection, number, person)]


def _of_room(connection: Connection, room: str) -> ColumnElement[bool]:
    return sessions.c.room_id == room_number(connection, room)
