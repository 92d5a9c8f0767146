"""Sessions of a room, who took part, and the trail of what happened."""

from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from presence_server.history.read.pages import Order, Page, Place, Walk, turn
from presence_server.history.read.places import room_number
from presence_server.history.store.schema import activity as trail
from presence_server.history.store.schema import participants as taking_part
from presence_server.history.store.schema import rooms, users
from presence_server.history.store.schema import sessions as held

_BIGGEST: Final = 2**63 - 1


class Session(NamedTuple):
    """From the first join until the room was empty for long."""

    session: int
    opened_at: int
    last_at: int
    empty_since: int | None
    closed_at: int | None
    users: int
    joins: int
    members: int
    peak: int
    views: int


class Participant(NamedTuple):
    """A user of a session."""

    user_id: str | None
    is_guest: bool
    role: str
    joined_at: int
    left_at: int | None
    left_because: str | None
    joins: int
    present_ms: int


class Activity(NamedTuple):
    """A line of the trail."""

    at: int
    what: str
    user_id: str | None
    is_guest: bool
    detail: str | None
    session: int | None


_COLUMNS: Final = [held.c.id, *(held.c[name] for name in Session._fields[1:])]
_NEWEST: Final = Order(("opened_at", "id"), is_rising=False)
_LINES: Final = Order(("at", "id"), is_rising=False)
_JOINED: Final = Order(("joined_at", "user_id"), is_rising=True)


def sessions(
    connection: Connection, room: str, *, limit: int, cursor: str | None
) -> Page[Session] | None:
    """A room's sessions, newest first. Raises `BadCursor`."""
    walk = sessions_of(connection, room)
    return None if walk is None else turn(connection, walk, limit, cursor)


def session(connection: Connection, room: str, number: int) -> Session | None:
    """One session."""
    if not 0 <= number <= _BIGGEST:
        return None
    query = select(*_COLUMNS).join(rooms, rooms.c.id == held.c.room_id)
    row = connection.execute(query.where(held.c.id == number, rooms.c.ref == room)).first()
    return None if row is None else Session(*row)


def participants(
    connection: Connection, room: str, number: int, *, limit: int, cursor: str | None
) -> Page[Participant] | None:
    """Who took part, in the order of their first joins. Raises `BadCursor`."""
    walk = participants_of(connection, room, number)
    return None if walk is None else turn(connection, walk, limit, cursor)


def activity(
    connection: Connection, room: str, number: int | None, *, limit: int, cursor: str | None
) -> Page[Activity] | None:
    """The trail of a room, or of one session of it, newest first. Raises `BadCursor`."""
    walk = activity_of(connection, room, number)
    return None if walk is None else turn(connection, walk, limit, cursor)


def sessions_of(connection: Connection, room: str) -> Walk[Session] | None:
    """The list of a room's sessions."""
    room_id = room_number(connection, room)
    if room_id is None:
        return None

    def read(
        connection: Connection, place: Place | None, limit: int
    ) -> list[tuple[Place, Session]]:
        query = select(*_COLUMNS).where(held.c.room_id == room_id, *_NEWEST.behind(held, place))
        found = connection.execute(query.order_by(*_NEWEST.of(held)).limit(limit))
        return [((row.opened_at, row.id), Session(*row)) for row in found]

    return Walk(f"sessions {room_id}", 2, read)


def participants_of(connection: Connection, room: str, number: int) -> Walk[Participant] | None:
    """The list of a session's participants."""
    if session(connection, room, number) is None:
        return None

    def read(
        connection: Connection, place: Place | None, limit: int
    ) -> list[tuple[Place, Participant]]:
        page = select(taking_part).where(taking_part.c.session_id == number)
        page = page.where(*_JOINED.behind(taking_part, place))
        rows = page.order_by(*_JOINED.of(taking_part)).limit(limit).subquery("page")
        fields = [rows.c[name] for name in Participant._fields[2:]]
        query = select(rows.c.user_id, users.c.ref, users.c.is_guest, *fields)
        query = query.join(users, users.c.id == rows.c.user_id).order_by(*_JOINED.of(rows))
        found = connection.execute(query)
        return [((row.joined_at, row.user_id), Participant(*row[1:])) for row in found]

    return Walk(f"participants {number}", 2, read)


def activity_of(connection: Connection, room: str, number: int | None) -> Walk[Activity] | None:
    """The trail as a list."""
    if number is None:
        room_id = room_number(connection, room)
        if room_id is None:
            return None
        return Walk(f"activity {room_id}", 2, partial(_lines, trail.c.room_id == room_id))
    if session(connection, room, number) is None:
        return None
    return Walk(f"activity of {number}", 2, partial(_lines, trail.c.session_id == number))


def _lines(
    of: ColumnElement[bool], connection: Connection, place: Place | None, limit: int
) -> list[tuple[Place, Activity]]:
    page = select(trail).where(of, *_LINES.behind(trail, place))
    rows = page.order_by(*_LINES.of(trail)).limit(limit).subquery("page")
    is_guest = func.coalesce(users.c.is_guest, False)
    told = (rows.c.at, rows.c.what, users.c.ref, is_guest, rows.c.detail, rows.c.session_id)
    query = select(rows.c.id, *told).join(users, users.c.id == rows.c.user_id, isouter=True)
    found = connection.execute(query.order_by(*_LINES.of(rows)))
    return [((row.at, row.id), Activity(*row[1:])) for row in found]
