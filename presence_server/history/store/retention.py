"""What is too old goes: each function does one small chunk and says whether there may be more.

Nothing that is counted changes by it. What a viewing counted for moves into `base_…`, and who is
forgotten into `base_uniques`. Totals of resources, versions and days are kept for good.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from presence_server.history.store.bulk import remove
from presence_server.history.store.keys import among, given
from presence_server.history.store.schema import (
    activity,
    participants,
    progress,
    resource_viewers,
    resources,
    sessions,
    tabs,
    users,
    versions,
    viewers,
    views,
)

Sums = dict[tuple[int, ...], list[int]]
"""By primary key, how much is to be added to each of some columns."""

_SUMMED: Final = {
    viewers: ("version_id", "user_id"),
    resource_viewers: ("resource_id", "user_id"),
    versions: ("version_id",),
    resources: ("resource_id",),
}
"""What of a viewing finds the row that counted it, in the order of the row's primary key."""


def move_ledger(connection: Connection, before: int, count: int) -> bool:
    """Move the oldest viewings, begun before a time, out of the ledger into the base.

    It stops at one that is still open: then the facts are behind.
    """
    oldest = (
        select(views)
        .where(views.c.began_at < before)
        .order_by(views.c.began_at, views.c.id)
        .limit(count)
    )
    found = connection.execute(oldest).all()
    ended = _until_open(found)
    if ended:
        _add_to_base(connection, ended)
        connection.execute(delete(views).where(_up_to(ended[-1])))
    is_done = len(found) < count and len(ended) == len(found)
    told_from = before if is_done else ended[-1].began_at + 1 if ended else 0
    connection.execute(
        update(progress).where(progress.c.ledger_from < told_from).values(ledger_from=told_from)
    )
    return len(ended) == count


def forget_viewers(connection: Connection, before: int, count: int) -> bool:
    """Delete what is known of users who were last there before a time, and is all in the base."""
    old = connection.execute(
        select(viewers.c.version_id, viewers.c.user_id, viewers.c.resource_id)
        .where(viewers.c.last_at < before, viewers.c.tabs == 0)
        .where(viewers.c.base_views == viewers.c.views)
        .order_by(viewers.c.last_at)
        .limit(count)
    ).all()
    if old:
        pairs = [(row.version_id, row.user_id) for row in old]
        remove(connection, viewers, pairs)
        _keep_uniques(connection, versions, (row.version_id for row in old))
        _forget_resource_viewers(connection, {(row.resource_id, row.user_id) for row in old})
    return len(old) == count


def forget_activity(connection: Connection, before: int, count: int) -> bool:
    """Delete the oldest lines of the trail."""
    oldest = select(activity.c.id).where(activity.c.at < before).order_by(activity.c.at)
    gone = connection.execute(delete(activity).where(activity.c.id.in_(oldest.limit(count))))
    return gone.rowcount == count


def forget_sessions(connection: Connection, before: int, count: int) -> bool:
    """Delete who took part in sessions that were closed before a time, then the sessions.

    Of a session that goes on, whoever left before that time.
    """
    pairs = _of_closed(connection, before, count) or _of_live(connection, before, count)
    if pairs:
        remove(connection, participants, pairs)
        return True
    closed = select(sessions.c.id).where(
        sessions.c.closed_at < before, ~exists().where(activity.c.session_id == sessions.c.id)
    )
    gone = connection.execute(delete(sessions).where(sessions.c.id.in_(closed.limit(count))))
    return gone.rowcount == count


def _of_closed(connection: Connection, before: int, count: int) -> list[tuple[int, int]]:
    """Some participants of sessions that were closed before a time."""
    some = (
        select(sessions.c.id)
        .where(sessions.c.closed_at < before)
        .where(exists().where(participants.c.session_id == sessions.c.id))
        .order_by(sessions.c.closed_at)
        .limit(count)
    )
    return _participants(connection, participants.c.session_id.in_(some), count)


def _of_live(connection: Connection, before: int, count: int) -> list[tuple[int, int]]:
    """Some of sessions that go on, who left before a time. The time they joined has an index."""
    old = select(sessions.c.id).where(sessions.c.closed_at.is_(None), sessions.c.opened_at < before)
    left = and_(participants.c.joined_at < before, participants.c.left_at < before)
    return _participants(connection, participants.c.session_id.in_(old) & left, count)


def _participants(
    connection: Connection, where: ColumnElement[bool], count: int
) -> list[tuple[int, int]]:
    who = select(participants.c.session_id, participants.c.user_id).where(where).limit(count)
    return [(row.session_id, row.user_id) for row in connection.execute(who)]


def forget_users(connection: Connection, after: int, count: int) -> int | None:
    """Delete those of the next users whom nothing tells of; says whom to go on after."""
    ids = select(users.c.id).where(users.c.id > after).order_by(users.c.id).limit(count)
    last: int | None = connection.scalar(select(func.max(ids.subquery().c.id)))
    if last is None:
        return None
    told = [viewers, resource_viewers, views, participants, activity]
    connection.execute(
        delete(users).where(
            users.c.id > after,
            users.c.id <= last,
            *(~exists().where(table.c.user_id == users.c.id) for table in told),
            users.c.id.not_in(select(tabs.c.user_id)),
        )
    )
    return last


def _until_open(found: Sequence[Row[Any]]) -> list[Row[Any]]:
    ended: list[Row[Any]] = []
    for row in found:
        if row.ended_at is None:
            break
        ended.append(row)
    return ended


def _up_to(last: Row[Any]) -> ColumnElement[bool]:
    # The first condition is for PostgreSQL, which sees by it what days there are to look at.
    return and_(
        views.c.began_at <= last.began_at,
        or_(views.c.began_at < last.began_at, views.c.id <= last.id),
    )


def _add_to_base(connection: Connection, ended: Iterable[Row[Any]]) -> None:
    for table, names in _SUMMED.items():
        sums: Sums = {}
        for row in ended:
            of = sums.setdefault(tuple(getattr(row, name) for name in names), [0, 0, 0])
            of[0] += 1
            of[1] += row.opens
            of[2] += row.active_ms
        _raise(connection, table, ("base_views", "base_opens", "base_active_ms"), sums)


def _keep_uniques(connection: Connection, table: Table, ids: Iterable[int]) -> None:
    counts: Sums = {(key,): [count] for key, count in sorted(Counter(ids).items())}
    _raise(connection, table, ("base_uniques",), counts)


def _raise(
    connection: Connection,
    table: Table,
    names: Collection[str],
    sums: Sums,
) -> None:
    """Add numbers to columns of rows."""
    keys = [*table.primary_key]
    statement = (
        update(table)
        .where(*(key == bindparam(f"key_{at}") for at, key in enumerate(keys)))
        .values({name: table.c[name] + bindparam(f"more_{name}") for name in names})
    )
    connection.execute(
        statement,
        [
            {f"key_{at}": part for at, part in enumerate(key)}
            | {f"more_{name}": more for name, more in zip(names, numbers, strict=True)}
            for key, numbers in sorted(sums.items())
        ],
    )


def _forget_resource_viewers(connection: Connection, pairs: set[tuple[int, int]]) -> None:
    """Of pairs that have no row of any version any more."""
    keys = (resource_viewers.c.resource_id, resource_viewers.c.user_id)
    dialect = connection.dialect.name
    gone = connection.execute(
        select(*keys).where(
            among(dialect, keys),
            ~exists().where(
                viewers.c.resource_id == resource_viewers.c.resource_id,
                viewers.c.user_id == resource_viewers.c.user_id,
            ),
        ),
        given(dialect, sorted(pairs)),
    ).all()
    if gone:
        remove(connection, resource_viewers, [(row.resource_id, row.user_id) for row in gone])
        _keep_uniques(connection, resources, (row.resource_id for row in gone))
