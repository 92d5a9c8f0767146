"""Fill a database with views and all that follows from them, as a recorder would have.

    .venv/bin/python -m tests.bench.history_rows ADDRESS [--views N] [--share S]

The ledger is drawn in Python (`history_ledger`), the statistics are summed up from it by the
database, the indexes are made at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    String,
    Table,
    cast,
    create_engine,
    func,
    insert,
    literal,
    select,
    text,
)

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.fold.trend import total
from presence_server.history.store import partitions
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import driver_url, writer
from presence_server.history.store.schema import (
    activity,
    days,
    metadata,
    participants,
    progress,
    resource_viewers,
    resources,
    rooms,
    sessions,
    users,
    versions,
    viewers,
    views,
)
from presence_server.history.store.upkeep import TABLES, analyze
from tests.bench.history_ledger import (
    GUESTS,
    MAX_VERSIONS,
    Plan,
    kind_of,
    ledger,
    ref_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK: Final = 20_000
HALF_LIFE: Final = 7
WEEK_MS: Final = 7 * DAY_MS
BLOCKS: Final = 1_000
"""More than there are weeks: a session's number is its room's by this, and the week's."""
HASTE: Final = {
    "sqlite": [
        f"PRAGMA {pragma}"
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "temp_store=2")
    ],
    "postgresql": [
        f"SET {setting}"
        for setting in ("work_mem='1GB'", "maintenance_work_mem='1GB'", "synchronous_commit=off")
    ],
}


def fill(address: str, plan: Plan, until_ms: int) -> None:
    """Write everything into an empty database."""
    prepare(address)
    engine = create_engine(driver_url(address))
    indexes = [index for table in metadata.sorted_tables for index in table.indexes]
    with engine.connect() as connection:
        for statement in HASTE[engine.dialect.name]:
            connection.exec_driver_sql(statement)
        for index in indexes:
            index.drop(connection, checkfirst=True)
        _views(connection, plan, until_ms)
        _statistics(connection)
        _names(connection, plan)
        _sessions(connection, until_ms - plan.days * DAY_MS)
        mark = {"id": 1, "run": "bench", "number": 1, "at": until_ms, "half_life": HALF_LIFE}
        connection.execute(insert(progress), mark | {"ledger_from": 0, "last_view": plan.views})
        for index in indexes:
            index.create(connection)
        connection.commit()
    engine.dispose()
    _settle(writer(address))


def _settle(engine: Engine) -> None:
    """Leave it as a server does: what the planner knows is fresh, and no better than there."""
    for name in TABLES:
        analyze(engine, name)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))
    engine.dispose()


def pour(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows, given in the order of the columns, as fast as the driver can."""
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        source = iter(rows)
        while chunk := list(islice(source, CHUNK)):
            statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - ours
            connection.exec_driver_sql(statement, chunk)
        return
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _views(connection: Connection, plan: Plan, until_ms: int) -> None:
    partitions.cover(connection, range(until_ms - plan.days * DAY_MS, until_ms + 1, DAY_MS))
    pour(connection, views, ledger(plan, until_ms))


def _statistics(connection: Connection) -> None:
    """Sum up, from the ledger to the resource's row."""
    pour(connection, users, list(_user_rows(connection)))
    for table, rows in (
        (viewers, _of_viewers()),
        (resource_viewers, _of_resource_viewers()),
        (days, _of_days()),
        (versions, _of_versions()),
    ):
        connection.execute(insert(table).from_select(list(rows.selected_columns.keys()), rows))
    pour(connection, resources, list(_resource_rows(connection)))


_BASE: Final = [literal(0).label(f"base_{name}") for name in ("views", "opens", "active_ms")]


def _of_viewers() -> Select[Any]:
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


def _of_resource_viewers() -> Select[Any]:
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


def _of_days() -> Select[Any]:
    v = views.c
    day = (v.began_at // DAY_MS).label("day")
    sums = [func.sum(v[name]).label(name) for name in ("opens", "active_ms")]
    each = (
        select(v.resource_id, day, v.room_id, func.count().label("views"), *sums)
        .group_by(v.resource_id, day, v.room_id, v.user_id)
        .subquery()
    )
    counts = [func.sum(each.c[name]).label(name) for name in ("views", "opens", "active_ms")]
    room = func.max(each.c.room_id).label("room_id")
    uniques = func.count().label("uniques")
    return select(each.c.resource_id, each.c.day, room, *counts, uniques).group_by(
        each.c.resource_id, each.c.day
    )


def _of_versions() -> Select[Any]:
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


def _user_rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    found = connection.execute(select(views.c.user_id, views.c.room_id).distinct()).all()
    for user, room in sorted(found):
        is_guest = user % GUESTS == 0
        ref = f"user-{user}"
        yield user, room, hashlib.sha256(ref.encode()).hexdigest() if is_guest else ref, is_guest


def _resource_rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    r = resource_viewers.c
    sums = select(
        r.resource_id,
        func.max(r.room_id),
        *(func.sum(r[name]) for name in ("views", "opens", "active_ms")),
        func.count(),
        func.min(r.first_at),
        func.max(r.last_at),
    ).group_by(r.resource_id)
    trends = dict(_trends(connection))
    for id_, room, *counts in connection.execute(sums):
        numbers = map(int, counts)
        yield id_, room, kind_of(id_), ref_of(id_), *numbers, trends[id_], 0, 0, 0, 0


def _trends(connection: Connection) -> Iterator[tuple[int, float]]:
    d = days.c
    found = connection.execute(select(d.resource_id, d.day, d.views).order_by(d.resource_id, d.day))
    for resource, rows in groupby(found, itemgetter(0)):
        yield resource, total(((day, count) for _, day, count in rows), HALF_LIFE)


def _names(connection: Connection, plan: Plan) -> None:
    found = connection.execute(select(users.c.room_id).distinct()).scalars()
    pour(connection, rooms, [(id_, plan.room(id_).ref) for id_ in sorted(found)])


def _sessions(connection: Connection, start: int) -> None:
    """A session a week: whoever saw something in it was there."""
    v = views.c
    session = (v.room_id * BLOCKS + (v.began_at - start) // WEEK_MS).label("session_id")
    joined, left = func.min(v.began_at), func.max(v.ended_at)
    people = select(
        session,
        v.user_id,
        literal("commenter").label("role"),
        joined.label("joined_at"),
        left.label("left_at"),
        literal("closed").label("left_because"),
        literal(1).label("joins"),
        literal(0).label("tabs"),
        (left - joined).label("present_ms"),
        joined.label("since"),
    ).group_by(session, v.user_id)
    connection.execute(
        insert(participants).from_select(list(people.selected_columns.keys()), people)
    )
    begun = select(session, func.count().label("begun")).group_by(session)
    counts = {row.session_id: row.begun for row in connection.execute(begun)}
    p = participants.c
    found = connection.execute(
        select(p.session_id, func.min(p.joined_at), func.max(p.left_at), func.count()).group_by(
            p.session_id
        )
    ).all()
    pour(
        connection,
        sessions,
        [
            (id_, id_ // BLOCKS, begin, end, end, end, there, there, 0, there, counts[id_])
            for id_, begin, end, there in found
        ],
    )
    _trail(connection)


def _trail(connection: Connection) -> None:
    """Each join and leave."""
    p = participants.c
    for what, at, detail, first in (
        ("joined", p.joined_at, p.role, 0),
        ("left", p.left_at, p.left_because, 2**40),
    ):
        number = func.row_number().over(order_by=(at, p.session_id, p.user_id)) + first
        lines = select(
            number.label("id"),
            at.label("at"),
            (p.session_id // BLOCKS).label("room_id"),
            p.session_id,
            p.user_id,
            literal(what).label("what"),
            detail.label("detail"),
        )
        connection.execute(insert(activity).from_select(list(lines.selected_columns.keys()), lines))


def midnight_ms() -> int:
    """The last one (UTC)."""
    return int(time.time() * 1000) // DAY_MS * DAY_MS


def main() -> None:
    """Do so, and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of an empty database")
    parser.add_argument("--views", type=int, default=Plan().views)
    parser.add_argument("--share", type=float, default=Plan().share, help="of one room, 0 to 1")
    given = parser.parse_args()
    began = time.monotonic()
    fill(given.address, Plan(views=given.views, share=given.share), midnight_ms())
    print(f"{given.views:,} views in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
