"""Between pages nothing is lost, whatever comes in; a cursor is good for its list only."""

import itertools
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from presence_server.history.read.ledger import Asked, views
from presence_server.history.read.limits import asking
from presence_server.history.read.pages import BadCursor, Page, Walk, decode, encode
from presence_server.history.read.sessions import activity, participants, sessions
from presence_server.history.read.viewers import viewers
from tests.history.rows import KIND, Recorded, recorded, visit

__all__ = ["recorded"]

Question = Callable[[Connection, str, int, str | None], Page[Any] | None]
HOUR = 3_600_000
ROOMS = itertools.count(1)


def _viewers(connection: Connection, room: str, limit: int, cursor: str | None) -> Page[Any] | None:
    return viewers(connection, room, KIND, "plan", version=None, limit=limit, cursor=cursor)


def _views(connection: Connection, room: str, limit: int, cursor: str | None) -> Page[Any] | None:
    return views(connection, room, Asked(), limit=limit, cursor=cursor)


def _sessions(
    connection: Connection, room: str, limit: int, cursor: str | None
) -> Page[Any] | None:
    return sessions(connection, room, limit=limit, cursor=cursor)


def _activity(
    connection: Connection, room: str, limit: int, cursor: str | None
) -> Page[Any] | None:
    return activity(connection, room, None, limit=limit, cursor=cursor)


def _participants(
    connection: Connection, room: str, limit: int, cursor: str | None
) -> Page[Any] | None:
    first = sessions(connection, room, limit=1_000, cursor=None)
    assert first is not None
    number = min(row.session for row in first.rows)
    return participants(connection, room, number, limit=limit, cursor=cursor)


LISTS: dict[Question, Callable[[Any], Any]] = {
    _viewers: lambda row: row.user_id,
    _views: lambda row: (row.user_id, row.began_at),
    _sessions: lambda row: row.session,
    _activity: lambda row: (row.at, row.what, row.user_id),
    _participants: lambda row: row.user_id,
}
"""And what a row is known by."""


class Walker:
    """Reads a list page by page, and remembers what it saw."""

    def __init__(self, question: Question, recorded: Recorded, room: str, limit: int) -> None:
        self._ask = partial(self._page, question, recorded, room)
        self._limit = limit
        self._cursor: str | None = None
        self.is_over = False
        self.rows: list[Any] = []
        self.there_at_first = self._ask(1_000, None).rows

    def turn(self) -> None:
        """The next page, if there is one."""
        if not self.is_over:
            page = self._ask(self._limit, self._cursor)
            self.rows += page.rows
            self._cursor, self.is_over = page.next, page.next is None

    @staticmethod
    def _page(
        question: Question, recorded: Recorded, room: str, limit: int, cursor: str | None
    ) -> Page[Any]:
        with asking(recorded.readers) as connection:
            page = question(connection, room, limit, cursor)
        assert page is not None
        return page


VISITS = st.tuples(st.integers(0, 9), st.sampled_from([1_000, HOUR // 2, 2 * HOUR]))


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(VISITS, min_size=4, max_size=14),
    meanwhile=st.lists(st.none() | VISITS, max_size=12),
    limit=st.integers(1, 4),
)
def test_pages_lose_nothing_while_rows_come_in(
    recorded: Recorded,
    before: list[tuple[int, int]],
    meanwhile: list[tuple[int, int] | None],
    limit: int,
) -> None:
    room = f"room-{next(ROOMS)}"
    recorded.take(*(_visit(recorded, room, *step) for step in before))
    walkers = {ask: Walker(ask, recorded, room, limit) for ask in LISTS}
    for step in meanwhile:
        if step is not None:
            recorded.take(_visit(recorded, room, *step))
        else:
            for walker in walkers.values():
                walker.turn()
    for ask, walker in walkers.items():
        for _ in range(200):
            walker.turn()
        _check(ask, walker)


def _visit(recorded: Recorded, room: str, user: int, gap: int) -> list[Any]:
    recorded.clock += gap
    return visit(recorded.clock, f"user-{user}", "plan", room=room, took_ms=500)


def _check(ask: Question, walker: Walker) -> None:
    assert walker.is_over
    key = LISTS[ask]
    seen = Counter(map(key, walker.rows))
    assert {key(row) for row in walker.there_at_first} <= seen.keys()
    if ask is not _viewers:
        assert max(seen.values()) == 1
        return
    for user in (user for user, count in seen.items() if count > 1):
        times = [row.last_at for row in walker.rows if row.user_id == user]
        assert times == sorted(set(times)), "who comes a second time has looked again"


def test_a_walk_without_anything_new_repeats_nobody(recorded: Recorded) -> None:
    room = f"room-{next(ROOMS)}"
    recorded.take(*(_visit(recorded, room, user, 1_000) for user in range(10)))
    walker = Walker(_viewers, recorded, room, 3)
    while not walker.is_over:
        walker.turn()
    assert walker.rows == walker.there_at_first
    assert [row.user_id for row in walker.rows] == [f"user-{n}" for n in reversed(range(10))]


def test_who_looks_again_while_one_reads_on_comes_at_the_end(recorded: Recorded) -> None:
    room = f"room-{next(ROOMS)}"
    recorded.take(*(_visit(recorded, room, user, 1_000) for user in range(6)))
    walker = Walker(_viewers, recorded, room, 2)
    walker.turn()
    recorded.take(_visit(recorded, room, 0, HOUR), _visit(recorded, room, 7, HOUR))
    while not walker.is_over:
        walker.turn()
    names = [row.user_id for row in walker.rows]
    assert names == [f"user-{n}" for n in (5, 4, 3, 2, 1, 0)], "and one who is new is on top"


def _walk(name: str, size: int = 2) -> Walk[Any]:
    return Walk(name, size, lambda *_: [])


@pytest.mark.parametrize("place", [(0, 0), (1, 2**63 - 1), (-5, 1_732_233_600_000)])
def test_a_cursor_is_its_place(place: tuple[int, int]) -> None:
    walk = _walk("views 1")
    cursor = encode(walk, place)
    assert decode(walk, cursor) == place
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "AAAA",
        encode(_walk("views 2"), (1, 2)),
        encode(_walk("views 1", 3), (1, 2, 3)),
        encode(_walk("views 1"), (1, 2)) + "=",
        encode(_walk("views 1"), (1, 2)) + "AAAA",
        encode(_walk("views 1"), (1, 2)).replace("A", "+", 1),
        encode(_walk("views 1"), (1, 2))[:-1] + "B",
        "Ag" + encode(_walk("views 1"), (1, 2))[2:],
    ],
)
def test_another_cursor_is_bad(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode(_walk("views 1"), cursor)


@given(st.text())
def test_no_text_is_taken_for_a_cursor(text: str) -> None:
    with pytest.raises(BadCursor):
        decode(_walk("views 1"), text)


def test_the_cursor_of_another_room_is_bad(recorded: Recorded) -> None:
    rooms = [f"room-{next(ROOMS)}" for _ in range(2)]
    for room in rooms:
        recorded.take(*(_visit(recorded, room, user, 1_000) for user in range(3)))
    with asking(recorded.readers) as connection:
        for ask in LISTS:
            cursors = [ask(connection, room, 1, None) for room in rooms]
            if ask is not _sessions:
                assert cursors[0] is not None
                assert cursors[0].next is not None
                with pytest.raises(BadCursor):
                    ask(connection, rooms[1], 1, cursors[0].next)
