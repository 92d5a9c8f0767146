"""What is taken, told by example: times at which rules change, restarts, retries, odd facts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from presence_server.history.facts import (
    AnyFact,
    Batch,
    Ended,
    LeftBecause,
    Lost,
    Moved,
    Opened,
    Removed,
)
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import writer
from presence_server.history.store.schema import metadata
from presence_server.history.store.taker import Taker
from tests.history.model_parts import DAY, FIVE_MINUTES
from tests.history.named import all_rows, named_rows
from tests.history.stories import EPOCH, IDLE_MS, RULES

PAGE = ("r", "page", "a", "1")
SAM = ("r", "sam", False)


class Server:
    """A server that tells a taker what happens, a batch for each fact."""

    def __init__(self, engine: Engine, run: str = "one") -> None:
        self.engine = engine
        self.taker = Taker(engine, RULES)
        self.run = run
        self.number = 0

    def tell(self, at: int, *facts: AnyFact) -> None:
        """Facts of up to `at` after the epoch."""
        self.number += 1
        self.taker.take([Batch(self.run, self.number, EPOCH + at, [*facts])])

    def opens(self, at: int, tab: int = 1, user: str = "sam", role: str = "viewer") -> None:
        """A tab opens."""
        self.tell(at, Opened(EPOCH + at, "r", user, False, tab, role))

    def looks(
        self, at: int, tab: int = 1, user: str = "sam", version: str = "1", *, away: bool = False
    ) -> None:
        """A tab is at a version of the page."""
        where = ("page", "a", version)
        self.tell(at, Moved(EPOCH + at, "r", user, False, tab, "viewer", *where, away))

    def ends(
        self, at: int, tab: int = 1, user: str = "sam", reason: LeftBecause = "closed"
    ) -> None:
        """A tab ends."""
        self.tell(at, Ended(EPOCH + at, "r", user, False, tab, reason))

    def rows(self, table: str) -> Any:
        """The rows of a table."""
        return named_rows(self.engine)[table]

    def viewings(self) -> list[tuple[int, int | None, int, int, str]]:
        """Begin, end, openings, milliseconds and why it ended, of each."""
        rows = sorted(self.rows("views"), key=lambda row: row[2])
        return [
            (began - EPOCH, None if ended is None else ended - EPOCH, opens, active, why)
            for _, _, began, ended, _, opens, active, why in rows
        ]

    def trail(self) -> list[tuple[str, str]]:
        """What happened in the room, and its detail."""
        return [(what, detail) for *_, what, _, detail in self.rows("activity")["r"]]


@pytest.fixture
def memory() -> Iterator[Engine]:
    """A database that is quick."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def server(memory: Engine) -> Server:
    """A server with an empty history."""
    return Server(memory)


@pytest.mark.parametrize(("pause", "views"), [(FIVE_MINUTES, 1), (FIVE_MINUTES + 1, 2)])
def test_a_return_within_five_minutes_of_the_end_is_the_same_view(
    server: Server, pause: int, views: int
) -> None:
    server.looks(0)
    server.looks(1_000, away=True)
    server.looks(1_000 + pause)
    server.ends(3_000 + pause)
    found = server.viewings()
    assert len(found) == views
    assert sum(opens for _, _, opens, _, _ in found) == 2
    assert sum(active for _, _, _, active, _ in found) == 3_000, "away is not looked at"


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_tabs_closed_in_any_order_are_one_view(server: Server, order: tuple[int, ...]) -> None:
    for tab in (1, 2, 3):
        server.looks(tab * 100, tab)
    for at, tab in enumerate(order, 10):
        server.ends(at * 100, tab)
    assert server.viewings() == [(100, 1_200, 3, 1_100, "left")]
    assert [line for line in server.trail() if line[0] in ("joined", "left")] == [
        ("joined", "viewer"),
        ("left", "closed"),
    ]


@pytest.mark.parametrize("step", [DAY // 4, 3 * DAY + 7])
def test_a_view_is_split_each_24_hours_however_late_that_is_noticed(
    server: Server, step: int
) -> None:
    server.looks(5)
    for at in range(step, 3 * DAY + 7, step):
        server.tell(at)
    server.ends(3 * DAY + 7)
    assert server.viewings() == [
        (5, 5 + DAY, 1, DAY, "day"),
        (5 + DAY, 5 + 2 * DAY, 0, DAY, "day"),
        (5 + 2 * DAY, 5 + 3 * DAY, 0, DAY, "day"),
        (5 + 3 * DAY, 7 + 3 * DAY, 0, 2, "left"),
    ]
    assert server.rows("viewers")[PAGE, SAM][:3] == (4, 1, 3 * DAY + 2)


def test_a_return_after_24_hours_is_another_view_however_soon(server: Server) -> None:
    server.looks(0)
    server.looks(DAY - 1, away=True)
    server.looks(DAY)
    assert server.viewings() == [(0, DAY - 1, 1, DAY - 1, "away"), (DAY, None, 1, 0, "")]


def test_who_sees_one_version_and_another_is_one_unique_of_the_resource(server: Server) -> None:
    server.looks(0, version="1")
    server.looks(1_000, version="2")
    server.ends(2_000)
    assert server.rows("resources")[PAGE[:3]][:4] == (2, 2, 2_000, 1)
    assert server.rows("days")[PAGE[:3], EPOCH // DAY] == (2, 2, 2_000, 1)


def test_a_server_that_is_lost_ends_all_when_it_was_last_heard_of(memory: Engine) -> None:
    first = Server(memory)
    first.looks(0)
    first.tell(60_000)
    second = Server(memory, "two")
    assert second.taker.begin("two") == 0
    assert second.viewings() == [(0, 60_000, 1, 60_000, "server_lost")]
    assert second.trail()[-1] == ("left", "server_lost")
    assert second.rows("tabs") == []


def test_a_server_that_was_stopped_is_seen_and_who_is_back_soon_goes_on(memory: Engine) -> None:
    first = Server(memory)
    first.looks(0, 1)
    first.looks(0, 2, "ann")
    first.ends(9_000, 1, reason="server_stopped")
    first.ends(9_000, 2, "ann", "closed")
    assert first.viewings() == [(0, 9_000, 1, 9_000, end) for end in ("left", "server_stopped")]
    assert first.trail()[-2:] == [("left", "server_stopped"), ("left", "closed")]
    second = Server(memory, "two")
    second.looks(9_000 + FIVE_MINUTES)
    assert second.viewings()[1] == (0, None, 2, 9_000, "")


def test_a_wave_of_reconnects_adds_no_views(memory: Engine) -> None:
    people = [f"user-{number}" for number in range(50)]
    first = Server(memory)
    for tab, user in enumerate(people):
        first.looks(tab, tab, user)
    second = Server(memory, "two")
    for tab, user in enumerate(reversed(people)):
        second.looks(200_000 + tab, tab, user)
    (views, opens, *_), *_ = second.rows("resources").values()
    assert (views, opens) == (50, 100)
    (session,) = second.rows("sessions").values()
    assert (session[3], session[4], session[5]) == (50, 100, 50), "users, joins, members"


def test_what_was_lost_is_a_gap_and_what_is_there_goes_on(server: Server) -> None:
    server.looks(0)
    lost = Lost(EPOCH + 9_000, "", EPOCH + 5_000, 7)
    again = Moved(EPOCH + 9_000, "r", "sam", False, 1, "viewer", *PAGE[1:], False)
    server.tell(9_000, lost, again)
    assert server.viewings() == [(0, None, 2, 5_000, "")]
    assert server.rows("gaps") == [(EPOCH + 5_000, EPOCH + 9_000, 7)]
    assert server.trail() == [
        *(("opened", ""), ("joined", "viewer"), ("gap", "")),
        *(("left", "gap"), ("joined", "viewer")),
    ]


@pytest.mark.parametrize(("pause", "sessions"), [(IDLE_MS, 1), (IDLE_MS + 1, 2)])
def test_a_session_closes_once_the_room_was_empty_for_long(
    server: Server, pause: int, sessions: int
) -> None:
    server.opens(0)
    server.ends(1_000)
    server.opens(1_000 + pause)
    assert len(server.rows("sessions")) == sessions
    assert server.trail().count(("closed", "")) == sessions - 1


def test_a_session_closes_without_anything_happening(server: Server) -> None:
    server.opens(0)
    server.ends(1_000)
    server.tell(IDLE_MS + 1_000)
    assert server.trail()[-1] == ("left", "closed")
    server.tell(IDLE_MS + 1_001)
    assert server.trail()[-1] == ("closed", "")


def test_another_role_is_told_once(server: Server) -> None:
    for at, role in enumerate(["viewer", "viewer", "operator", "operator"]):
        server.opens(at, role=role)
    assert server.trail() == [("opened", ""), ("joined", "viewer"), ("role", "operator")]


def test_a_removed_user_is_named_only_if_the_session_knew_the_id(server: Server) -> None:
    server.opens(0)
    server.tell(1, Removed(EPOCH + 1, "r", "sam", None), Removed(EPOCH + 1, "r", "nobody", None))
    named = [user for *_, what, user, _ in server.rows("activity")["r"] if what == "removed"]
    assert named == [SAM, ()]
    assert "nobody" not in str(all_rows(server.engine)["users"])


def test_the_end_of_an_unknown_tab_leaves_no_trace_of_its_user(server: Server) -> None:
    server.ends(0, user="stranger")
    assert all_rows(server.engine)["users"] == []


def test_a_tab_that_is_another_users_now_was_left_by_the_first(server: Server) -> None:
    server.looks(0)
    server.looks(1_000, user="kim")
    server.ends(2_000, user="sam")
    assert server.viewings() == [(0, 1_000, 1, 1_000, "left"), (1_000, None, 1, 0, "")]


def test_a_clock_that_was_set_back_between_runs_makes_no_views_overlap(memory: Engine) -> None:
    first = Server(memory)
    first.looks(0)
    first.tell(DAY)
    second = Server(memory, "two")
    second.looks(-3_600_000)
    second.ends(-3_500_000)
    ends = [(began, ended) for began, ended, *_ in second.viewings()]
    assert ends == [(0, DAY), (DAY, DAY)]


def test_a_resource_that_was_deleted_while_looked_at_begins_anew(server: Server) -> None:
    server.looks(0)
    with server.engine.begin() as connection:
        for name in ("viewers", "resource_viewers", "views", "days", "versions", "resources"):
            connection.execute(metadata.tables[name].delete())
    server.looks(1_000)
    server.ends(3_000)
    assert server.viewings() == [(1_000, 3_000, 1, 2_000, "left")]


def test_a_commit_that_seemed_to_fail_counts_once(address: str) -> None:
    """The database has it, the recorder is told otherwise, and takes the batch again."""
    prepare(address)
    engine = writer(address)
    try:
        server = Server(engine)
        server.taker.begin("one")
        fact = Moved(EPOCH, "r", "sam", False, 1, "viewer", *PAGE[1:], False)
        batch = Batch("one", 1, EPOCH, [fact])
        with pytest.raises(ConnectionError), _losing_the_answer_to_a_commit(engine):
            server.taker.take([batch])
        once = all_rows(engine)
        assert len(once["views"]) == 1
        server.taker.take([batch])
        Taker(engine, RULES).take([batch, batch])
        assert all_rows(engine) == once
    finally:
        engine.dispose()


@contextmanager
def _losing_the_answer_to_a_commit(engine: Engine) -> Iterator[None]:
    dialect: Any = engine.dialect
    commit = dialect.do_commit

    def commit_and_fail(connection: Any) -> None:
        commit(connection)
        raise ConnectionError

    dialect.do_commit = commit_and_fail
    try:
        yield
    finally:
        dialect.do_commit = commit
