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
    Table,
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
    room_days,
    rooms,
    sessions,
    users,
    versions,
    viewers,
    views,
)
from presence_server.history.store.upkeep import TABLES, analyze
from tests.bench import history_sums as summed
from tests.bench.history_ledger import (
    GUESTS,
    Plan,
    kind_of,
    ledger,
    ref_of,
)
from tests.bench.history_sums import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK: Final = 20_000
HALF_LIFE: Final = 7
HASTE: Final = {
    # With a small cache SQLite sorts small runs and merges them: a third less than all at once.
    "sqlite": [
        f"PRAGMA {pragma}"
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-32000", "temp_store=1")
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


def _insert(connection: Connection, table: Table, rows: Select[Any]) -> None:
    connection.execute(insert(table).from_select(list(rows.selected_columns.keys()), rows))


def _views(connection: Connection, plan: Plan, until_ms: int) -> None:
    partitions.cover(connection, range(until_ms - plan.days * DAY_MS, until_ms + 1, DAY_MS))
    pour(connection, views, ledger(plan, until_ms))


def _statistics(connection: Connection) -> None:
    """Sum up, from the ledger to the resource's row."""
    pour(connection, users, list(_user_rows(connection)))
    for table, rows in (
        (viewers, summed.of_viewers()),
        (resource_viewers, summed.of_resource_viewers()),
        (days, summed.of_days()),
        (room_days, summed.of_room_days()),
        (versions, summed.of_versions()),
    ):
        _insert(connection, table, rows)
    pour(connection, resources, list(_resource_rows(connection)))


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
    summed.people.create(connection)
    _insert(connection, summed.people, summed.of_people(start))
    _insert(connection, participants, summed.of_participants())
    p = summed.people.c
    counts = func.min(p.joined_at), func.max(p.left_at), func.count(), func.sum(p.views)
    found = connection.execute(select(p.session_id, *counts).group_by(p.session_id)).all()
    pour(
        connection,
        sessions,
        [
            (id_, id_ // BLOCKS, begin, end, end, end, there, there, 0, there, int(begun))
            for id_, begin, end, there, begun in found
        ],
    )
    summed.people.drop(connection)
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
        _insert(connection, activity, lines)


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
