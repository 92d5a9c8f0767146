"""The resources of a room with the most views, viewers or trend.

Over all time an index says. Over a window it says where to look: nothing was viewed more often in
it than ever. So resources are counted from the most viewed on, until none that follows can be among
the first. Only where too many might (none was viewed much more than others) is all of the window
summed up.
"""

from collections.abc import Sequence
from functools import cache
from heapq import nlargest
from typing import Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Select,
    bindparam,
    func,
    select,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read.exact import are_exact
from presence_server.history.read.pages import Order, Place
from presence_server.history.read.places import room_number
from presence_server.history.read.resources import Resource, half_life, resource
from presence_server.history.read.sums import total
from presence_server.history.store.schema import days as daily
from presence_server.history.store.schema import resource_viewers, resources

By = Literal["views", "uniques", "trend"]

_THESE: Final = select(resources).where(resources.c.id.in_(bindparam("numbers", expanding=True)))

_STEPS: Final = (20, 80, 400, 1_600)
"""Resources that are counted one by one, before all are at once."""
_FEW: Final = 100
"""So many are looked for in this way."""


class Top(NamedTuple):
    """The resources with the most, most first."""

    rows: list[Resource]
    is_exact: bool


class Ranking(NamedTuple):
    """What is asked for. `since` is the first day of a window, None is all time."""

    room_id: int
    by: By
    kind: str | None
    since: int | None

    @property
    def order(self) -> Order:
        """Over all time. Of equals the newest is first."""
        return _order(self.by)

    @property
    def of(self) -> list[ColumnElement[bool]]:
        """The resources that are ranked."""
        where = [resources.c.room_id == self.room_id]
        return where if self.kind is None else [*where, resources.c.kind == self.kind]


def _order(by: By) -> Order:
    return Order((by, "id"), is_rising=False)


def top(
    connection: Connection,
    room: str,
    *,
    by: By,
    kind: str | None,
    days: int | None,
    limit: int,
    now: int,
) -> Top | None:
    """Over all time, or what began in the last `days`, today included (not with the trend)."""
    asked = ranking(connection, room, by=by, kind=kind, days=days, now=now)
    if asked is None:
        return None
    numbers = first(connection, asked, limit)
    return Top(told(connection, asked, numbers, now=now), are_exact(connection, numbers))


def ranking(
    connection: Connection, room: str, *, by: By, kind: str | None, days: int | None, now: int
) -> Ranking | None:
    """What is asked for; None without the room."""
    room_id = room_number(connection, room)
    since = None if days is None else now // DAY_MS - days + 1
    return None if room_id is None else Ranking(room_id, by, kind, since)


def first(connection: Connection, asked: Ranking, limit: int) -> list[int]:
    """The numbers of the first resources."""
    if asked.since is None:
        query = _of_all_time(asked.by, is_of_kind=asked.kind is not None)
        of = {"room": asked.room_id, "kind": asked.kind, "most": limit}
        return list(connection.scalars(query, of))
    if limit <= _FEW:
        found = _count_some(connection, asked, asked.since, limit)
        if found is not None:
            return found
    return list(connection.scalars(_count_all(asked, asked.since).limit(limit)))


def told(
    connection: Connection, asked: Ranking, numbers: Sequence[int], *, now: int
) -> list[Resource]:
    """What is told of each: counts of the window, or of all time."""
    found = connection.execute(_THESE, {"numbers": numbers}).mappings()
    days = half_life(connection) if numbers else 1
    rows = {row["id"]: resource(row, now=now, half_life_days=days) for row in found}
    if asked.since is not None:
        rows = _in_window(connection, rows, asked.since)
    return [rows[number] for number in numbers if number in rows]


@cache
def _of_all_time(by: By, *, is_of_kind: bool) -> Select[int]:
    """Made once."""
    query = select(resources.c.id).where(resources.c.room_id == bindparam("room"))
    if is_of_kind:
        query = query.where(resources.c.kind == bindparam("kind"))
    return query.order_by(*_order(by).of(resources)).limit(bindparam("most", type_=Integer))


def _count_some(connection: Connection, asked: Ranking, since: int, limit: int) -> list[int] | None:
    best: list[tuple[int, int]] = []
    place: Place | None = None
    order = asked.order
    bound = resources.c[asked.by]
    for step in _STEPS:
        query = select(_of_one(asked, since), resources.c.id, bound).where(*asked.of)
        query = query.where(*order.behind(resources, place)).order_by(*order.of(resources))
        rows = connection.execute(query.limit(step)).all()
        best = nlargest(limit, best + [(count, number) for count, number, _ in rows if count])
        is_last = len(rows) < step
        if is_last or (len(best) == limit and best[-1][0] > rows[-1][2]):
            return [number for _, number in best]
        place = (rows[-1][2], rows[-1][1])
    return None


def _of_one(asked: Ranking, since: int) -> ScalarSelect[int]:
    """The count of one resource in the window."""
    if asked.by == "views":
        of = (daily.c.resource_id == resources.c.id, daily.c.day >= since)
        return select(total(daily.c.views)).where(*of).scalar_subquery()
    table = resource_viewers
    of = (table.c.resource_id == resources.c.id, table.c.last_at >= since * DAY_MS)
    return select(func.count()).select_from(table).where(*of).scalar_subquery()


def _count_all(asked: Ranking, since: int) -> Select[int]:
    table = daily if asked.by == "views" else resource_viewers
    if asked.by == "views":
        count, in_window = total(daily.c.views), daily.c.day >= since
    else:
        count, in_window = func.count(), resource_viewers.c.last_at >= since * DAY_MS
    query = select(table.c.resource_id).where(table.c.room_id == asked.room_id, in_window)
    if asked.kind is not None:
        query = query.join(resources, resources.c.id == table.c.resource_id)
        query = query.where(resources.c.kind == asked.kind)
    return query.group_by(table.c.resource_id).order_by(count.desc(), table.c.resource_id.desc())


def _in_window(
    connection: Connection, rows: dict[int, Resource], since: int
) -> dict[int, Resource]:
    sums = [total(daily.c[name]) for name in ("views", "opens", "active_ms")]
    of = (daily.c.resource_id.in_(rows), daily.c.day >= since)
    query = select(daily.c.resource_id, *sums).where(*of).group_by(daily.c.resource_id)
    counts = {number: tuple(row) for number, *row in connection.execute(query)}
    table = resource_viewers
    came = (table.c.resource_id.in_(rows), table.c.last_at >= since * DAY_MS)
    query = select(table.c.resource_id, func.count()).where(*came).group_by(table.c.resource_id)
    uniques = {row[0]: row[1] for row in connection.execute(query)}
    changed = {}
    for number, row in rows.items():
        views, opens, active_ms = counts.get(number, (0, 0, 0))
        changed[number] = row._replace(
            views=views, opens=opens, active_ms=active_ms, uniques=uniques.get(number, 0)
        )
    return changed
