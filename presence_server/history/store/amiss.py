"""Whether anything is amiss with the statistics of some resources.

One statement, which reads their ledger once and lays each table beside what it sums up: all but a
yes or no stays in the database. What is amiss takes far longer to find out: see `check`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Exists,
    Select,
    Subquery,
    Table,
    bindparam,
    case,
    distinct,
    func,
    or_,
    select,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.beside import (
    ONE,
    Account,
    beside,
    counted,
    differ,
    is_uneven,
    less,
    renamed,
    select_of,
)
from presence_server.history.store.schema import (
    COUNTS,
    days,
    resource_viewers,
    resources,
    tabs,
    versions,
    viewers,
    views,
)

Among = Callable[[Any], ColumnElement[bool]]
"""Whether a column with the number of a resource has one of those that are asked about."""


def is_amiss(
    connection: Connection, first: int, last: int, room_id: int | None, told_from: int
) -> bool:
    """Whether something is of the resources from one number to another, of a room or of all.

    `told_from` is the first day of which the ledger tells wholly.
    """
    asked = {"first": first, "last": last, "told_from": told_from}
    if room_id is not None:
        asked["room"] = room_id
    return bool(connection.scalar(_question(is_of_room=room_id is not None), asked))


@cache
def _question(*, is_of_room: bool) -> Select[Any]:
    """Made once."""

    def among(number: Any) -> ColumnElement[bool]:
        between: ColumnElement[bool] = number.between(bindparam("first"), bindparam("last"))
        theirs = select(resources.c.id).where(resources.c.room_id == bindparam("room"))
        return between & number.in_(theirs) if is_of_room else between

    ledger = select(views).where(among(views.c.resource_id)).cte("ledger")
    return select(
        or_(
            _viewers(among, ledger),
            _resource_viewers(among),
            _many(among, versions, viewers, "version_id"),
            _many(among, resources, resource_viewers, "resource_id"),
            _days(among, ledger),
            _sums(among),
        )
    )


def _viewers(among: Among, ledger: CTE) -> Exists:
    """What each user did with a version, by the ledger and the open tabs."""
    of_ledger: Account = {
        "version": ledger.c.version_id,
        "user": ledger.c.user_id,
        "views": ONE,
        "opens": ledger.c.opens,
        "active_ms": ledger.c.active_ms,
        "first_at": ledger.c.began_at,
        "began_at": ledger.c.began_at,
        "view": ledger.c.id,
        "last_at": func.coalesce(ledger.c.ended_at, ledger.c.since),
        "is_open": case((ledger.c.ended_at.is_(None), 1), else_=0),
    }
    row = renamed(viewers, version="version_id", user="user_id")
    row |= less(counted(viewers) | {"tabs": viewers.c.tabs})
    row |= renamed(viewers, row_view="view_id", row_began_at="view_began_at", base="base_views")
    row |= renamed(viewers, row_first_at="first_at", row_last_at="last_at")
    of_tab = renamed(tabs, version="version_id", user="user_id") | {"tabs": ONE}
    is_seen = (versions.c.id == tabs.c.version_id) & among(versions.c.resource_id)
    said = beside(
        select_of(of_ledger),
        select_of(row, among(viewers.c.resource_id)),
        select_of(of_tab, is_seen),
    )
    of, least, most = said.c, func.min, func.max
    return differ(
        said,
        ("version", "user"),
        is_uneven(said, *COUNTS, "tabs"),
        most(of.view) != most(of.row_view),
        most(of.began_at) != most(of.row_began_at),
        (most(of.base) == 0) & (least(of.first_at) != most(of.row_first_at)),
        # While a viewing is open another tab may have opened it again since.
        most(of.last_at) > most(of.row_last_at),
        (func.sum(of.is_open) == 0) & (most(of.last_at) < most(of.row_last_at)),
    )


def _resource_viewers(among: Among) -> Exists:
    """What each user did with a resource, by what they did with its versions."""
    table = resource_viewers
    is_told = viewers.c.views > viewers.c.base_views
    below = renamed(viewers, resource="resource_id", user="user_id") | _below(viewers)
    below |= {"day": case((is_told, viewers.c.view_began_at // DAY_MS))}
    row = renamed(table, resource="resource_id", user="user_id", row_day="last_day") | _row(table)
    row |= {"astray": case((resources.c.room_id != table.c.room_id, 1), else_=0)}
    is_there = (resources.c.id == table.c.resource_id) & among(table.c.resource_id)
    said = beside(select_of(below, among(viewers.c.resource_id)), select_of(row, is_there))
    return differ(
        said,
        ("resource", "user"),
        _is_off(said),
        func.max(said.c.day) != func.max(said.c.row_day),
        func.sum(said.c.astray) != 0,
    )


def _many(among: Among, table: Table, below: Table, name: str) -> Exists:
    """What everybody did with a version or a resource, by what each did."""
    resource = table.c.id if table is resources else table.c.resource_id
    row = {"of": table.c.id, "row_users": table.c.uniques - table.c.base_uniques} | _row(table)
    said = beside(
        select_of({"of": below.c[name]} | _below(below), among(below.c.resource_id)),
        select_of(row, among(resource)),
    )
    return differ(
        said, ("of",), _is_off(said), func.count(said.c.all) != func.max(said.c.row_users)
    )


def _below(table: Table) -> Account:
    """Rows that others sum up."""
    account = counted(table) | renamed(table, all="views", base="base_views")
    return account | renamed(table, first_at="first_at", last_at="last_at")


def _row(table: Table) -> Account:
    """Rows that sum up others."""
    account = less(counted(table) | {"base": table.c.base_views})
    return account | renamed(table, row="views", row_first_at="first_at", row_last_at="last_at")


def _is_off(said: Subquery) -> ColumnElement[bool]:
    """Whether rows are not what those below add up to. What was forgotten is in their base; then
    the first time may be before those that are left.
    """
    of, least, most = said.c, func.min, func.max
    return or_(
        is_uneven(said, *COUNTS),
        func.count(of.row) == 0,
        func.sum(of.base) > 0,
        most(of.last_at) != most(of.row_last_at),
        (func.sum(of.all) == most(of.row)) & (least(of.first_at) != most(of.row_first_at)),
    )


def _days(among: Among, ledger: CTE) -> Exists:
    """What began on a day, by the ledger."""
    day = (ledger.c.began_at // DAY_MS).label("day")
    of_ledger = (
        select(
            ledger.c.resource_id.label("resource"),
            day,
            func.count().label("views"),
            func.sum(ledger.c.opens).label("opens"),
            func.sum(ledger.c.active_ms).label("active_ms"),
            func.count(distinct(ledger.c.user_id)).label("uniques"),
        )
        .where(ledger.c.began_at // DAY_MS >= bindparam("told_from"))
        .group_by(ledger.c.resource_id, day)
    )
    row = renamed(days, resource="resource_id", day="day")
    row |= less(renamed(days, **{name: name for name in (*COUNTS, "uniques")}))
    is_told = among(days.c.resource_id) & (days.c.day >= bindparam("told_from"))
    said = beside(of_ledger, select_of(row, is_told))
    return differ(said, ("resource", "day"), is_uneven(said, *COUNTS, "uniques"))


def _sums(among: Among) -> Exists:
    """Resources, by all their days; and whether days or versions have no resource."""
    its = {name: name for name in COUNTS}
    of_days = renamed(days, resource="resource_id", **its, room="room_id")
    of_versions = renamed(versions, resource="resource_id")
    row = renamed(resources, resource="id", row="id", row_room="room_id")
    said = beside(
        select_of(of_days, among(days.c.resource_id)),
        select_of(row | less(renamed(resources, **its)), among(resources.c.id)),
        select_of(of_versions, among(versions.c.resource_id)),
    )
    of, room = said.c, func.max(said.c.row_room)
    return differ(
        said,
        ("resource",),
        is_uneven(said, *COUNTS),
        func.count(of.row) == 0,
        func.max(of.room) != room,
        func.min(of.room) != room,
    )
