"""An export is the whole list, and in nobody's way while it lasts."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import amounts, export
from presence_server.history.read.days import days
from presence_server.history.read.ledger import Asked, views
from presence_server.history.read.limits import asking
from presence_server.history.read.places import Person
from presence_server.history.read.sessions import activity, participants, session, sessions
from presence_server.history.read.top import top
from presence_server.history.read.viewers import viewers
from presence_server.history.store.erase import erase_user
from tests.history.rows import KIND, MORNING, Recorded, recorded, visit

__all__ = ["recorded"]

ROOMS = itertools.count(1)
TODAY = MORNING // DAY_MS
USERS = 8


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CHUNK", 3)


@pytest.fixture
def room(recorded: Recorded) -> str:
    """A room in which some users viewed a document each, and all viewed another."""
    name = f"room-{next(ROOMS)}"
    view(recorded, name, *range(USERS))
    return name


def view(recorded: Recorded, room: str, *users: int) -> None:
    visits = []
    for user in users:
        recorded.clock += 2_000
        visits.append(visit(recorded.clock, f"user-{user}", "plan", room=room))
        visits.append(visit(recorded.clock + 1_000, f"user-{user}", f"own-{user}", room=room))
    recorded.take(*visits)


def rows(chunks: Iterator[list[Any]] | None) -> list[Any]:
    """All of them; no chunk is large."""
    assert chunks is not None
    found = list(chunks)
    assert all(0 < len(chunk) <= 3 for chunk in found)
    return [row for chunk in found for row in chunk]


def test_an_export_has_what_the_pages_have(recorded: Recorded, room: str) -> None:
    engine = recorded.readers
    many: dict[str, Any] = {"limit": 1_000, "cursor": None}
    by_views: dict[str, Any] = {"by": "views", "kind": None, "days": 1, "now": recorded.clock}
    with asking(engine) as connection:
        held = sessions(connection, room, **many)
        assert held is not None
        number = held.rows[0].session
        of_session = session(connection, room, number)
        ranked = top(connection, room, **by_views, limit=100)
        assert ranked is not None
        pages = [
            views(connection, room, Asked(), **many),
            participants(connection, room, number, **many),
            activity(connection, room, None, **many),
            activity(connection, room, number, **many),
        ]
        seen_by = viewers(connection, room, KIND, "plan", version=None, **many)
    exports: list[Iterator[list[Any]] | None] = [
        export.views(engine, room, Asked()),
        export.participants(engine, room, number),
        export.activity(engine, room, None),
        export.activity(engine, room, number),
    ]
    for page, chunks in zip(pages, exports, strict=True):
        assert page is not None
        assert rows(chunks) == page.rows
    assert rows(export.sessions(engine, room)) == [of_session]
    assert rows(export.top(engine, room, **by_views)) == ranked.rows
    assert seen_by is not None
    for version in (None, ""):
        arrived = rows(export.viewers(engine, room, KIND, "plan", version=version))
        assert arrived == seen_by.rows[::-1]


def test_days_are_exported_as_they_are_shown(recorded: Recorded, room: str) -> None:
    which: dict[str, Any] = {"kind": KIND, "ref": "plan", "count": 3, "until": TODAY}
    with asking(recorded.readers) as connection:
        shown = days(connection, room, **which)
    assert rows(export.days(recorded.readers, room, **which)) == shown


def test_about_how_much_it_is_is_known_before(recorded: Recorded, room: str) -> None:
    engine = recorded.readers
    ann = Person(["user-1"], is_guest=False)
    plan = Asked(KIND, "plan")
    narrowed = [
        *(Asked(), plan, plan._replace(version=""), plan._replace(person=ann)),
        *(plan._replace(version="", person=ann), plan._replace(person=Person(["x"], False))),
    ]
    with asking(engine) as connection:
        held = sessions(connection, room, limit=1, cursor=None)
        assert held is not None
        number = held.rows[0].session
        known: list[tuple[int | None, Any]] = [
            *(
                (amounts.views(connection, room, of), export.views(engine, room, of))
                for of in narrowed
            ),
            (amounts.held(connection, room), export.sessions(engine, room)),
            (amounts.participants(connection, number), export.participants(engine, room, number)),
            (amounts.activity(connection, room, None), export.activity(engine, room, None)),
            (amounts.activity(connection, room, number), export.activity(engine, room, number)),
        ]
        for version in (None, ""):
            people = export.viewers(engine, room, KIND, "plan", version=version)
            known.append((amounts.viewers(connection, room, KIND, "plan", version), people))
        assert amounts.views(connection, room, Asked(person=ann)) is None  # it would be counted
    assert [told for told, _ in known] == [len(rows(chunks)) for _, chunks in known]


def test_what_is_not_there_is_not_exported(recorded: Recorded, room: str) -> None:
    engine = recorded.readers
    ranked: dict[str, Any] = {"by": "views", "kind": None, "days": None, "now": MORNING}
    assert export.views(engine, "nowhere", Asked()) is None
    assert export.viewers(engine, room, KIND, "nothing", version=None) is None
    assert export.top(engine, "nowhere", **ranked) is None
    assert export.days(engine, "nowhere", kind=None, ref=None, count=1, until=TODAY) is None
    assert export.sessions(engine, "nowhere") is None
    assert export.participants(engine, room, 2**62) is None
    assert export.activity(engine, room, 2**62) is None


def test_what_was_there_at_the_begin_comes_once(recorded: Recorded, room: str) -> None:
    ledger = export.views(recorded.readers, room, Asked())
    people = export.viewers(recorded.readers, room, KIND, "plan", version=None)
    assert ledger is not None
    assert people is not None
    begun, came = [*next(ledger)], [*next(people)]
    recorded.clock += 3_600_000
    view(recorded, room, 0, USERS - 1, USERS)
    begun += rows(ledger)
    assert len(begun) == len(set(begun)) == 2 * USERS
    came += rows(people)
    assert [row.user_id for row in came] == [f"user-{n}" for n in range(USERS + 1)]


def test_who_is_erased_meanwhile_is_not_named(recorded: Recorded, room: str) -> None:
    people = export.viewers(recorded.readers, room, KIND, "plan", version=None)
    assert people is not None
    next(people)
    erase_user(recorded.writer, room, f"user-{USERS - 1}", recorded.clock)
    assert [row.user_id for row in rows(people)][-2:] == [f"user-{USERS - 2}", None]


def test_a_slow_reader_holds_nothing(recorded: Recorded, room: str) -> None:
    ledger = export.views(recorded.readers, room, Asked())
    assert ledger is not None
    next(ledger)
    assert recorded.readers.pool.checkedout() == 0  # type: ignore[attr-defined]
    if recorded.writer.dialect.name == "sqlite":
        view(recorded, room, 0)
        with recorded.writer.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy
