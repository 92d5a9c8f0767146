"""The check finds what the statistics say and the ledger does not."""

# ruff: noqa: S608 # the names in the statements are our own

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from presence_server.history.store import check as checks
from presence_server.history.store import check_resources
from presence_server.history.store.check import Difference, Progress, check
from tests.history.store_world import ROOM, World, columns_of

KEYS = {
    "resources": ("id",),
    "versions": ("id",),
    "viewers": ("version_id", "user_id"),
    "resource_viewers": ("resource_id", "user_id"),
    "days": ("resource_id", "day"),
    "room_days": ("room_id", "day"),
}


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One that nobody changes for good."""
    address = f"sqlite:///{tmp_path_factory.mktemp('check')}/presence.db"
    if request.param == "postgresql":
        address = request.getfixturevalue("postgres").new_database()
    made = World(address)
    made.live(days=5)
    yield made
    made.close()


def test_what_the_taker_wrote_has_no_difference(world: World) -> None:
    assert len(world.rows("views")) > 40
    assert any(ended_at is None for _, _, ended_at in world.rows("views", "id", "1", "ended_at"))
    assert world.differences() == []
    assert world.differences(ROOM) == []
    assert world.differences("nowhere") == []


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_any_number_that_is_off_by_one_is_found(world: World, table: str) -> None:
    missed = []
    for column in columns_of(table):
        add = f"UPDATE {table} SET {column} = {column} + {{}} WHERE {first(world, table)}"
        with changed(world, [add.format(1)], [add.format(-1)]):
            missed += [] if world.differences() else [column]
    assert missed == []


@pytest.mark.parametrize("column", ["users", "joins", "members", "views"])
def test_a_session_that_miscounts_is_found(world: World, column: str) -> None:
    add = f"UPDATE sessions SET {column} = {column} + {{}} WHERE id = 1"
    with changed(world, [add.format(1)], [add.format(-1)]):
        assert {difference.column for difference in world.differences()} == {column}


@pytest.mark.parametrize("table", [*KEYS, "views", "participants"])
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_row_that_is_missing_is_found(world: World, table: str) -> None:
    row = first(world, table)
    remove = [f"CREATE TABLE aside AS SELECT * FROM {table} WHERE {row}"]
    remove += [f"DELETE FROM {table} WHERE {row}"]
    restore = [f"INSERT INTO {table} SELECT * FROM aside", "DROP TABLE aside"]
    with changed(world, remove, restore):
        assert world.differences()
    assert world.differences() == []


@pytest.mark.parametrize("column", ["opens", "active_ms", "user_id", "version_id"])
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_ledger_that_says_something_else_is_found(world: World, column: str) -> None:
    add = f"UPDATE views SET {column} = {column} + {{}} WHERE {first(world, 'views')}"
    with changed(world, [add.format(1)], [add.format(-1)]):
        assert world.differences()


LOST = {
    "versions": "id = 9999, resource_id = 9999",
    "viewers": "version_id = 9999, resource_id = 9999",
    "resource_viewers": "resource_id = 9999",
    "days": "resource_id = 9999",
    "views": "id = 9999, version_id = 9999, resource_id = 9999",
}


@pytest.mark.parametrize("table", LOST)
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_row_of_no_resource_is_found(world: World, table: str) -> None:
    add = [
        f"CREATE TABLE aside AS SELECT * FROM {table} WHERE {first(world, table)}",
        f"UPDATE aside SET {LOST[table]}",
        f"INSERT INTO {table} SELECT * FROM aside",
    ]
    remove = [f"DELETE FROM {table} WHERE resource_id = 9999", "DROP TABLE aside"]
    with changed(world, add, remove):
        assert Difference(table, "resource 9999", "rows", 1, 0) in world.differences()
    assert world.differences() == []


def test_only_resources_with_which_something_is_amiss_are_looked_at_row_by_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    class Resources(check_resources.Resources):
        def __init__(self, connection: Any, some: Any, told: Any) -> None:
            super().__init__(connection, some, told)
            looked_at.extend(row.id for row in some)

    monkeypatch.setattr(checks, "_RESOURCES", 1)
    monkeypatch.setattr(checks, "Resources", Resources)
    add = "UPDATE viewers SET opens = opens + {} WHERE version_id = 2"
    ((_, number),) = (row for row in world.rows("versions", "id", "resource_id") if row[0] == 2)
    assert world.differences() == []
    assert looked_at == []
    with changed(world, [add.format(1)], [add.format(-1)]):
        assert {found.table for found in world.differences()} == {"viewers"}
    assert looked_at == [number]


def test_a_difference_says_where_and_what(world: World) -> None:
    add = "UPDATE versions SET opens = opens + {} WHERE id = 2"
    (opens,) = (opens for number, opens in world.rows("versions", "id", "opens") if number == 2)
    with changed(world, [add.format(5)], [add.format(-5)]):
        assert world.differences() == [Difference("versions", "2", "opens", opens + 5, opens)]


def test_another_room_s_fault_is_not_this_room_s(world: World) -> None:
    rooms = dict(world.rows("resources", "id", "room_id"))
    number = next(number for number, room_id in rooms.items() if room_id == 2)
    add = f"UPDATE resources SET views = views + {{}} WHERE id = {number}"
    refs = dict(world.rows("rooms", "id", "ref"))
    with changed(world, [add.format(1)], [add.format(-1)]):
        assert world.differences(refs[1]) == []
        assert world.differences(refs[2])


def test_it_tells_how_far_it_is_and_ends_at_the_whole(world: World) -> None:
    with world.readers.connect() as connection:
        steps = [step for step in check(connection) if isinstance(step, Progress)]
    assert steps[-1].rows == steps[-1].total > len(world.rows("views"))


def first(world: World, table: str) -> str:
    """Which row is the first of a table."""
    keys = KEYS.get(table, ("session_id", "user_id") if table == "participants" else ("id",))
    values = world.rows(table, *keys, "1")[0]
    return " AND ".join(f"{key} = {value}" for key, value in zip(keys, values, strict=False))


@contextmanager
def changed(world: World, there: list[str], back: list[str]) -> Iterator[None]:
    """A database with a fault."""
    run(world, there)
    try:
        yield
    finally:
        run(world, back)


def run(world: World, statements: list[str]) -> None:
    """Change the database behind the taker's back."""
    with world.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
