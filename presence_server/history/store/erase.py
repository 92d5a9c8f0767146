"""Erasing users and deleting resources.

Each is one transaction; doing it again changes nothing. What SQLite's log still holds of it goes
with `truncate_log`, at once or, where a reader is in the way, by `care` within a minute or so.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, func, or_, select, update

from presence_server.history.fold.rows import Tab
from presence_server.history.fold.rules import Rules
from presence_server.history.store.guests import Pseudonyms
from presence_server.history.store.room_days import take_out
from presence_server.history.store.schema import (
    days,
    progress,
    resource_viewers,
    resources,
    rooms,
    sessions,
    tabs,
    users,
    versions,
    viewers,
    views,
)
from presence_server.history.store.trail import add_line
from presence_server.history.store.upkeep import truncate_log
from presence_server.history.store.work import Work

_NEVER_MS: Final = 1 << 53


def erase_user(engine: Engine, room: str | None, user: str, now: int) -> int:
    """Take the id of a user out of one room, or of all; the counts stay.

    `user` is an id, of a guest too while its key lives, or a pseudonym. Says how many users of
    rooms that were. Tabs that are still open become somebody new's with the next fact of theirs.
    """
    with engine.begin() as connection:
        chosen = select(users.c.id, users.c.room_id).where(_is_called(connection, user))
        if room is not None:
            chosen = chosen.join(rooms, rooms.c.id == users.c.room_id).where(rooms.c.ref == room)
        found = connection.execute(chosen).all()
        if found:
            ids = [row.id for row in found]
            _end_tabs(connection, ids)
            connection.execute(update(users).where(users.c.id.in_(ids)).values(ref=None))
            _clean_indexes(connection)
            for room_id in sorted({row.room_id for row in found}):
                add_line(connection, room_id, now, "erased", "user")
    truncate_log(engine)
    return len(found)


def delete_resource(engine: Engine, room: str, kind: str, id_: str, now: int) -> int:
    """Delete all that is known of a resource; says how many there were (0 or 1).

    A tab that is there counts as at no resource until it moves.
    """
    with engine.begin() as connection:
        found = connection.execute(
            select(resources.c.id, resources.c.room_id)
            .join(rooms, rooms.c.id == resources.c.room_id)
            .where(rooms.c.ref == room, resources.c.kind == kind, resources.c.ref == id_)
        ).one_or_none()
        if found is not None:
            _delete(connection, found.id, found.room_id)
            add_line(connection, found.room_id, now, "erased", "resource")
    truncate_log(engine)
    return 0 if found is None else 1


def _is_called(connection: Connection, user: str) -> ColumnElement[bool]:
    pseudonyms = Pseudonyms("off").known(connection, user)
    return or_(users.c.ref == user, and_(users.c.is_guest, users.c.ref.in_(pseudonyms)))


def _clean_indexes(connection: Connection) -> None:
    """Where SQLite splits a page of an index it leaves copies in the gap of the old one, which
    `secure_delete` does not reach: one id in 3,000 was still in the file. New pages have none.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("REINDEX users")


def _end_tabs(connection: Connection, ids: Collection[int]) -> None:
    """All that the users have open ends now: at the time up to which everything is told."""
    open_now = connection.execute(select(tabs).where(tabs.c.user_id.in_(ids))).all()
    if open_now:
        told = connection.execute(select(progress.c.at, progress.c.half_life)).one()
        rules = Rules(told.half_life, _NEVER_MS, "off")
        work = Work(connection, rules, Pseudonyms(rules.guest_key))
        work.end([Tab(*row) for row in open_now], told.at, "erased", "erased")


def _delete(connection: Connection, resource_id: int, room_id: int) -> None:
    during = and_(
        views.c.resource_id == resource_id,
        views.c.began_at >= sessions.c.opened_at,
        views.c.began_at <= func.coalesce(sessions.c.closed_at, _NEVER_MS),
    )
    fewer = select(func.count()).select_from(views).where(during).scalar_subquery()
    connection.execute(
        update(sessions).where(sessions.c.room_id == room_id).values(views=sessions.c.views - fewer)
    )
    take_out(connection, room_id, resource_id)
    theirs = select(versions.c.id).where(versions.c.resource_id == resource_id)
    connection.execute(update(tabs).where(tabs.c.version_id.in_(theirs)).values(version_id=None))
    for table in (views, viewers, resource_viewers, days, versions):
        connection.execute(delete(table).where(table.c.resource_id == resource_id))
    connection.execute(delete(resources).where(resources.c.id == resource_id))
