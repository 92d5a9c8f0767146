"""Whole lists, in chunks.

Each chunk is a question of its own, on a connection that goes back at once. A transaction over the
whole of an export would last as long as its reader is slow, and as long SQLite's log could not be
checkpointed (it grows, and keeps what was erased) nor PostgreSQL's dead rows be removed. What was
there at the begin comes once, as it is when its chunk is read; what is erased meanwhile does not.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

from sqlalchemy import Engine

from presence_server.history.read import days as daily
from presence_server.history.read import ledger
from presence_server.history.read import sessions as held
from presence_server.history.read import top as ranking
from presence_server.history.read import viewers as audience
from presence_server.history.read.limits import asking, taking_time
from presence_server.history.read.pages import Place, Walk
from presence_server.history.read.resources import Resource

Row = TypeVar("Row")

CHUNK: Final = 1_000
RANKED: Final = 10_000


def views(engine: Engine, room: str, asked: ledger.Asked) -> Iterator[list[ledger.View]] | None:
    """The ledger, newest first."""
    with asking(engine) as connection:
        walk = ledger.viewings(connection, room, asked)
    return None if walk is None else _chunks(engine, walk)


def viewers(
    engine: Engine, room: str, kind: str, ref: str, *, version: str | None
) -> Iterator[list[audience.Viewer]] | None:
    """Who viewed, in the order in which the room first saw them (pages come latest first)."""
    with asking(engine) as connection:
        found = audience.audience(connection, room, kind, ref, version)
    return None if found is None else _chunks(engine, audience.everybody(found))


def top(
    engine: Engine, room: str, *, by: ranking.By, kind: str | None, days: int | None, now: int
) -> Iterator[list[Resource]] | None:
    """The first 10,000 of the ranking, as it is at the begin."""
    with taking_time(engine) as connection:
        asked = ranking.ranking(connection, room, by=by, kind=kind, days=days, now=now)
        numbers = [] if asked is None else ranking.first(connection, asked, RANKED)
    return None if asked is None else _told(engine, asked, numbers, now)


def days(
    engine: Engine, room: str, *, kind: str | None, ref: str | None, count: int, until: int
) -> Iterator[list[daily.Day]] | None:
    """What began on each day."""
    with asking(engine) as connection:
        found = daily.days(connection, room, kind=kind, ref=ref, count=count, until=until)
    return None if found is None else iter([found])


def sessions(engine: Engine, room: str) -> Iterator[list[held.Session]] | None:
    """Sessions, newest first."""
    with asking(engine) as connection:
        walk = held.sessions_of(connection, room)
    return None if walk is None else _chunks(engine, walk)


def participants(engine: Engine, room: str, number: int) -> Iterator[list[held.Participant]] | None:
    """Who took part in a session, in the order of their first joins."""
    with asking(engine) as connection:
        walk = held.participants_of(connection, room, number)
    return None if walk is None else _chunks(engine, walk)


def activity(engine: Engine, room: str, number: int | None) -> Iterator[list[held.Activity]] | None:
    """The trail, newest first."""
    with asking(engine) as connection:
        walk = held.activity_of(connection, room, number)
    return None if walk is None else _chunks(engine, walk)


def _told(
    engine: Engine, asked: ranking.Ranking, numbers: list[int], now: int
) -> Iterator[list[Resource]]:
    for begin in range(0, len(numbers), CHUNK):
        with taking_time(engine) as connection:
            rows = ranking.told(connection, asked, numbers[begin : begin + CHUNK], now=now)
        yield rows


def _chunks(engine: Engine, walk: Walk[Row]) -> Iterator[list[Row]]:
    place: Place | None = None
    while True:
        with taking_time(engine) as connection:
            found = walk.read(connection, place, CHUNK)
        if not found:
            return
        yield [row for _, row in found]
        place = found[-1][0]
