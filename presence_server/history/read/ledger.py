"""Each viewing, newest first."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from presence_server.history.fold.viewings import ENDS
from presence_server.history.read.pages import Order, Page, Place, Walk, turn
from presence_server.history.read.places import (
    Person,
    resource_number,
    room_number,
    user_numbers,
    version_number,
)
from presence_server.history.store.schema import resources, users, versions
from presence_server.history.store.schema import views as ledger


class View(NamedTuple):
    """One viewing."""

    user_id: str | None
    is_guest: bool
    began_at: int
    ended_at: int | None
    ended_by: str | None
    opens: int
    active_ms: int
    type: str
    id: str
    version: str | None


class Asked(NamedTuple):
    """What the ledger is narrowed by: a resource (`kind` and `ref`, both or none), one version of
    it ("" is none), a user.
    """

    kind: str | None = None
    ref: str | None = None
    version: str | None = None
    person: Person | None = None


class _Of(NamedTuple):
    """What was asked, in numbers. `users` are one user's; without any nothing is found."""

    room: int
    resource: int | None
    version: int | None
    users: tuple[int, ...] | None


_COLUMNS: Final = ("began_at", "id", "ended_at", "ended_by", "opens", "active_ms")
_NEWEST: Final = Order(("began_at", "id"), is_rising=False)


def views(
    connection: Connection, room: str, asked: Asked, *, limit: int, cursor: str | None
) -> Page[View] | None:
    """Viewings, newest first. None without the room or the resource. Raises `BadCursor`."""
    walk = viewings(connection, room, asked)
    return None if walk is None else turn(connection, walk, limit, cursor)


def viewings(connection: Connection, room: str, asked: Asked) -> Walk[View] | None:
    """The list of them."""
    of = _find(connection, room, asked)
    return None if of is None else Walk(f"views {tuple(of)}", 2, partial(_read, of))


def _find(connection: Connection, room: str, asked: Asked) -> _Of | None:
    number = room_number(connection, room)
    if number is None:
        return None
    resource = version = None
    if asked.kind is not None and asked.ref is not None:
        resource = resource_number(connection, room, asked.kind, asked.ref)
        if resource is None:
            return None
    if resource is not None and asked.version is not None:
        version = version_number(connection, resource, asked.version)
        if version is None:
            return None
    numbers = None if asked.person is None else user_numbers(connection, number, asked.person)
    return _Of(number, resource, version, None if numbers is None else tuple(numbers))


def _read(
    of: _Of, connection: Connection, place: Place | None, limit: int
) -> list[tuple[Place, View]]:
    """Viewings behind a place. What they were of is looked up for these alone."""
    page = select(ledger).where(*_where(of), *_NEWEST.behind(ledger, place))
    rows = page.order_by(*_NEWEST.of(ledger)).limit(limit).subquery("page")
    told = [rows.c[name] for name in _COLUMNS]
    query = (
        select(*told, users.c.ref, users.c.is_guest, resources.c.kind, resources.c.ref)
        .add_columns(versions.c.ref)
        .join(users, users.c.id == rows.c.user_id)
        .join(resources, resources.c.id == rows.c.resource_id)
        .join(versions, versions.c.id == rows.c.version_id)
        .order_by(*_NEWEST.of(rows))
    )
    return [((row[0], row[1]), _view(row)) for row in connection.execute(query)]


def _where(of: _Of) -> list[ColumnElement[bool]]:
    """A condition on one column, which an index begins with; `+ 0` keeps others out of the plan."""
    if of.users is None:
        if of.version is not None:
            return [ledger.c.version_id == of.version]
        if of.resource is not None:
            return [ledger.c.resource_id == of.resource]
        return [ledger.c.room_id == of.room]
    where = [_is_one_of(ledger.c.user_id, of.users)]
    if of.version is not None:
        where.append(ledger.c.version_id + 0 == of.version)
    elif of.resource is not None:
        where.append(ledger.c.resource_id + 0 == of.resource)
    return where


def _is_one_of(column: ColumnElement[int], numbers: tuple[int, ...]) -> ColumnElement[bool]:
    """An equality, where it can be one, leaves the order to the index."""
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def _view(row: Sequence[Any]) -> View:
    began_at, _, ended_at, end, opens, active_ms, user, is_guest, kind, ref, version = row
    ended_by = None if end is None else ENDS[end]
    times = (began_at, ended_at, ended_by, opens, active_ms)
    return View(user, is_guest, *times, kind, ref, version or None)
