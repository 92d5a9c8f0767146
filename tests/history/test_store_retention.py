"""What is too old goes, in chunks, and nothing that is counted changes by it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from presence_server.history.facts import Ended, Moved, Opened
from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.care import Care, Keeping
from tests.history.store_world import MOSTLY_SQLITE, NOON, World

LARGE = {"views", "viewers", "resource_viewers", "participants", "activity", "users"}


@pytest.fixture
def world(address: str) -> Iterator[World]:
    made = World(address)
    yield made
    made.close()


def stopped() -> float:
    """A clock by which all is done in no time: steps are as large as they may be."""
    return 0.0


def care_for(world: World, now: int, keeping: Keeping, most: int = 40) -> None:
    """All that is to be done at a time, and what follows from it a day and a minute later."""
    care = Care(world.engine, keeping, most, clock=stopped)
    for begin in (now, now + DAY_MS + 60_000):
        now = begin
        while care.due(now):
            care.step(now)
            now += 100


def test_the_ledger_s_whole_days_go_and_the_statistics_stay(world: World) -> None:
    now = world.live(days=5)
    before = world.statistics()
    care_for(world, now, Keeping(2, 400, "month"))
    (oldest, *_) = world.rows("views", "began_at", "id")[0]
    assert oldest >= (now // DAY_MS - 2) * DAY_MS
    assert world.rows("progress", "ledger_from", "1")[0][0] == (now // DAY_MS - 2) * DAY_MS
    assert world.statistics() == before
    assert world.differences() == []


@MOSTLY_SQLITE
def test_the_check_is_right_between_any_two_chunks(world: World) -> None:
    now = world.live(days=3)
    before = world.statistics()
    care = Care(world.engine, Keeping(1, 400, "month"), most=9, clock=stopped)
    left = [len(world.rows("views"))]
    while care.due(now):
        care.step(now)
        now += 100
        if len(world.rows("views")) < left[-1]:
            left.append(len(world.rows("views")))
            assert world.differences() == []
    assert len(left) > 2
    assert world.statistics() == before


@MOSTLY_SQLITE
def test_a_fault_in_what_retention_kept_is_still_found(world: World) -> None:
    now = world.live(days=5)
    care_for(world, now, Keeping(2, 400, "month"))
    for table in ("viewers", "resource_viewers", "versions", "resources", "days", "room_days"):
        with world.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"UPDATE {table} SET views = views + 1")  # noqa: S608
        assert world.differences(), table
        with world.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(f"UPDATE {table} SET views = views - 1")  # noqa: S608
    assert world.differences() == []


@MOSTLY_SQLITE
def test_a_viewing_that_is_open_is_kept_however_late_the_facts_are(world: World) -> None:
    world.tell(NOON, Opened(NOON, "room", "ann", False, 1, "viewer"), look(NOON, "ann", 1))
    care_for(world, NOON + 90 * DAY_MS, Keeping(1, 1, "month"))
    assert len(world.rows("views")) == 1


def test_who_was_not_there_for_long_is_forgotten_and_counted_still(world: World) -> None:
    now = world.live(days=4) + 20 * DAY_MS
    world.restart()
    world.tell(now, Opened(now, "presence-1", "late", False, 99, "viewer"))
    world.tell(now, look(now, "late", 99, room="presence-1"))
    before = world.rows("resources", "id", "uniques", "views")
    care_for(world, now, Keeping(2, 10, "month"))
    assert world.rows("resources", "id", "uniques", "views") == before
    assert [ref for (ref, _) in world.rows("users", "ref", "1")] == ["late"]
    for table in ("viewers", "resource_viewers", "participants", "sessions"):
        assert len(world.rows(table)) == 1, table
    assert {what for what, _ in world.rows("activity", "what", "1")} == {"opened", "joined"}
    assert len(world.rows("days")) > 4
    assert world.differences() == []


@MOSTLY_SQLITE
def test_who_is_in_the_ledger_is_not_forgotten_before_it(world: World) -> None:
    now = world.live(days=4) + 20 * DAY_MS
    world.tell(now)
    viewers = world.rows("viewers")
    care_for(world, now, Keeping(100, 10, "month"))
    assert world.rows("viewers") == viewers
    assert world.differences() == []


@MOSTLY_SQLITE
def test_somebody_who_left_a_session_long_ago_is_forgotten_though_it_goes_on(world: World) -> None:
    late = NOON + 30 * DAY_MS
    world.tell(NOON, Opened(NOON, "room", "ann", False, 1, "viewer"))
    world.tell(NOON, Opened(NOON, "room", "bob", False, 2, "viewer"))
    world.tell(late, Ended(NOON + 1, "room", "ann", False, 1, "closed"))
    care_for(world, late, Keeping(2, 10, "month"))
    assert [ref for (ref, _) in world.rows("users", "ref", "1")] == ["bob"]
    assert world.rows("sessions", "users", "joins") == [(2, 2)]
    assert world.differences() == []


@MOSTLY_SQLITE
def test_a_wall_clock_that_is_years_ahead_deletes_nothing(world: World) -> None:
    now = world.live(days=3)
    before = world.rows("views")
    care_for(world, now + 4_000 * DAY_MS, Keeping(3, 400, "month"))
    assert world.rows("views") == before


@MOSTLY_SQLITE
def test_it_does_a_little_at_a_time_and_then_rests(world: World) -> None:
    now = world.live(days=3)
    care = Care(world.engine, Keeping(1, 400, "month"), most=4, clock=stopped)
    care.step(now)
    counts = [len(world.rows("views"))]
    for _ in range(40):
        if care.due(now):
            care.step(now)
        counts.append(len(world.rows("views")))
        now += 100
    assert max(before - after for before, after in pairwise(counts)) == 4
    assert not care.due(now)
    assert care.due(now + 3_600_000)
    assert care.due(now - 3_600_000), "a clock went back"


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_no_step_reads_a_large_table_from_end_to_end(world: World) -> None:
    now = world.live(days=4) + 20 * DAY_MS
    world.restart()
    world.tell(now)
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, text: str, parameters: Any, _x: Any, is_many: bool) -> None:
        sent.append((text, parameters[0] if is_many else parameters))

    event.listen(world.engine, "before_cursor_execute", note)
    care_for(world, now, Keeping(2, 10, "month"), most=9)
    event.remove(world.engine, "before_cursor_execute", note)
    kinds = {text: parameters for text, parameters in sent if text[:6] in {"SELECT", "DELETE"}}
    assert len(kinds) > 10
    with world.engine.connect() as connection:
        for text, parameters in kinds.items():
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters).all()
            scans = {row[3].split()[1] for row in plan if row[3].startswith("SCAN")}
            assert not scans & LARGE, text


def test_postgresql_keeps_a_partition_for_each_day_and_drops_it_whole(world: World) -> None:
    now = world.live(days=4)
    assert not is_postgresql(world) or len(partitions(world)) >= 4
    care_for(world, now, Keeping(1, 400, "month"))
    began = {began_at // DAY_MS for began_at, _ in world.rows("views", "began_at", "id")}
    assert not is_postgresql(world) or len(partitions(world)) == len(began) == 2


def test_the_planner_knows_how_many_rows_there_are(world: World) -> None:
    care_for(world, world.live(days=1), Keeping(90, 400, "month"))
    if is_postgresql(world):
        known = "SELECT reltuples FROM pg_class WHERE oid = 'views'::regclass"
    else:
        known = "SELECT stat FROM sqlite_stat1 WHERE idx = 'ix_views_resource'"
    with world.readers.connect() as connection:
        (told,) = connection.exec_driver_sql(known).one()
    assert int(str(told).split(".")[0].split()[0]) == len(world.rows("views"))


def look(at: int, user: str, tab: int, room: str = "room") -> Moved:
    return Moved(at, room, user, False, tab, "viewer", "doc", "doc-1", "v1", False)


def is_postgresql(world: World) -> bool:
    return world.address.startswith("postgresql")


def partitions(world: World) -> list[str]:
    """What PostgreSQL has the ledger in."""
    with world.readers.connect() as connection:
        query = (
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'views'::regclass"
        )
        return [*connection.exec_driver_sql(query).scalars()]
