"""The days of a room: what all its resources had together, and each user once."""

from collections.abc import Iterator

import pytest

from presence_server.history.facts import AnyFact, Ended, Moved, Opened
from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.erase import delete_resource, erase_user
from tests.history.store_world import MOSTLY_SQLITE, NOON, World

DAY = NOON // DAY_MS
NOON_OF = {day: NOON + day * DAY_MS for day in range(8)}


@pytest.fixture
def world(address: str) -> Iterator[World]:
    made = World(address)
    yield made
    made.close()


def visit(at: int, user: str, ref: str, tab: int = 1) -> list[AnyFact]:
    """A second at a resource."""
    who = ("room", user, False, tab)
    there = Moved(at, *who, "viewer", "doc", ref, None, is_away=False)
    return [Opened(at, *who, "viewer"), there, Ended(at + 1_000, *who, "closed")]


def days(world: World) -> list[tuple[int, ...]]:
    """Day, views, uniques."""
    columns = ("day", "views", "uniques")
    return [
        (day - DAY, views, uniques) for day, views, uniques in world.rows("room_days", *columns)
    ]


def test_who_looks_at_two_resources_on_a_day_is_one_unique_of_it(world: World) -> None:
    world.tell(NOON + 9_000, *visit(NOON, "ann", "a"), *visit(NOON + 2_000, "ann", "b"))
    world.tell(NOON + 19_000, *visit(NOON + 10_000, "ann", "c"), *visit(NOON + 12_000, "bob", "a"))
    world.tell(NOON_OF[1], *visit(NOON_OF[1], "ann", "b"))
    assert days(world) == [(0, 4, 2), (1, 1, 1)]
    assert sum(uniques for _, uniques in world.rows("days", "resource_id", "uniques")) == 5
    assert world.differences() == []


@MOSTLY_SQLITE
def test_who_stays_for_days_is_a_unique_of_each(world: World) -> None:
    stays = visit(NOON, "ann", "a")[:2]
    world.tell(NOON, *stays)
    world.tell(NOON_OF[3] + 5, *visit(NOON_OF[3] + 1, "ann", "b", tab=2))
    assert days(world) == [(0, 1, 1), (1, 1, 1), (2, 1, 1), (3, 2, 1)]
    assert world.differences() == []


@MOSTLY_SQLITE
def test_a_clock_that_went_back_counts_nobody_twice(world: World) -> None:
    world.tell(NOON_OF[5], *visit(NOON_OF[5], "ann", "a"), *visit(NOON_OF[5], "bob", "b"))
    world.restart()
    for day in (4, 4, 5):
        some = [*visit(NOON_OF[day], "ann", "b"), *visit(NOON_OF[day] + 2_000, "ann", "a")]
        world.tell(NOON_OF[day] + 9_000, *some)
    assert {found.table for found in world.differences()} <= {"sessions"}
    assert [(day, uniques) for day, _, uniques in days(world)] == [(4, 1), (5, 2)]


@MOSTLY_SQLITE
def test_an_erased_user_stays_counted(world: World) -> None:
    world.tell(NOON, *visit(NOON, "ann", "a"), *visit(NOON, "bob", "a"))
    before = world.rows("room_days")
    erase_user(world.engine, "room", "ann", NOON + 5_000)
    assert world.rows("room_days") == before
    assert world.differences() == []


def test_without_a_deleted_resource_uniques_are_those_who_saw_something_else(world: World) -> None:
    seen = [visit(NOON, "ann", "a"), visit(NOON, "ann", "b"), visit(NOON, "bob", "a")]
    world.tell(NOON, *(fact for facts in seen for fact in facts))
    world.tell(NOON_OF[1], *visit(NOON_OF[1], "bob", "a"))
    delete_resource(world.engine, "room", "doc", "a", NOON_OF[1])
    assert days(world) == [(0, 1, 1)]
    later = NOON_OF[1] + 60_000
    world.tell(later, *visit(later, "bob", "b"))
    assert days(world) == [(0, 1, 1), (1, 1, 1)]
    assert world.differences() == []


@MOSTLY_SQLITE
def test_uniques_of_days_that_the_ledger_does_not_tell_of_stay(world: World) -> None:
    first = [visit(NOON, "ann", "a"), visit(NOON, "ann", "b"), visit(NOON, "bob", "a")]
    first += [visit(NOON, "bob", "b", tab=2), visit(NOON, "cid", "a", tab=3)]
    world.tell(NOON, *(fact for facts in first for fact in facts))
    world.tell(NOON_OF[7], *visit(NOON_OF[7], "ann", "a"), *visit(NOON_OF[7], "ann", "b"))
    forget(world, NOON_OF[7])
    assert days(world) == [(0, 5, 3), (7, 2, 1)]
    delete_resource(world.engine, "room", "doc", "a", NOON_OF[7])
    assert days(world) == [(0, 2, 2), (7, 1, 1)], "no more than views"
    assert world.differences() == []


def forget(world: World, now: int) -> None:
    """Keep two days of the ledger."""
    care = Care(world.engine, Keeping(2, 400, "month"), clock=lambda: 0.0)
    while care.due(now):
        care.step(now)
        now += 100
