"""What is answered about a small room, on both databases."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from presence_server.history.facts import Moved, Opened, Refused
from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read.days import Day, days
from presence_server.history.read.freshness import as_of
from presence_server.history.read.ledger import Asked, View, views
from presence_server.history.read.limits import asking
from presence_server.history.read.places import Person
from presence_server.history.read.resources import matrix, statistics
from presence_server.history.read.seen import SeenVersion, seen
from presence_server.history.read.sessions import activity, participants, session, sessions
from presence_server.history.read.viewers import Viewer, viewers
from tests.history.rows import KIND, MORNING, ROOM, Recorded, recorded, visit

__all__ = ["recorded"]

SECOND = 1_000
HOUR = 3_600 * SECOND
TODAY = MORNING // DAY_MS
ANN = Person(("ann",), is_guest=False)
NOBODY = Person(("nobody",), is_guest=False)
HERE = (ROOM, KIND, "plan")


@pytest.fixture(scope="module")
def filled(recorded: Recorded) -> Recorded:
    """Ann saw two versions yesterday and one today, Bob looks now, a guest saw it without one."""
    there = (ROOM, "bob", False, 9)
    recorded.take(
        visit(MORNING - DAY_MS, "ann", "plan", "v1", took_ms=5 * SECOND),
        visit(MORNING - DAY_MS + HOUR // 2, "ann", "plan", "v2"),
        visit(MORNING, "ann", "plan", "v1"),
        visit(MORNING + SECOND, "guest", "plan", is_guest=True, tab=2),
        visit(MORNING + 2 * SECOND, "cid", "budget", kind="sheet", tab=3, role="viewer"),
        [Opened(MORNING + 3 * SECOND, *there, "operator")],
        [Moved(MORNING + 3 * SECOND, *there, "operator", KIND, "plan", "v2", is_away=False)],
        [Refused(MORNING + 4 * SECOND, ROOM, "dan", is_guest=False, reason="room_full")],
        visit(MORNING, "ann", "plan", "v1", room="another", tab=1),
        at=MORNING + 10 * SECOND,
    )
    return recorded


@pytest.fixture
def connection(filled: Recorded) -> Iterator[Connection]:
    with asking(filled.readers) as connection:
        yield connection


def test_a_resource_has_totals_and_its_versions_newest_first(connection: Connection) -> None:
    found = statistics(connection, *HERE, now=MORNING)
    assert found is not None
    total = found.total
    assert (total.type, total.id, total.views, total.opens, total.uniques) == (
        KIND,
        "plan",
        5,
        5,
        3,
    )
    assert total.active_ms == 8 * SECOND
    assert (total.first_at, total.last_at) == (MORNING - DAY_MS, MORNING + 3 * SECOND)
    counts = [(row.version, row.views, row.uniques) for row in found.versions]
    assert counts == [(None, 1, 1), ("v2", 2, 2), ("v1", 2, 1)]


def test_a_trend_is_worth_half_after_a_half_life(connection: Connection) -> None:
    today, in_a_week = (statistics(connection, *HERE, now=MORNING + d * DAY_MS) for d in (0, 7))
    assert today is not None
    assert in_a_week is not None
    assert today.total.trend == pytest.approx(3 + 2 * 2 ** (-1 / 7), abs=1e-5)
    assert in_a_week.total.trend == pytest.approx(today.total.trend / 2, abs=1e-5)


def test_viewers_of_a_resource_come_latest_first(connection: Connection) -> None:
    page = viewers(connection, *HERE, version=None, limit=10, cursor=None)
    assert page is not None
    assert page.next is None
    bob, guest, ann = page.rows
    assert (bob.user_id, bob.is_looking, bob.active_ms) == ("bob", True, 0)
    assert guest.is_guest
    assert guest.user_id != "guest"
    span = (MORNING - DAY_MS, MORNING + SECOND)
    assert ann == Viewer("ann", False, 3, 3, 7 * SECOND, *span, is_looking=False)


def test_viewers_of_a_version_are_counted_by_it(connection: Connection) -> None:
    page = viewers(connection, *HERE, version="v2", limit=10, cursor=None)
    assert page is not None
    assert [(row.user_id, row.views, row.is_looking) for row in page.rows] == [
        ("bob", 1, True),
        ("ann", 1, False),
    ]
    without = viewers(connection, *HERE, version="", limit=10, cursor=None)
    assert without is not None
    assert [row.is_guest for row in without.rows] == [True]


def test_seen_says_which_versions(connection: Connection) -> None:
    found = seen(connection, *HERE, ANN)
    assert found is not None
    assert found.seen
    begun = MORNING - DAY_MS + HOUR // 2
    latest = SeenVersion("v1", 2, 2, 6 * SECOND, MORNING - DAY_MS, MORNING + SECOND)
    assert found.versions == [latest, SeenVersion("v2", 1, 1, SECOND, begun, begun + SECOND)]


def test_one_who_was_never_there_has_not_seen_it(connection: Connection) -> None:
    found = seen(connection, *HERE, NOBODY)
    assert found == ("nobody", False, False, [])
    assert seen(connection, *HERE, Person(("ann",), is_guest=True)) == ("ann", True, False, [])


def test_the_ledger_comes_newest_first(connection: Connection) -> None:
    page = views(connection, ROOM, Asked(), limit=2, cursor=None)
    assert page is not None
    looking = View("bob", False, MORNING + 3 * SECOND, None, None, 1, 0, KIND, "plan", "v2")
    begun = MORNING + 2 * SECOND
    over = View("cid", False, begun, begun + SECOND, "left", 1, SECOND, "sheet", "budget", None)
    assert page.rows == [looking, over]
    rest = views(connection, ROOM, Asked(), limit=9, cursor=page.next)
    assert rest is not None
    assert [row.version for row in rest.rows] == [None, "v1", "v2", "v1"]
    assert rest.next is None


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (Asked(person=ANN), 3),
        (Asked(person=NOBODY), 0),
        (Asked("sheet", "budget"), 1),
        (Asked("sheet", "budget", person=ANN), 0),
        (Asked(KIND, "plan"), 5),
        (Asked(KIND, "plan", "v1"), 2),
        (Asked(KIND, "plan", ""), 1),
        (Asked(KIND, "plan", "v2", ANN), 1),
        (Asked(KIND, "plan", person=Person(("ann", "bob"), is_guest=False)), 4),
    ],
)
def test_the_ledger_can_be_narrowed(connection: Connection, asked: Asked, count: int) -> None:
    page = views(connection, ROOM, asked, limit=9, cursor=None)
    assert page is not None
    assert len(page.rows) == count


def test_each_day_has_a_row(connection: Connection) -> None:
    of_all = days(connection, ROOM, kind=None, ref=None, count=3, until=TODAY)
    assert of_all == [
        Day("2024-10-02", 0, 0, 0, 0),
        Day("2024-10-03", 2, 2, 1, 6 * SECOND),
        Day("2024-10-04", 4, 4, 4, 3 * SECOND),
    ]
    of_one = days(connection, ROOM, kind="sheet", ref="budget", count=1, until=TODAY)
    assert of_one == [Day("2024-10-04", 1, 1, 1, SECOND)]


def test_a_matrix_has_a_column_for_each_version(connection: Connection) -> None:
    found = matrix(connection, *HERE)
    assert found is not None
    assert found.versions == [None, "v2", "v1"]
    assert [row.views for row in found.users] == [[0, 1, 0], [1, 0, 0], [0, 1, 2]]


def test_sessions_come_newest_first(connection: Connection) -> None:
    page = sessions(connection, ROOM, limit=1, cursor=None)
    assert page is not None
    (now,) = page.rows
    assert (now.opened_at, now.closed_at, now.empty_since) == (MORNING, None, None)
    assert (now.users, now.joins, now.members, now.peak, now.views) == (4, 4, 1, 1, 4)
    before = sessions(connection, ROOM, limit=1, cursor=page.next)
    assert before is not None
    assert before.rows[0].closed_at is not None
    assert session(connection, ROOM, now.session) == now


def test_participants_come_as_they_joined(connection: Connection) -> None:
    page = sessions(connection, ROOM, limit=1, cursor=None)
    assert page is not None
    people = participants(connection, ROOM, page.rows[0].session, limit=9, cursor=None)
    assert people is not None
    ann, guest, cid, bob = people.rows
    assert ann == (*("ann", False, "commenter", MORNING, MORNING + SECOND, "closed", 1, SECOND),)
    assert guest.is_guest
    assert cid.role == "viewer"
    assert (bob.user_id, bob.left_at, bob.left_because) == ("bob", None, None)


def test_the_trail_comes_newest_first(connection: Connection) -> None:
    page = activity(connection, ROOM, None, limit=3, cursor=None)
    assert page is not None
    refused, *_, joined = page.rows
    assert (refused.what, refused.user_id, refused.detail) == ("refused", "dan", "room_full")
    assert joined.what in {"joined", "left"}
    now = activity(connection, ROOM, joined.session, limit=99, cursor=None)
    assert now is not None
    assert [(line.what, line.user_id) for line in now.rows[-2:]] == [
        ("joined", "ann"),
        ("opened", None),
    ]
    assert {line.session for line in now.rows} == {joined.session}


def test_what_is_not_there_is_none(connection: Connection) -> None:
    for where in (("nowhere", KIND, "plan"), (ROOM, "sheet", "plan"), (ROOM, KIND, "\0\ud800")):
        assert statistics(connection, *where, now=MORNING) is None
        assert viewers(connection, *where, version=None, limit=9, cursor=None) is None
        assert seen(connection, *where, ANN) is None
        assert matrix(connection, *where) is None
        assert views(connection, where[0], Asked(*where[1:]), limit=9, cursor=None) is None
    assert viewers(connection, *HERE, version="v9", limit=9, cursor=None) is None
    assert days(connection, "nowhere", kind=None, ref=None, count=1, until=TODAY) is None
    assert sessions(connection, "nowhere", limit=9, cursor=None) is None
    assert activity(connection, "nowhere", None, limit=9, cursor=None) is None


def test_a_session_of_another_room_is_none(connection: Connection) -> None:
    page = sessions(connection, "another", limit=1, cursor=None)
    assert page is not None
    for number in (page.rows[0].session, -1, 2**70):
        assert session(connection, ROOM, number) is None
        assert participants(connection, ROOM, number, limit=9, cursor=None) is None
        assert activity(connection, ROOM, number, limit=9, cursor=None) is None


def test_rows_are_as_fresh_as_the_last_batch(connection: Connection) -> None:
    assert as_of(connection) == MORNING + 10 * SECOND
