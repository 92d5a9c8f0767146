"""Who viewed a resource or one of its versions.

The latest come first, and whoever looks again meanwhile moves to the front, behind the back of one
who reads on. So after the first of all come those who moved since the first page, in the order in
which they did. Nobody is left out; who moved may come a second time, with what is new.
"""

from functools import cache, partial
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    exists,
    select,
)

from presence_server.history.read.pages import Order, Page, Place, Walk, turn
from presence_server.history.read.places import resource_number, version_number
from presence_server.history.store.schema import resource_viewers, users
from presence_server.history.store.schema import viewers as by_version


class Viewer(NamedTuple):
    """What a user did with a version, or with all of a resource's."""

    user_id: str | None
    is_guest: bool
    views: int
    opens: int
    active_ms: int
    first_at: int
    last_at: int
    is_looking: bool


class Audience(NamedTuple):
    """Those who viewed a resource, or a version of one."""

    table: Table
    column: str
    """Of which `number` is one, in this table and in that of viewers by version."""

    number: int


def viewers(
    connection: Connection,
    room: str,
    kind: str,
    ref: str,
    *,
    version: str | None,
    limit: int,
    cursor: str | None,
) -> Page[Viewer] | None:
    """Who viewed a resource, or a version of it ("" is none), latest first. Raises `BadCursor`."""
    found = audience(connection, room, kind, ref, version)
    if found is None:
        return None
    walk = Walk(f"viewers {found.column} {found.number}", 5, partial(_latest, found))
    return turn(connection, walk, limit, cursor)


def everybody(found: Audience) -> Walk[Viewer]:
    """All of them, in the order in which the room first saw them: nobody moves in it."""

    def read(connection: Connection, place: Place | None, limit: int) -> list[tuple[Place, Viewer]]:
        return _read(found, connection, _ARRIVAL, place, limit)

    return Walk(f"everybody {found.column} {found.number}", 1, read)


def audience(
    connection: Connection, room: str, kind: str, ref: str, version: str | None
) -> Audience | None:
    """Whom a question is about."""
    number = resource_number(connection, room, kind, ref)
    if number is None:
        return None
    if version is None:
        return Audience(resource_viewers, "resource_id", number)
    number = version_number(connection, number, version)
    return None if number is None else Audience(by_version, "version_id", number)


_LATEST: Final = Order(("last_at", "user_id"), is_rising=False)
_SINCE: Final = Order(("last_at", "user_id"), is_rising=True)
_ARRIVAL: Final = Order(("user_id",), is_rising=True)
_FIELDS: Final = len(Viewer._fields)
_PLACE: Final = ("first", "second")
_FELL: Final = 0
_MOVED: Final = 1


def _latest(
    found: Audience, connection: Connection, place: Place | None, limit: int
) -> list[tuple[Place, Viewer]]:
    """A place is the part of the list, where the very first row stood, and where this one did."""
    if place is None:
        rows = _read(found, connection, _LATEST, None, limit)
        return [((_FELL, *rows[0][0], *at), row) for at, row in rows]
    part, top, last = place[0], place[1:3], place[3:]
    fallen = [] if part == _MOVED else _read(found, connection, _LATEST, last, limit)
    start = last if part == _MOVED else top
    moved = _read(found, connection, _SINCE, start, limit - len(fallen), until=top[0])
    parts = ((_FELL, fallen), (_MOVED, moved))
    return [((part, *top, *at), row) for part, rows in parts for at, row in rows]


def _read(
    found: Audience,
    connection: Connection,
    order: Order,
    place: Place | None,
    limit: int,
    *,
    until: int | None = None,
) -> list[tuple[Place, Viewer]]:
    """Rows behind a place, of those who came `until` then."""
    is_behind, has_end = place is not None, until is not None
    query = _statement(found.table, found.column, order, is_behind=is_behind, has_end=has_end)
    numbers = dict(zip(_PLACE, place or (), strict=False))
    asked = {"number": found.number, "most": limit, "until": until, **numbers}
    rows = connection.execute(query, asked)
    return [(tuple(row[_FIELDS:]), Viewer(*row[:_FIELDS])) for row in rows]


@cache
def _statement(
    table: Table, column: str, order: Order, *, is_behind: bool, has_end: bool
) -> Select[*tuple[Any, ...]]:
    """Made once: the fields of viewers, then their places.

    Users, and whether they look, are looked up for the rows of the page alone.
    """
    place = [bindparam(name, type_=BigInteger) for name in _PLACE[: len(order.columns)]]
    page = select(table).where(table.c[column] == bindparam("number"))
    page = page.where(*order.behind(table, place if is_behind else None))
    if has_end:
        page = page.where(table.c.first_at <= bindparam("until"))
    rows = page.order_by(*order.of(table)).limit(bindparam("most", type_=Integer)).subquery("page")
    is_looking = exists().where(
        by_version.c[column] == bindparam("number"),
        by_version.c.user_id == rows.c.user_id,
        by_version.c.tabs > 0,
    )
    counts = [rows.c[name] for name in Viewer._fields[2:-1]]
    at = [rows.c[name].label(f"place_{name}") for name in order.columns]
    query = select(users.c.ref, users.c.is_guest, *counts, is_looking, *at).select_from(rows)
    return query.join(users, users.c.id == rows.c.user_id).order_by(*order.of(rows))
