"""Questions to a large history: how long until the answer, asked of the database and by HTTP.

Rooms and resources are drawn as they are viewed, so that hot ones are asked about often and cold
ones too. *Warm* is after a round of the same questions. *Cold* is with the file put out of the
system's cache before every question (SQLite only); what a connection itself has cached stays.
"""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, func, make_url, select

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import days, ledger, limits, resources, sessions, top, viewers
from presence_server.history.store import schema
from presence_server.history.store.engine import readers
from tests.bench.figures import number
from tests.bench.history_stage import (
    Line,
    Sample,
    asking,
    cpu_s,
    exact_cpu_s,
    reading,
    recorder_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from tests.bench.server import Server

PAGE: Final = 50
TOP: Final = 10
DAYS: Final = 30


class Drawn(NamedTuple):
    """What a question is about."""

    room: str
    kind: str
    ref: str
    version: str


class Question(NamedTuple):
    """One that is asked often. `words` are its parameters, `read` asks the database."""

    name: str
    path: str
    words: Callable[[Drawn], dict[str, str | int]]
    read: Callable[[Connection, Drawn, int], object]
    at_most_ms: float | None = None


def _room(about: Drawn) -> dict[str, str | int]:
    return {"room": about.room}


def _resource(about: Drawn) -> dict[str, str | int]:
    return {"room": about.room, "type": about.kind, "id": about.ref}


def _version(about: Drawn) -> dict[str, str | int]:
    return _resource(about) | {"version": about.version}


def _statistics(connection: Connection, about: Drawn, now: int) -> object:
    return resources.statistics(connection, about.room, about.kind, about.ref, now=now)


def _viewers(connection: Connection, about: Drawn, version: str | None) -> object:
    of = about.room, about.kind, about.ref
    return viewers.viewers(connection, *of, version=version, limit=PAGE, cursor=None)


def _viewings(connection: Connection, about: Drawn, asked: ledger.Asked) -> object:
    return ledger.views(connection, about.room, asked, limit=PAGE, cursor=None)


def _days(connection: Connection, room: str, of: Drawn | None, now: int) -> object:
    kind, ref = (of.kind, of.ref) if of else (None, None)
    return days.days(connection, room, kind=kind, ref=ref, count=DAYS, until=now // DAY_MS)


def _top(by: top.By, days: int | None = None, *, is_of_kind: bool = False) -> Question:
    name = f"top {TOP} by {by}" + (f" of {days} days" if days else "")
    name += " of one type" if is_of_kind else ""

    def words(about: Drawn) -> dict[str, str | int]:
        given = _room(about) | {"by": by, "limit": TOP} | ({"days": days} if days else {})
        return given | ({"type": about.kind} if is_of_kind else {})

    def read(connection: Connection, about: Drawn, now: int) -> object:
        kind = about.kind if is_of_kind else None
        return top.top(connection, about.room, by=by, kind=kind, days=days, limit=TOP, now=now)

    return Question(name, "top", words, read, 50)


QUESTIONS: Final = (
    Question("statistics of a resource", "resource", _resource, _statistics, 10),
    _top("views"),
    _top("uniques"),
    _top("trend"),
    _top("views", is_of_kind=True),
    _top("views", 7),
    _top("uniques", 7),
    _top("views", 30),
    _top("views", 30, is_of_kind=True),
    _top("views", 90),
    Question("a page of viewers", "viewers", _resource, lambda c, a, _: _viewers(c, a, None), 10),
    Question(
        "a page of a version's", "viewers", _version, lambda c, a, _: _viewers(c, a, a.version), 10
    ),
    Question(
        "a page of a room's views",
        "views",
        _room,
        lambda c, a, _: _viewings(c, a, ledger.Asked()),
    ),
    Question(
        "a page of a resource's views",
        "views",
        _resource,
        lambda c, a, _: _viewings(c, a, ledger.Asked(a.kind, a.ref)),
    ),
    Question(
        "the matrix of a resource",
        "matrix",
        _resource,
        lambda c, a, _: resources.matrix(c, a.room, a.kind, a.ref),
    ),
    Question(f"{DAYS} days of a room", "days", _room, lambda c, a, n: _days(c, a.room, None, n)),
    Question(
        f"{DAYS} days of a resource", "days", _resource, lambda c, a, n: _days(c, a.room, a, n)
    ),
    Question(
        "a page of the trail",
        "activity",
        _room,
        lambda c, a, _: sessions.activity(c, a.room, None, limit=PAGE, cursor=None),
    ),
)


def drawn(address: str, count: int, seed: int = 11) -> list[Drawn]:
    """So many things to ask about, those that were viewed at random moments."""
    random = Random(seed)
    began = schema.views.c.began_at
    one = select(schema.views).where(began >= bindparam("at")).order_by(began).limit(1).subquery()
    query = (
        select(
            schema.rooms.c.ref,
            schema.resources.c.kind,
            schema.resources.c.ref,
            schema.versions.c.ref,
        )
        .join_from(one, schema.rooms, schema.rooms.c.id == one.c.room_id)
        .join(schema.resources, schema.resources.c.id == one.c.resource_id)
        .join(schema.versions, schema.versions.c.id == one.c.version_id)
    )
    with reading(address) as connection:
        first, last = (connection.scalar(select(end(began))) or 0 for end in (func.min, func.max))
        moments = [random.randint(first, last) for _ in range(count)]
        found = [connection.execute(query, {"at": moment}).one() for moment in moments]
    return [Drawn(*row) for row in found]


def by_database(address: str, about: Sequence[Drawn]) -> Iterator[Line]:
    """On a connection, warm."""
    now = int(time.time() * 1000)
    with reading(address) as connection:
        clock = _cpu_clock(connection)
        for question in QUESTIONS:

            def ask(one: Drawn, read: Any = question.read) -> object:
                return read(connection, one, now)

            cpu = Sample.of(_timed(ask, about, clock))
            line = _line(question, "", _timed(ask, about))
            yield line._replace(note=f"{line.note}; of CPU, p95 {number(cpu.at(0.95))}")


def _cpu_clock(connection: Connection) -> Callable[[], float]:
    """What it takes of the CPU, here and in PostgreSQL's process that answers, if it is here."""
    if connection.dialect.name == "sqlite":
        return time.thread_time
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return lambda: time.thread_time() + exact_cpu_s(pid)


def cold(address: str, about: list[Drawn]) -> Iterator[Line]:
    """On a new connection each, the file out of the cache."""
    file, engine = make_url(address).database or "", readers(address)
    now = int(time.time() * 1000)
    for question in QUESTIONS:
        times: list[float] = []
        for one in about[:1] + about:  # the first time the statement is made, too
            engine.dispose()
            with limits.asking(engine) as connection:
                connection.exec_driver_sql("SELECT 1 FROM views")
                forget(file)
                began = time.perf_counter()
                question.read(connection, one, now)
                times.append((time.perf_counter() - began) * 1e3)
        yield _line(question, "cold", times[1:])._replace(at_most=None)
    engine.dispose()


def forget(file: str) -> None:
    """Have the system read it from the disk the next time."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def by_http(server: Server, about: Sequence[Drawn]) -> Iterator[Line]:
    """Through the whole server, warm."""
    recorder = recorder_of(server)
    with asking(server) as asker:
        for question in QUESTIONS:

            def ask(one: Drawn, question: Question = question) -> object:
                return asker.ask(question.path, **question.words(one))

            _timed(ask, about[: len(about) // 4])
            before = cpu_s(server.pid), cpu_s(recorder)
            line = _line(question, "by HTTP", _timed(ask, about))
            used = cpu_s(server.pid) - before[0], cpu_s(recorder) - before[1]
            theirs, its = (f"{seconds / len(about) * 1e3:.1f} ms" for seconds in used)
            yield line._replace(
                note=f"{line.note}; of CPU, the server {theirs}, the recorder {its}"
            )


def _timed(
    ask: Callable[[Drawn], object],
    about: Sequence[Drawn],
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Milliseconds of each; what is not there is a fault of the bench."""
    times = []
    for one in about:
        began = clock()
        found = ask(one)
        times.append((clock() - began) * 1e3)
        if found is None:
            raise RuntimeError(f"nothing is known of {one}")
    return times


def _line(question: Question, how: str, times: Sequence[float]) -> Line:
    sample = Sample.of(times)
    what = ", ".join(filter(None, (question.name, how, "p95")))
    note = f"p50 / p95 / p99 / max {sample}"
    return Line(what, [sample.at(0.95)], "ms", question.at_most_ms, note)
