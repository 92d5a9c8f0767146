"""Every question finds its rows by an index, however large the tables grow."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, event

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import sessions
from presence_server.history.read import top as ranking
from presence_server.history.read.days import days
from presence_server.history.read.ledger import Asked, views
from presence_server.history.read.limits import asking
from presence_server.history.read.pages import Page
from presence_server.history.read.places import Person
from presence_server.history.read.resources import matrix, statistics
from presence_server.history.read.seen import seen
from presence_server.history.read.top import By, top
from presence_server.history.read.viewers import audience, everybody, viewers
from tests.history.rows import KIND, MORNING, ROOM, Recorded, recorded, visit

__all__ = ["recorded"]

SMALL = {"progress", "guest_keys"}
HERE = (ROOM, KIND, "plan")
ANN = Person(("ann",), is_guest=False)
TWO = Person(("ann", "bob"), is_guest=False)


class Statement(NamedTuple):
    """What was sent to a database."""

    text: str
    parameters: Any


@pytest.fixture(scope="module")
def filled(recorded: Recorded) -> Recorded:
    """Something of everything: two pages, two sessions, a guest, many days."""
    names = ("ann", "bob", "cid", "dan")
    for day in range(4):
        recorded.take(
            *(
                visit(MORNING + day * DAY_MS + n, name, "plan", tab=n)
                for n, name in enumerate(names)
            ),
            visit(MORNING + day * DAY_MS + 9, "guest", "plan", "v1", is_guest=True, tab=9),
        )
    return recorded


def _pages(ask: Callable[[Connection, str | None], Page[Any] | None]) -> Callable[..., None]:
    """Ask for a page and for one that follows."""

    def both(connection: Connection) -> None:
        page = ask(connection, None)
        assert page is not None
        assert page.next is not None
        ask(connection, page.next)

    return both


def _ledger(asked: Asked) -> Callable[..., None]:
    return _pages(lambda c, cursor: views(c, ROOM, asked, limit=1, cursor=cursor))


def _viewers(version: str | None) -> Callable[..., None]:
    return _pages(lambda c, at: viewers(c, *HERE, version=version, limit=2, cursor=at))


def _everybody(version: str | None) -> Callable[..., None]:
    def both(connection: Connection) -> None:
        found = audience(connection, *HERE, version)
        assert found is not None
        for place in (None, (1,)):
            assert everybody(found).read(connection, place, 2)

    return both


def _top(by: By, kind: str | None, window: int | None) -> Callable[..., Any]:
    now = MORNING + 3 * DAY_MS
    return lambda c: top(c, ROOM, by=by, kind=kind, days=window, limit=9, now=now)


LISTS: dict[str, Callable[..., Any]] = {
    "viewers": _viewers(None),
    "viewers of a version": _viewers(""),
    "all viewers": _everybody(None),
    "all viewers of a version": _everybody(""),
    "ledger": _ledger(Asked()),
    "ledger of a resource": _ledger(Asked(KIND, "plan")),
    "ledger of a version": _ledger(Asked(KIND, "plan", "")),
    "ledger of a user": _ledger(Asked(person=ANN)),
    "ledger of a user and a resource": _ledger(Asked(KIND, "plan", person=ANN)),
    "ledger of a user and a version": _ledger(Asked(KIND, "plan", "", ANN)),
    "sessions": _pages(lambda c, at: sessions.sessions(c, ROOM, limit=1, cursor=at)),
    "participants": _pages(lambda c, at: sessions.participants(c, ROOM, 1, limit=1, cursor=at)),
    "trail": _pages(lambda c, at: sessions.activity(c, ROOM, None, limit=1, cursor=at)),
    "trail of a session": _pages(lambda c, at: sessions.activity(c, ROOM, 1, limit=1, cursor=at)),
    **{f"top {by}": _top(by, None, None) for by in ("views", "uniques", "trend")},
    **{f"top {by} of a kind": _top(by, KIND, None) for by in ("views", "uniques", "trend")},
}
"""They come in the order of an index, so that a page costs the same wherever it is."""

SUMS: dict[str, Callable[..., Any]] = {
    "statistics": lambda c: statistics(c, *HERE, now=MORNING),
    "matrix": lambda c: matrix(c, *HERE),
    "seen": lambda c: seen(c, *HERE, TWO),
    "ledger of a guest": _ledger(Asked(person=TWO)),
    "days": lambda c: days(c, ROOM, kind=None, ref=None, count=9, until=20_003),
    "days of a resource": lambda c: days(c, ROOM, kind=KIND, ref="plan", count=9, until=20_003),
    **{f"top {by} of a window": _top(by, None, 3) for by in ("views", "uniques")},
    **{f"top {by} of a kind and window": _top(by, KIND, 3) for by in ("views", "uniques")},
}


def _asked(recorded: Recorded, ask: Callable[..., Any]) -> tuple[list[str], list[Statement]]:
    """The plans of all that a question sends."""
    sent: list[Statement] = []

    def note(_c: Any, _k: Any, text: str, parameters: Any, *_: Any) -> None:
        sent.append(Statement(text, parameters))

    event.listen(recorded.readers, "before_cursor_execute", note)
    with asking(recorded.readers) as connection:
        ask(connection)
        event.remove(recorded.readers, "before_cursor_execute", note)
        selects = [statement for statement in sent if statement.text.startswith("SELECT")]
        return [_plan(connection, *statement) for statement in selects], selects


def _plan(connection: Connection, text: str, parameters: Any) -> str:
    """Of PostgreSQL what it would be with large tables: it reads small ones whole."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
        return "\n".join(f"{row[0]}<{row[1]} {row[3]}" for row in found)
    for off in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin", "material", "hashagg"):
        connection.exec_driver_sql(f"SET LOCAL enable_{off} = off")
    found = connection.exec_driver_sql(f"EXPLAIN {text}", parameters)
    return "\n".join(row[0] for row in found)


def _whole_tables(plan: str) -> Iterator[str]:
    """Tables that are read from one end to the other."""
    yield from re.findall(r"SCAN (\w+)", plan)
    yield from re.findall(r"Seq Scan on (\w+)", plan)


def _is_sorted_before_the_limit(plan: str) -> bool:
    """Whether a page is cut from more rows than it has."""
    inner = plan.split("SCAN page")[0] if "SCAN page" in plan else plan
    by_sqlite = "TEMP B-TREE" in inner
    return by_sqlite or re.search(r"Limit.*\n\s*->  (Incremental )?Sort", plan) is not None


@pytest.mark.parametrize("name", [*LISTS, *SUMS])
def test_no_question_reads_a_table_from_end_to_end(filled: Recorded, name: str) -> None:
    plans, _ = _asked(filled, (LISTS | SUMS)[name])
    assert plans
    for plan in plans:
        assert set(_whole_tables(plan)) <= SMALL | {"page"}, plan


@pytest.mark.parametrize("name", [name for name in SUMS if "window" in name])
def test_nor_does_a_ranking_that_counts_all(
    filled: Recorded, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(ranking, "_STEPS", ())
    test_no_question_reads_a_table_from_end_to_end(filled, name)


@pytest.mark.parametrize("name", LISTS)
def test_a_page_is_read_in_the_order_of_an_index(filled: Recorded, name: str) -> None:
    plans, statements = _asked(filled, LISTS[name])
    for plan, statement in zip(plans, statements, strict=True):
        if "ORDER BY" in statement.text and "LIMIT" in statement.text:
            assert not _is_sorted_before_the_limit(plan), plan
