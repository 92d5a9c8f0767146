"""Whether sessions are what their participants, the ledger and the open tabs say."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, true

from presence_server.history.store import recount
from presence_server.history.store.differences import Difference, compare, of_session
from presence_server.history.store.recount import total
from presence_server.history.store.schema import participants, sessions, tabs, views


def check_sessions(
    connection: Connection, ledger_from: int, room_id: int | None
) -> Iterator[Difference]:
    """Of a room or all."""
    theirs: ColumnElement[bool] = true() if room_id is None else sessions.c.room_id == room_id
    yield from _participants(connection, theirs)
    yield from _views(connection, theirs & (sessions.c.opened_at >= ledger_from))
    yield from _tabs(connection, theirs, room_id)


def _participants(connection: Connection, theirs: ColumnElement[bool]) -> Iterator[Difference]:
    counted = (
        select(
            participants.c.session_id,
            func.count(),
            total(participants.c.joins),
            func.count().filter(participants.c.left_at.is_(None)),
        )
        .join(sessions, sessions.c.id == participants.c.session_id)
        .where(theirs)
    )
    below = recount.rows(connection, counted, [participants.c.session_id], is_grouped=True)
    for key, (row, under) in recount.merged(recount.stored(connection, sessions, theirs), below):
        yield from compare("sessions", key, row, of_session(row, under))


def _views(connection: Connection, told: ColumnElement[bool]) -> Iterator[Difference]:
    """Of a room's sessions together: from the first one on, of which the ledger tells wholly."""
    summed = (
        select(
            sessions.c.room_id,
            func.min(sessions.c.opened_at).label("since"),
            total(sessions.c.views).label("views"),
        )
        .where(told)
        .group_by(sessions.c.room_id)
        .subquery()
    )
    during = (
        select(func.count())
        .select_from(views)
        .where(views.c.room_id == summed.c.room_id, views.c.began_at >= summed.c.since)
        .scalar_subquery()
    )
    wanted = select(summed.c.room_id, summed.c.views, during)
    for (room_id,), (stored, counted) in recount.rows(connection, wanted, [summed.c.room_id]):
        if stored != counted:
            yield Difference("sessions", f"room {room_id}", "views", stored, counted)


def _tabs(
    connection: Connection, theirs: ColumnElement[bool], room_id: int | None
) -> Iterator[Difference]:
    keys: list[Any] = [sessions.c.room_id, participants.c.user_id]
    there = (
        select(*keys, participants.c.tabs)
        .join(sessions, sessions.c.id == participants.c.session_id)
        .where(theirs, sessions.c.closed_at.is_(None))
        .where((participants.c.tabs != 0) | participants.c.left_at.is_(None))
    )
    keys_of_tabs = [tabs.c.room_id, tabs.c.user_id]
    open_now = select(*keys_of_tabs, func.count())
    if room_id is not None:
        open_now = open_now.where(tabs.c.room_id == room_id)
    counted = recount.rows(connection, open_now, keys_of_tabs, is_grouped=True)
    for (room, user), (stored, count) in recount.merged(
        recount.rows(connection, there, keys), counted
    ):
        has, wants = (0 if of is None else of[0] for of in (stored, count))
        if has != wants:
            yield Difference("participants", f"room {room}/{user}", "tabs", has, wants)
