"""What follows from a ledger, summed up by the database: a select for each table."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Select,
    String,
    Table,
    cast,
    func,
    literal,
    select,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.schema import users, viewers, views
from tests.bench.history_ledger import MAX_VERSIONS

WEEK_MS: Final = 7 * DAY_MS
BLOCKS: Final = 1_000
"""More than there are weeks: a session's number is its room's by this, and the week's."""
people: Final = Table(
    "people",
    MetaData(),
    *(Column(name, BigInteger) for name in ("session_id", "user_id", "joined_at", "left_at")),
    Column("views", BigInteger),
    prefixes=["TEMPORARY"],
)
"""Who was there in which session, and saw how much."""


_BASE: Final = [literal(0).label(f"base_{name}") for name in ("views", "opens", "active_ms")]


def of_viewers() -> Select[Any]:
    v = views.c
    return select(
        v.version_id,
        v.user_id,
        func.max(v.resource_id).label("resource_id"),
        func.count().label("views"),
        func.sum(v.opens).label("opens"),
        func.sum(v.active_ms).label("active_ms"),
        func.min(v.began_at).label("first_at"),
        func.max(v.ended_at).label("last_at"),
        *_BASE,
        func.max(v.id).label("view_id"),
        func.max(v.began_at).label("view_began_at"),
        literal(0).label("tabs"),
    ).group_by(v.version_id, v.user_id)


def _sums(table: Table) -> list[Any]:
    c = table.c
    return [func.sum(c[name]).label(name) for name in ("views", "opens", "active_ms")] + [
        func.min(c.first_at).label("first_at"),
        func.max(c.last_at).label("last_at"),
    ]


def of_resource_viewers() -> Select[Any]:
    v = viewers.c
    return (
        select(
            v.resource_id,
            v.user_id,
            func.max(users.c.room_id).label("room_id"),
            *_sums(viewers),
            (func.max(v.view_began_at) // DAY_MS).label("last_day"),
            *_BASE,
        )
        .join_from(viewers, users, users.c.id == v.user_id)
        .group_by(v.resource_id, v.user_id)
    )


def of_days() -> Select[Any]:
    keys = [views.c.resource_id, _DAY]
    room = func.max(views.c.room_id).label("room_id")
    return select(*keys, room, *_COUNTS).group_by(*keys)


def of_room_days() -> Select[Any]:
    keys = [views.c.room_id, _DAY]
    return select(*keys, *_COUNTS).group_by(*keys)


_DAY: Final = (views.c.began_at // DAY_MS).label("day")
_COUNTS: Final = [
    func.count().label("views"),
    func.sum(views.c.opens).label("opens"),
    func.sum(views.c.active_ms).label("active_ms"),
    func.count(views.c.user_id.distinct()).label("uniques"),
]


def of_versions() -> Select[Any]:
    v = viewers.c
    number = v.version_id - v.resource_id * MAX_VERSIONS
    return select(
        v.version_id.label("id"),
        v.resource_id,
        literal("v").concat(cast(number, String)).label("ref"),
        *_sums(viewers),
        func.count().label("uniques"),
        *_BASE,
        literal(0).label("base_uniques"),
    ).group_by(v.version_id, v.resource_id)


def of_people(start: int) -> Select[Any]:
    v = views.c
    session = (v.room_id * BLOCKS + (v.began_at - start) // WEEK_MS).label("session_id")
    joined, left = func.min(v.began_at), func.max(v.ended_at)
    counted = joined.label("joined_at"), left.label("left_at"), func.count().label("views")
    return select(session, v.user_id, *counted).group_by(session, v.user_id)


def of_participants() -> Select[Any]:
    p = people.c
    return select(
        p.session_id,
        p.user_id,
        literal("commenter").label("role"),
        p.joined_at,
        p.left_at,
        literal("closed").label("left_because"),
        literal(1).label("joins"),
        literal(0).label("tabs"),
        (p.left_at - p.joined_at).label("present_ms"),
        p.joined_at.label("since"),
    )
