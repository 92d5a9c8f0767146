"""An erased user leaves counts and no id; a deleted resource leaves nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from presence_server.history.facts import AnyFact, Ended, Moved, Opened, Refused
from presence_server.history.fold.rules import DAY_MS
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.erase import delete_resource, erase_user
from presence_server.history.store.note import exported
from presence_server.history.store.upkeep import truncate_log
from tests.history.store_world import MOSTLY_SQLITE, NOON, World

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

CANARY = "canary-0d3f7a"
NOW = NOON + 60_000


@pytest.fixture
def world(address: str) -> Iterator[World]:
    made = World(address)
    yield made
    made.close()


def visit(room: str, user: str, tab: int, *, is_guest: bool = False) -> list[AnyFact]:
    here = (room, user, is_guest, tab, "viewer")
    return [Opened(NOON, *here), Moved(NOON, *here, "doc", "doc-1", "v1", False)]


def left_of(world: World, request: pytest.FixtureRequest, text: str) -> list[str]:
    """Where a database still holds a text."""
    if world.address.startswith("sqlite"):
        path = Path(world.address.removeprefix("sqlite:///"))
        return [file.name for file in path.parent.iterdir() if text.encode() in file.read_bytes()]
    running: Postgres = request.getfixturevalue("postgres")
    return ["dump"] if text in running.dump(world.address) else []


@pytest.mark.parametrize("is_guest", [False, True])
def test_an_erased_user_leaves_counts_and_no_id(
    world: World, request: pytest.FixtureRequest, *, is_guest: bool
) -> None:
    world.tell(NOW, *visit("room", CANARY, 1, is_guest=is_guest), *visit("room", "bob", 2))
    world.tell(NOW, Refused(NOW, "room", CANARY, is_guest, "room_full"))
    (name,) = {ref for ref, _ in world.rows("users", "ref", "1")} - {"bob"}
    assert left_of(world, request, name)
    counted = world.rows("resources", "id", "views", "opens", "uniques")
    assert erase_user(world.engine, "room", CANARY, NOW) == 1
    assert left_of(world, request, name) == left_of(world, request, CANARY) == []
    assert world.rows("resources", "id", "views", "opens", "uniques") == counted
    assert world.differences() == []


def test_what_an_erased_user_had_open_ends(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1), *visit("room", "bob", 2))
    erase_user(world.engine, None, "ann", NOW)
    assert world.rows("views", "user_id", "ended_at", "ended_by") == [(1, NOW, 6), (2, None, None)]
    assert world.rows("participants", "user_id", "left_at", "left_because") == [
        (1, NOW, "erased"),
        (2, None, None),
    ]
    assert [user for user, _ in world.rows("tabs", "user_id", "1")] == [2]
    assert world.rows("sessions", "members", "users") == [(1, 2)]


@MOSTLY_SQLITE
def test_a_tab_of_an_erased_user_goes_on_as_somebody_new(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    erase_user(world.engine, None, "ann", NOW)
    later = NOW + 1_000
    where = ("doc", "doc-2", None, False)
    world.tell(later, Moved(later, "room", "ann", False, 1, "viewer", *where))
    assert world.rows("users", "id", "ref") == [(1, None), (2, "ann")]
    world.tell(later, Ended(later, "room", "ann", False, 1, "closed"))
    assert world.rows("tabs") == []
    assert world.differences() == []


@MOSTLY_SQLITE
def test_an_end_that_comes_after_the_erasure_is_of_nobody(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    erase_user(world.engine, None, "ann", NOW)
    world.tell(NOW + 5, Ended(NOW + 1, "room", "ann", False, 1, "closed"))
    assert len(world.rows("users")) == 1
    assert world.differences() == []


@MOSTLY_SQLITE
def test_erasing_is_of_one_room_or_of_all(world: World) -> None:
    world.tell(NOW, *visit("one", "ann", 1), *visit("two", "ann", 1), *visit("three", "ann", 1))
    assert erase_user(world.engine, "two", "ann", NOW) == 1
    assert [ref for ref, _ in world.rows("users", "ref", "1") if ref] == ["ann", "ann"]
    assert erase_user(world.engine, "nowhere", "ann", NOW) == 0
    assert erase_user(world.engine, None, "ann", NOW) == 2


@MOSTLY_SQLITE
def test_a_guest_is_erased_by_id_under_every_key_and_by_pseudonym(address: str) -> None:
    world = World(address, "day")
    for day in range(3):
        at = NOON + day * DAY_MS
        world.tell(at, Opened(at, "room", "guest", True, day, "viewer"))
    (name, *_) = (ref for ref, _ in world.rows("users", "ref", "1"))
    assert erase_user(world.engine, "room", name, NOW) == 1
    assert erase_user(world.engine, "room", "guest", NOW) == 2
    assert {ref for ref, _ in world.rows("users", "ref", "1")} == {None}
    world.close()


@MOSTLY_SQLITE
def test_erasing_twice_changes_nothing(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    assert erase_user(world.engine, None, "ann", NOW) == 1
    before = [world.rows(table) for table in ("activity", "users", "views", "sessions")]
    assert erase_user(world.engine, None, "ann", NOW) == 0
    assert [world.rows(table) for table in ("activity", "users", "views", "sessions")] == before


@MOSTLY_SQLITE
def test_the_trail_says_that_somebody_was_erased_and_not_who(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    erase_user(world.engine, None, "ann", NOW + 7)
    line = world.rows("activity", "id", "at", "what", "user_id", "detail")[-1]
    assert line[1:] == (NOW + 7, "erased", None, "user")


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_reader_delays_how_soon_the_log_is_empty_and_no_more(
    world: World, request: pytest.FixtureRequest
) -> None:
    world.tell(NOW, *visit("room", CANARY, 1))
    with world.readers.connect() as reader:
        reader.exec_driver_sql("SELECT * FROM users").all()
        assert erase_user(world.engine, None, CANARY, NOW) == 1
        assert left_of(world, request, CANARY)
    care = Care(world.engine, Keeping(90, 400, "month"))
    while care.due(NOW):
        care.step(NOW)
    assert left_of(world, request, CANARY) == []


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_no_id_stays_in_the_gaps_of_an_index_s_pages(
    world: World, request: pytest.FixtureRequest
) -> None:
    users = [f"canary-{number * 7919 % 2_000:04}" for number in range(2_000)]
    for begin in range(0, 2_000, 200):
        some = users[begin : begin + 200]
        world.tell(NOW, *(Refused(NOW, "room", user, False, "room_full") for user in some))
    truncate_log(world.engine)
    file = Path(world.address.removeprefix("sqlite:///")).read_bytes()
    # Once in the table and once in each index; what is there once more is a copy in a gap.
    copied = [user for user in users if file.count(user.encode()) > 3]
    assert copied
    for user in copied[:5]:
        erase_user(world.engine, None, user, NOW)
    assert [user for user in copied[:5] if left_of(world, request, user)] == []


def test_a_deleted_resource_leaves_nothing_and_all_else_as_it_was(world: World) -> None:
    now = world.live(days=2)
    others = [row for row in world.rows("resources") if row[1:4] != (1, "doc", "doc-1")]
    assert len(others) < len(world.rows("resources"))
    room = dict(world.rows("rooms", "id", "ref"))[1]
    assert delete_resource(world.engine, room, "doc", "doc-1", now) == 1
    assert delete_resource(world.engine, room, "doc", "doc-1", now) == 0
    assert world.rows("resources") == others
    assert world.differences() == []
    world.live(days=1, seed=2, begin=now)
    assert world.differences() == []


@MOSTLY_SQLITE
def test_a_tab_at_a_deleted_resource_may_go_on(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    delete_resource(world.engine, "room", "doc", "doc-1", NOW)
    world.tell(
        NOW + 5, *visit("room", "ann", 1)[1:], Ended(NOW + 5, "room", "ann", False, 1, "closed")
    )
    assert world.differences() == []


@MOSTLY_SQLITE
def test_an_export_is_noted_in_the_room_s_session(world: World) -> None:
    world.tell(NOW, *visit("room", "ann", 1))
    exported(world.engine, "room", "views", NOW + 3)
    exported(world.engine, "nowhere", "views", NOW + 3)
    line = world.rows("activity", "id", "at", "what", "detail", "session_id")[-1]
    assert line[1:] == (NOW + 3, "exported", "views", 1)
    assert len(world.rows("rooms")) == 1
