"""SQLite and PostgreSQL answer alike, to the last letter of a cursor, whatever ids look like."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import sessions
from presence_server.history.read.days import days
from presence_server.history.read.ledger import Asked, views
from presence_server.history.read.limits import asking
from presence_server.history.read.pages import Page
from presence_server.history.read.places import Person
from presence_server.history.read.resources import matrix, statistics
from presence_server.history.read.seen import seen
from presence_server.history.read.top import By, top
from presence_server.history.read.viewers import viewers
from presence_server.history.store.erase import erase_user
from tests.history.rows import KIND, MORNING, ROOM, Recorded, visit
from tests.support.postgres import Postgres

IDS = ("a", "ä", "Z", "é", "z", "A", "e\u0301", "😀", "a b", "%", "_", "10", "9")
"""No two collations put them in the same order."""
NOW = MORNING + DAY_MS


def test_both_databases_answer_alike(tmp_path: Path, postgres: Postgres) -> None:
    addresses = (f"sqlite:///{tmp_path}/presence.db", postgres.new_database())
    one, other = (list(answers(address)) for address in addresses)
    assert len(one) > 100
    assert one == other


def answers(address: str) -> Iterator[Any]:
    """All that can be asked, page by page."""
    with Recorded(address) as recorded:
        for part, first in enumerate((MORNING, MORNING + 7_200_000)):
            recorded.take(*(_visit(first, part, n, name) for n, name in enumerate(IDS)), at=NOW)
        erase_user(recorded.writer, ROOM, "é", NOW)
        with asking(recorded.readers) as connection:
            yield from _lists(connection)
            yield from _sums(connection)


def _visit(first: int, part: int, number: int, name: str) -> list[Any]:
    """Many at the same moment."""
    others = IDS[(number * (2 + part)) % len(IDS)], IDS[(number + 3 * part) % 5]
    at = first + number // 4 * 10_000
    kind = KIND if number % 2 else name
    return visit(at, name, others[0], others[1], kind=kind, tab=number)


def _walk(ask: Callable[[str | None], Page[Any] | None]) -> Iterator[Page[Any]]:
    cursor: str | None = None
    while True:
        page = ask(cursor)
        assert page is not None
        yield page
        cursor = page.next
        if cursor is None:
            return


def _lists(c: Connection) -> Iterator[Any]:
    yield from _walk(lambda at: views(c, ROOM, Asked(), limit=3, cursor=at))
    yield from _walk(lambda at: sessions.sessions(c, ROOM, limit=1, cursor=at))
    yield from _walk(lambda at: sessions.activity(c, ROOM, None, limit=5, cursor=at))
    yield from _walk(lambda at: sessions.participants(c, ROOM, 1, limit=2, cursor=at))
    for name in IDS:
        asked = Asked(person=Person((name,), is_guest=False))
        yield from _walk(lambda at, asked=asked: views(c, ROOM, asked, limit=1, cursor=at))  # type: ignore[misc]


def _sums(c: Connection) -> Iterator[Any]:
    rankings: tuple[tuple[By, int | None], ...] = (
        *(("views", None), ("views", 2), ("uniques", None), ("uniques", 2), ("trend", None)),
    )
    for by, window in rankings:
        for kind in (None, KIND, "ä"):
            yield top(c, ROOM, by=by, kind=kind, days=window, limit=100, now=NOW)
    yield days(c, ROOM, kind=None, ref=None, count=3, until=NOW // DAY_MS)
    for ref in IDS:
        yield statistics(c, ROOM, KIND, ref, now=NOW)
        yield matrix(c, ROOM, KIND, ref)
        yield viewers(c, ROOM, KIND, ref, version=None, limit=2, cursor=None)
        yield seen(c, ROOM, KIND, ref, Person((IDS[0], "Ä"), is_guest=False))
