"""All that is open ends at one time: a server was killed, or facts were lost.

The database does here to all tabs what `fold/viewings` and `fold/sessions` do to one, in a third of
the time or less: a hundred thousand may be open. Nothing may be due by then that was not folded.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    SQLColumnExpression,
    Table,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.fold.viewings import ENDS
from presence_server.history.store import schema

_ENDING: Final = Table(
    "ending",
    MetaData(),
    *(Column(column.name, BigInteger) for column in (*schema.views.primary_key, schema.days.c.day)),
    *(Column(f"{name}_id", BigInteger) for name in ("room", "resource", "version", "user")),
    *(Column(name, BigInteger) for name in ("ended_at", "active_ms")),
    prefixes=["TEMPORARY"],
)
"""The viewings that end, and what of them is not counted yet."""

_LEAVING: Final = Table(
    "leaving",
    MetaData(),
    *(Column(f"{name}_id", BigInteger) for name in ("room", "session", "user")),
    *(Column(name, BigInteger) for name in ("tab", "left_at", "present_ms")),
    prefixes=["TEMPORARY"],
)
"""The participants who leave, each with the last of its tabs."""


def end_viewings(connection: Connection, at: int, ended_by: str) -> None:
    """End every viewing that is open."""
    _ENDING.create(connection)
    viewers, views = schema.viewers.c, schema.views.c
    ended_at = _later(views.since, literal(at, BigInteger))
    of = (views.room_id, views.resource_id, views.version_id, views.user_id)
    open_ = (
        select(views.began_at, views.id, views.began_at // DAY_MS, *of)
        .add_columns(ended_at, ended_at - views.since)
        .join_from(schema.viewers, schema.views, views.id == viewers.view_id)
        .where(views.began_at == viewers.view_began_at, viewers.tabs > 0)
    )
    connection.execute(insert(_ENDING).from_select(_ENDING.c.keys(), open_))
    _end_views(connection, ended_by)
    for table in (schema.days, schema.room_days):
        _count(connection, table, *table.primary_key.columns.keys())
    for table in (schema.viewers, schema.resource_viewers):
        _count(connection, table, *table.primary_key.columns.keys(), is_seen=True)
    _count(connection, schema.versions, "version_id", is_seen=True)
    _count(connection, schema.resources, "resource_id", is_seen=True)
    connection.execute(update(schema.viewers).where(viewers.tabs > 0).values(tabs=0))
    _ENDING.drop(connection)


def end_tabs(connection: Connection, at: int, reason: str, last_line: int) -> int:
    """End every tab, for whatever it was there. Returns how many left, each with a line."""
    _LEAVING.create(connection)
    tabs, sessions, there = schema.tabs.c, schema.sessions.c, schema.participants.c
    left_at = _later(there.since, literal(at, BigInteger))
    key = (tabs.room_id, there.session_id, there.user_id)
    leaving = (
        select(*key, func.max(tabs.tab), left_at, left_at - there.since)
        .join_from(schema.tabs, schema.sessions, sessions.room_id == tabs.room_id)
        .join(schema.participants, there.session_id == sessions.id)
        .where(there.user_id == tabs.user_id, sessions.closed_at.is_(None))
        .group_by(*key, there.since)
    )
    connection.execute(insert(_LEAVING).from_select(_LEAVING.c.keys(), leaving))
    _leave(connection, reason)
    count = _say(connection, reason, last_line)
    connection.execute(delete(schema.tabs))
    _LEAVING.drop(connection)
    return count


def _end_views(connection: Connection, ended_by: str) -> None:
    views, ending = schema.views.c, _ENDING.c
    first = connection.scalar(select(func.min(ending.began_at)))
    connection.execute(
        update(schema.views)
        # With the first, which is no constant to PostgreSQL otherwise, it looks at few parts.
        .where(views.began_at >= (first or 0))
        .where(views.began_at == ending.began_at, views.id == ending.id)
        .values(
            ended_at=ending.ended_at,
            since=None,
            ended_by=ENDS.index(ended_by),
            active_ms=views.active_ms + ending.active_ms,
        )
    )


def _count(connection: Connection, table: Table, *keys: str, is_seen: bool = False) -> None:
    """Count what ends in the rows of a table that have it; `keys` are those of `_ENDING`."""
    columns = [_ENDING.c[key] for key in keys]
    sums = (func.sum(_ENDING.c.active_ms).label("active_ms"), func.max(_ENDING.c.ended_at))
    new = select(*columns, sums[0], sums[1].label("ended_at")).group_by(*columns).subquery("new")
    pairs = zip(table.primary_key, keys, strict=True)
    values: dict[str, Any] = {"active_ms": table.c.active_ms + new.c.active_ms}
    if is_seen:
        values["last_at"] = _later(table.c.last_at, new.c.ended_at)
    where = (column == new.c[key] for column, key in pairs)
    connection.execute(update(table).where(*where).values(values))


def _leave(connection: Connection, reason: str) -> None:
    there, sessions, leaving = schema.participants.c, schema.sessions.c, _LEAVING.c
    connection.execute(
        update(schema.participants)
        .where(there.session_id == leaving.session_id, there.user_id == leaving.user_id)
        .values(
            left_at=leaving.left_at,
            left_because=reason,
            tabs=0,
            present_ms=there.present_ms + leaving.present_ms,
        )
    )
    last = select(leaving.session_id, func.max(leaving.left_at).label("left_at"))
    new = last.group_by(leaving.session_id).subquery("new")
    connection.execute(
        update(schema.sessions)
        .where(sessions.id == new.c.session_id)
        .values(
            last_at=_later(sessions.last_at, new.c.left_at),
            empty_since=new.c.left_at,
            members=0,
        )
    )


def _say(connection: Connection, reason: str, last_line: int) -> int:
    """Write into the trail who left, in the order of rooms and tabs."""
    leaving = _LEAVING.c
    number = func.row_number().over(order_by=(leaving.room_id, leaving.tab)) + last_line
    lines = select(number, leaving.left_at, leaving.room_id, leaving.session_id, leaving.user_id)
    said = lines.add_columns(literal("left"), literal(reason))
    connection.execute(insert(schema.activity).from_select(schema.activity.c.keys(), said))
    return connection.scalar(select(func.count()).select_from(_LEAVING)) or 0


def _later(one: SQLColumnExpression[int], other: SQLColumnExpression[int]) -> ColumnElement[int]:
    return case((one > other, one), else_=other)
