"""What each row of the statistics must be, by the ledger, its base, and the rows below it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from presence_server.history.fold import trend
from presence_server.history.store.recount import Counted, Key
from presence_server.history.store.schema import COUNTS

_NOTHING: Final = Counted()
_CLOSE_ENOUGH: Final = 1e-6
"""Trends are sums of floats, in another order."""


class Difference(NamedTuple):
    """A number that is not what the ledger says."""

    table: str
    row: str
    column: str
    stored: float
    counted: float


def compare(table: str, key: Key, row: Any, wanted: Mapping[str, float]) -> Iterator[Difference]:
    """Where a row is not as wanted; no row at all counts as nothing."""
    for column, counted in wanted.items():
        has = 0 if row is None else getattr(row, column)
        if abs(has - counted) > (_CLOSE_ENOUGH if column == "trend" else 0):
            yield Difference(table, "/".join(map(str, key)), column, has, counted)


def of_viewer(row: Any, counted: Counted | None, tabs: int) -> dict[str, float]:
    """What a user did with a version."""
    wanted = _totals(row, counted) | _first(row, counted) | {"tabs": tabs}
    if row is not None and counted is not None:
        wanted |= {"view_id": counted.view_id, "view_began_at": counted.began_at}
        last_at = max(counted.ended_at or 0, counted.since or 0)
        # While a viewing is open, another tab may have opened it again since.
        wanted |= {"last_at": max(row.last_at, last_at) if counted.open else last_at}
    return wanted


def of_resource_viewer(
    row: Any, counted: Counted | None, last_day: int, below: tuple[int, ...] | None, room_id: int
) -> dict[str, float]:
    """What a user did with a resource; `below` is how many versions, their views and times."""
    wanted = _totals(row, counted) | _first(row, counted) | _spans(row, below)
    if counted is not None:
        wanted |= {"last_day": last_day}
    return wanted | {"room_id": room_id}


def of_many(row: Any, counted: Counted | None, below: tuple[int, ...] | None) -> dict[str, float]:
    """What everybody did with a version, or a resource."""
    wanted = _totals(row, counted) | _first(row, counted) | _spans(row, below)
    users = 0 if below is None else below[0]
    return wanted | {"uniques": users + _base(row, "uniques")}


def of_day(counted: tuple[int, ...] | None, room_id: int) -> dict[str, float]:
    """What began on a day that the ledger tells of."""
    views, opens, active_ms, uniques = counted or (0, 0, 0, 0)
    wanted = {"views": views, "opens": opens, "active_ms": active_ms, "uniques": uniques}
    return {**wanted, "room_id": room_id} if counted else dict(wanted)


def of_room_day(row: Any, below: tuple[int, ...] | None, users: int | None) -> dict[str, float]:
    """What began on a day in a room; `users` are known if the ledger tells of the day, else the
    most that one resource had (a deleted one may have left more).
    """
    views, opens, active_ms, most = below or (0, 0, 0, 0)
    wanted: dict[str, float] = {"views": views, "opens": opens, "active_ms": active_ms}
    if users is None:
        users = most if row is None else min(max(row.uniques, most), views)
    return wanted | {"uniques": users}


def of_session(row: Any, below: tuple[int, ...] | None) -> dict[str, float]:
    """Who was in a session. Retention takes participants with all their joins, never one alone."""
    users, joins, members = below or (0, 0, 0)
    wanted: dict[str, float] = {"users": users, "joins": joins, "members": members}
    if row is not None and row.joins - joins >= row.users - users > 0:
        return {"members": members}
    return wanted


def trend_of(days: Iterable[tuple[int, int]], half_life_days: int) -> dict[str, float]:
    """The trend of a resource."""
    return {"trend": trend.total(days, half_life_days)}


def _totals(row: Any, counted: Counted | None) -> dict[str, float]:
    values = counted or _NOTHING
    return {name: getattr(values, name) + _base(row, name) for name in COUNTS}


def _base(row: Any, name: str) -> int:
    return 0 if row is None else getattr(row, f"base_{name}")


def _first(row: Any, counted: Counted | None) -> dict[str, float]:
    """The first time is known while nothing is in the base."""
    if row is None or counted is None or row.base_views > 0:
        return {}
    return {"first_at": counted.first_at}


def _spans(row: Any, below: tuple[int, ...] | None) -> dict[str, float]:
    """Times by the rows below: the last one always, the first one if none is missing."""
    if row is None or below is None:
        return {}
    _, views, first_at, last_at = below
    wanted: dict[str, float] = {"last_at": last_at}
    if views == row.views:
        wanted["first_at"] = first_at
    return wanted
