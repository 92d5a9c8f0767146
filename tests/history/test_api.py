"""What questions are answered, and what is said to those that are not."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from presence_server.history.api import exports, source
from presence_server.history.api.app import CONNECTIONS, create_api
from presence_server.history.api.errors import Refused
from presence_server.history.api.turns import Turns
from presence_server.history.read import sessions
from presence_server.history.read.limits import QueryTimeout
from presence_server.history.store import engine as engines
from tests.history.recorded import (
    AS_OF,
    AT,
    FORMULA,
    GUEST,
    KIND,
    NOW,
    OTHER,
    REF,
    ROOM,
    Recorded,
    ask,
)

PLAN = {"room": ROOM, "type": KIND, "id": REF}
FRESH = {"asOf": AS_OF, "lagMs": NOW - AS_OF}
COUNTS = {"views": 1, "opens": 1, "activeMs": 5_000, "firstAt": AT, "lastAt": AT + 5_000}
TOTALS = {"views": 4, "opens": 4, "activeMs": 20_000, "firstAt": AT, "lastAt": AT + 5_000}
VIEWING = {
    "beganAt": AT, "endedAt": AT + 5_000, "endedBy": "left", "opens": 1, "activeMs": 5_000,
    "type": KIND, "id": REF, "version": "2",
}  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """One for those who only look."""
    with Recorded(f"sqlite:///{tmp_path_factory.mktemp('api')}/presence.db") as recorded:
        yield recorded


@pytest.fixture
def own(address: str) -> Iterator[Recorded]:
    """One for those who change it, on each database."""
    with Recorded(address) as recorded:
        yield recorded


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a question that is not answered."""
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["message"]
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) is (answer.status_code == 503)
    return answer.status_code, answer.json()["code"]


# Answers


def test_every_question_is_answered_alike_on_both_databases(own: Recorded) -> None:
    viewers = own.ask("viewers", **PLAN).json()
    guest = next(row["userId"] for row in viewers["rows"] if row["isGuest"])
    assert len(guest) == 64
    ids = [(None, False), (FORMULA, False), (guest, True), ("ann", False)]
    people = [{"userId": user, "isGuest": is_guest} for user, is_guest in ids]
    assert viewers == {
        **FRESH,
        "rows": [{**COUNTS, **who, "isLooking": False} for who in people],
        "next": None,
    }
    version = {**TOTALS, "version": "2", "uniques": 4}
    resource = {**TOTALS, "type": KIND, "id": REF, "uniques": 4, "trend": 4.0}
    assert own.ask("resource", **PLAN).json() == {
        **FRESH, **resource, "versions": [version], "isExact": False,
    }  # fmt: skip
    for by in ("views", "uniques", "trend"):
        top = own.ask("top", room=ROOM, by=by).json()
        assert top == {**FRESH, "by": by, "days": None, "rows": [resource], "isExact": False}
    day = {"views": 4, "opens": 4, "uniques": 4, "activeMs": 20_000}
    nothing = dict.fromkeys(day, 0)
    assert own.ask("days", room=ROOM, days=2, until="2025-11-23").json() == {
        **FRESH, "rows": [{"day": "2025-11-22", **day}, {"day": "2025-11-23", **nothing}],
    }  # fmt: skip
    assert own.ask("days", **PLAN, days=1).json()["rows"] == [{"day": "2025-11-22", **day}]
    views = own.ask("views", room=ROOM).json()
    assert [{**row, "userId": 0, "isGuest": 0} for row in views["rows"]] == [
        {**VIEWING, "userId": 0, "isGuest": 0}
    ] * 4
    assert {row["userId"] for row in views["rows"]} == {user for user, _ in ids}
    matrix = own.ask("matrix", **PLAN).json()
    assert matrix["versions"] == ["2"]
    assert matrix["users"] == [{**who, "views": [1]} for who in people]
    session = own.ask("session", room=ROOM, session=1).json()
    assert session == {
        **FRESH, "session": 1, "openedAt": AT, "lastAt": AT + 5_000, "emptySince": AT + 5_000,
        "closedAt": None, "users": 4, "joins": 4, "members": 0, "peak": 4, "views": 4,
    }  # fmt: skip
    sessions = own.ask("sessions", room=ROOM).json()
    assert {**sessions["rows"][0], **FRESH} == session
    took_part = own.ask("participants", room=ROOM, session=1).json()["rows"]
    assert took_part[0] == {
        "userId": "ann", "isGuest": False, "role": "viewer", "joinedAt": AT, "leftAt": AT + 5_000,
        "leftBecause": "closed", "joins": 1, "presentMs": 5_000,
    }  # fmt: skip
    trail = own.ask("activity", room=ROOM, session=1).json()["rows"]
    assert [line["what"] for line in trail] == ["erased", *["left"] * 4, *["joined"] * 4, "opened"]


@pytest.mark.parametrize(
    ("user", "guest", "seen"),
    [
        ("ann", "false", 1),
        ("ann", "true", 0),
        (GUEST, "true", 1),
        (GUEST, "false", 0),
        ("x", "false", 0),
    ],
)
def test_a_guest_is_asked_about_as_one(
    recorded: Recorded, user: str, guest: str, seen: int
) -> None:
    said = recorded.ask("seen", **PLAN, user=user, guest=guest).json()
    assert said["seen"] is bool(seen)
    assert len(said["versions"]) == seen
    assert len(recorded.ask("views", room=ROOM, user=user, guest=guest).json()["rows"]) == seen


def test_nobody_has_seen_what_nobody_saw(recorded: Recorded) -> None:
    answer = recorded.ask("seen", room=ROOM, type=KIND, id="another", user="ann")
    said = {"userId": "ann", "isGuest": False, "seen": False, "versions": []}
    assert (answer.status_code, answer.json()) == (200, {**FRESH, **said})


def test_pages_go_on_where_the_one_before_ended(recorded: Recorded) -> None:
    for question, query in (
        ("viewers", PLAN),
        ("views", {"room": ROOM}),
        ("participants", {"room": ROOM, "session": 1}),
        ("activity", {"room": ROOM}),
    ):
        whole = recorded.ask(question, **query).json()["rows"]
        rows, cursor = [], None
        for _ in whole:
            more: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
            page = recorded.ask(question, **query, limit=1, **more).json()
            rows += page["rows"]
            cursor = page["next"]
        assert (rows, cursor) == (whole, None), question


def test_a_cursor_is_good_for_its_own_question(recorded: Recorded) -> None:
    cursor = recorded.ask("viewers", **PLAN, limit=1).json()["next"]
    for question, query in (("views", {"room": ROOM}), ("viewers", {**PLAN, "version": "2"})):
        answer = recorded.ask(question, **query, cursor=cursor)
        assert refusal(answer) == (400, "bad_cursor")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ä", "A" * 257, "%00", "=" * 8])
def test_a_cursor_that_is_none_is_said_to_be_none(recorded: Recorded, cursor: str) -> None:
    answer = recorded.ask("views", room=ROOM, cursor=cursor)
    assert refusal(answer) == (400, "bad_cursor")


def test_a_clock_that_is_behind_makes_no_negative_lag(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "now", AS_OF - 5_000)
    assert recorded.ask("top", room=ROOM).json()["lagMs"] == 0


# Refusals

ID = ("", "a\tb", "\x00", "a\x9f", "ä" * 65, "x" * 129)
NUMBERS = ("", "0", "-1", "1.0", "+1", " 1", "1_0", "x", "٣", "9" * 30)
BAD: dict[tuple[str, str], tuple[str, ...]] = {
    ("top", "room"): ("", "a b", "ä", "x" * 129, "a/b"),
    ("viewers", "type"): ID,
    ("viewers", "id"): ID,
    ("viewers", "version"): ID[1:],
    ("seen", "user"): ID,
    ("seen", "guest"): ("", "1", "yes", "True", "on"),
    ("views", "limit"): (*NUMBERS, "1001"),
    ("top", "limit"): (*NUMBERS, "101"),
    ("top", "by"): ("", "seen", "VIEWS"),
    ("days", "days"): (*NUMBERS, "401"),
    ("days", "until"): ("", "2025-2-3", "2025-02-30", "20250203", "1732233600", "2025-02-03T00:00"),
    ("session", "session"): (*NUMBERS, str(2**63)),
    ("export/days", "format"): ("", "CSV", "xlsx"),
}
NEEDED: dict[str, dict[str, Any]] = {
    "session": {"session": 1},
    "viewers": PLAN,
    "seen": {**PLAN, "user": "ann"},
}


@pytest.mark.parametrize(("question", "parameter"), BAD)
def test_a_bad_parameter_is_named(recorded: Recorded, question: str, parameter: str) -> None:
    for value in BAD[question, parameter]:
        query = {"room": ROOM, **NEEDED.get(question, {}), parameter: value}
        answer = recorded.ask(question, **query)
        assert refusal(answer) == (400, f"bad_{parameter}"), value
        assert value not in answer.json()["message"] or len(value) < 3


@pytest.mark.parametrize(
    ("question", "query", "code"),
    [
        ("resource", {"type": KIND, "id": REF}, "bad_room"),
        ("resource", {"room": ROOM, "type": KIND}, "bad_id"),
        ("days", {"room": ROOM, "id": REF}, "bad_type"),
        ("views", {"room": ROOM, "type": KIND}, "bad_id"),
        ("views", {"room": ROOM, "version": "2"}, "bad_version"),
        ("top", {"room": ROOM, "by": "trend", "days": 7}, "bad_days"),
        ("top", {"room": ROOM, "limt": 5}, "bad_query"),
        ("top", {"room": [ROOM, OTHER]}, "bad_query"),
    ],
)
def test_what_does_not_go_together_is_said(
    recorded: Recorded, question: str, query: dict[str, Any], code: str
) -> None:
    assert refusal(recorded.ask(question, **query)) == (400, code)


@pytest.mark.parametrize(
    ("question", "query"),
    [
        ("top", {"room": "presence-unknown"}),
        ("resource", {**PLAN, "id": "another"}),
        ("resource", {**PLAN, "room": OTHER, "type": "another"}),
        ("viewers", {**PLAN, "version": "9"}),
        ("session", {"room": OTHER, "session": 1}),
        ("participants", {"room": OTHER, "session": 1}),
        ("activity", {"room": OTHER, "session": 1}),
        ("export/participants", {"room": OTHER, "session": 1}),
        ("export/views", {"room": "presence-unknown"}),
        ("nothing", {"room": ROOM}),
    ],
)
def test_what_is_not_there_or_of_another_room_is_not_found(
    recorded: Recorded, question: str, query: dict[str, Any]
) -> None:
    assert refusal(recorded.ask(question, **query)) == (404, "not_found")


def test_a_question_is_asked_in_its_own_way(recorded: Recorded) -> None:
    for method, question in (("POST", "top"), ("DELETE", "top"), ("GET", "user"), ("HEAD", "top")):
        answer = ask(recorded.app, method, question, room=ROOM)
        assert answer.status_code == 405
        assert answer.headers["allow"]
    assert ask(recorded.app, "POST", "resource").headers["allow"] == "DELETE, GET"
    assert refusal(ask(recorded.app, "POST", "top", room=ROOM)) == (405, "method_not_allowed")


# Limits


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Have the question about a session fail."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(sessions, "session", fail)


def test_a_question_that_takes_too_long_ends(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, QueryTimeout())
    answer = recorded.ask("session", room=ROOM, session=1)
    assert refusal(answer) == (503, "query_timeout")


def test_a_bug_is_answered_without_details(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, KeyError("ann"))
    answer = recorded.ask("session", room=ROOM, session=1)
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "ann" not in answer.text


def test_a_database_that_is_gone_is_no_bug(tmp_path: Path, caplog: Any) -> None:
    readers = engines.readers(f"sqlite:///{tmp_path}/not-there.db", CONNECTIONS)
    unused: Any = None
    app = create_api(readers, unused, lambda: NOW)
    for question in ("top", "export/sessions", "check"):
        assert refusal(ask(app, "GET", question, room=ROOM)) == (503, "history_unavailable")
    assert "Traceback" not in caplog.text
    assert str(tmp_path) not in caplog.text


async def test_too_many_questions_are_told_to_come_back() -> None:
    turns = Turns(at_once=1, waiting=1, wait_s=5)
    first, second, third = (turns() for _ in range(3))
    await anext(first)
    waiting = asyncio.ensure_future(anext(second))
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="too many"):
        await anext(third)
    assert not waiting.done()
    await anext(first, None)
    await waiting
    await anext(second, None)


async def test_nobody_waits_for_a_turn_for_long() -> None:
    turns = Turns(at_once=1, waiting=1, wait_s=0.01)
    first = turns()
    await anext(first)
    with pytest.raises(Refused):
        await anext(turns())
    await anext(first, None)
    await anext(turns())


# Changes


def test_an_erased_user_is_nowhere_and_the_counts_stay(own: Recorded) -> None:
    answer = ask(own.app, "DELETE", "user", room=ROOM, user="ann")
    assert answer.json() == {**FRESH, "erased": 1}
    for question in ("viewers", "matrix", "resource"):
        assert "ann" not in own.ask(question, **PLAN).text
    for question in ("views", "activity", "export/views", "export/activity"):
        assert "ann" not in own.ask(question, room=ROOM).text
    assert own.ask("resource", **PLAN).json()["uniques"] == 4
    assert ask(own.app, "DELETE", "user", room=ROOM, user="ann").json()["erased"] == 0
    assert ask(own.app, "DELETE", "user", user="bob").json()["erased"] == 1
    assert ask(own.app, "DELETE", "resource", **PLAN).json()["erased"] == 1
    assert refusal(own.ask("resource", **PLAN)) == (404, "not_found")
    assert ask(own.app, "DELETE", "resource", **PLAN).json()["erased"] == 0
    assert own.ask("check").json()["differences"] == []


def test_a_check_tells_what_is_not_so(own: Recorded) -> None:
    good = own.ask("check", room=ROOM).json()
    assert good["differences"] == []
    assert good["rowsChecked"] > 0
    with own.writer.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE resources SET views = views + 1")
    (difference, *_) = own.ask("check", room=ROOM).json()["differences"]
    assert (difference["table"], difference["column"]) == ("resources", "views")
    assert difference["stored"] == difference["counted"] + 1


def test_a_writer_that_has_no_time_is_not_waited_for(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "WRITER_S", 0.01)
    monkeypatch.setattr(exports, "NOTE_S", 0.01)
    futures: list[Future[Any]] = []

    def submit(_work: Callable[[Engine], object], /) -> "Future[Any]":
        futures.append(Future())
        return futures[-1]

    monkeypatch.setattr(recorded, "submit", submit)
    for method, question in (("DELETE", "resource"), ("GET", "export/viewers")):
        answer = ask(recorded.app, method, question, **PLAN)
        assert refusal(answer) == (503, "history_unavailable")
        assert futures[-1].cancelled()
