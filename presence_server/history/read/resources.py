"""What is known of a resource."""

from typing import Final, NamedTuple

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, select

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.fold.trend import shown
from presence_server.history.read.exact import are_exact
from presence_server.history.read.places import resource_number
from presence_server.history.store.schema import (
    progress,
    resource_viewers,
    resources,
    users,
    versions,
    viewers,
)

_VERSIONS: Final = 100
_MATRIX: Final = 50
_DIGITS: Final = 6

_RESOURCE: Final[BindParameter[int]] = bindparam("resource")
_HALF_LIFE: Final = select(progress.c.half_life)
_TOTALS: Final = select(resources).where(resources.c.id == _RESOURCE)
_NEWEST: Final = (
    select(versions.c.id, versions.c.ref)
    .where(versions.c.resource_id == _RESOURCE)
    .order_by(versions.c.id.desc())
)
_COLUMNS: Final = _NEWEST.limit(_MATRIX)
_PEOPLE: Final = (
    select(users.c.id, users.c.ref, users.c.is_guest)
    .join(resource_viewers, resource_viewers.c.user_id == users.c.id)
    .where(resource_viewers.c.resource_id == _RESOURCE)
    .order_by(resource_viewers.c.last_at.desc(), resource_viewers.c.user_id.desc())
    .limit(_MATRIX)
)
_CELLS: Final = select(viewers.c.version_id, viewers.c.user_id, viewers.c.views).where(
    viewers.c.version_id.in_(bindparam("versions", expanding=True)),
    viewers.c.user_id.in_(bindparam("users", expanding=True)),
)


class VersionCounts(NamedTuple):
    """A version's totals; `version` is None where clients named none."""

    version: str | None
    uniques: int
    views: int
    opens: int
    active_ms: int
    first_at: int
    last_at: int


_COUNTS: Final = _NEWEST.add_columns(
    *(versions.c[name] for name in VersionCounts._fields[1:])
).limit(_VERSIONS)


class Resource(NamedTuple):
    """A resource's totals."""

    type: str
    id: str
    uniques: int
    trend: float
    views: int
    opens: int
    active_ms: int
    first_at: int
    last_at: int


class ResourceStatistics(NamedTuple):
    """Totals of a resource, and of its versions (the newest 100, newest first)."""

    total: Resource
    versions: list[VersionCounts]
    is_exact: bool


class MatrixRow(NamedTuple):
    """A user's views of each of the versions, in their order."""

    user_id: str | None
    is_guest: bool
    views: list[int]


class Matrix(NamedTuple):
    """Versions (the newest 50, newest first) × users (the latest 50, latest first)."""

    versions: list[str | None]
    users: list[MatrixRow]


def statistics(
    connection: Connection, room: str, kind: str, ref: str, *, now: int
) -> ResourceStatistics | None:
    """A resource's totals; the trend is shown as of `now`."""
    number = resource_number(connection, room, kind, ref)
    if number is None:
        return None
    of = {"resource": number}
    row = connection.execute(_TOTALS, of).mappings().one()
    found = connection.execute(_COUNTS, of)
    counts = [VersionCounts(version or None, *rest) for _, version, *rest in found]
    total = resource(row, now=now, half_life_days=half_life(connection))
    return ResourceStatistics(total, counts, are_exact(connection, [number]))


def resource(row: RowMapping, *, now: int, half_life_days: int) -> Resource:
    """What is told of a row of the table."""
    trend = round(shown(row["trend"], now // DAY_MS, half_life_days), _DIGITS)
    told = {name: row[name] for name in Resource._fields if name not in ("type", "id", "trend")}
    return Resource(type=row["kind"], id=row["ref"], trend=trend, **told)


def half_life(connection: Connection) -> int:
    """In days: what the trends in the table were added up with. There is no resource before it."""
    return int(connection.execute(_HALF_LIFE).scalar_one())


def matrix(connection: Connection, room: str, kind: str, ref: str) -> Matrix | None:
    """Who viewed which version how often."""
    number = resource_number(connection, room, kind, ref)
    if number is None:
        return None
    of = {"resource": number}
    columns = {row.id: row.ref or None for row in connection.execute(_COLUMNS, of)}
    people = connection.execute(_PEOPLE, of).all()
    cells = {"versions": list(columns), "users": [row.id for row in people]}
    found = connection.execute(_CELLS, cells)
    views = {(version, user): count for version, user, count in found}
    rows = [
        MatrixRow(row.ref, row.is_guest, [views.get((version, row.id), 0) for version in columns])
        for row in people
    ]
    return Matrix(list(columns.values()), rows)
