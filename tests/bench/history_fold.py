"""What folding facts into SQLite costs the recorder, beside inserting the rows that came of it.

    .venv/bin/python -m tests.bench.history_fold [--facts N] [--tabs N] [--quick]

Seconds are of this process's CPU. The reference has no fold: the same rows, inserted by sqlite3's
`executemany` in as many transactions. So the ratio holds on a machine that is busy or slow.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select

from presence_server.history.facts import MAX_FACTS, AnyFact, Batch, Ended, Moved, Opened
from presence_server.history.fold.rules import DAY_MS, Rules
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import writer
from presence_server.history.store.schema import metadata
from presence_server.history.store.taker import Taker
from tests.bench.history_stage import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

BEGIN: Final = 20_000 * DAY_MS + 7 * 3_600_000
RULES: Final = Rules(half_life_days=7, session_idle_ms=DAY_MS, guest_key="month")
ROOMS: Final = 20
USERS: Final = 30
RESOURCES: Final = 300
THERE: Final = ROOMS * USERS // 2
"""Tabs that are open, about."""
PER_S: Final = 600

Tab = tuple[int, int, int]
Place = tuple[str, str, str]


def mixed(count: int, seed: int = 7) -> Iterator[AnyFact]:
    """What people do: of all facts a tenth are tabs that open or end, a quarter are away or back,
    the others go to another resource, mostly to one of those that everybody goes to.
    """
    draw, open_, places = Random(seed), list[Tab](), dict[Tab, Place]()
    for number in range(count):
        at, roll = _at(number), draw.random()
        if len(open_) < THERE or roll < 0.05:
            open_.append((draw.randrange(ROOMS), draw.randrange(USERS), number))
            yield Opened(at, *_who(open_[-1]), "commenter")
            continue
        chosen = draw.randrange(len(open_))
        tab = open_[chosen]
        if roll < 0.1:
            open_[chosen] = open_[-1]
            open_.pop()
            yield Ended(at, *_who(tab), "closed")
            continue
        if roll > 0.35 or tab not in places:
            number_of = int(RESOURCES ** draw.random())
            places[tab] = "document", f"id-{number_of}", f"v{draw.randrange(3)}"
        yield Moved(at, *_who(tab), "commenter", *places[tab], 0.1 < roll < 0.22)


def dearest(count: int) -> Iterator[AnyFact]:
    """Everybody goes on and on to resources that nobody saw before."""
    for number in range(ROOMS * USERS):
        yield Opened(BEGIN, *_who((number % ROOMS, number, number)), "commenter")
    for number in range(count):
        user = number % (ROOMS * USERS)
        who = _who((user % ROOMS, user, user))
        yield Moved(_at(number), *who, "commenter", "document", f"id-{number}", None, False)


def crowd(tabs: int) -> Iterator[AnyFact]:
    """So many come and look, a hundred to a room."""
    for number in range(tabs):
        at, who = _at(number), _who((number // 100, number % 100, number))
        yield Opened(at, *who, "commenter")
        yield Moved(at, *who, "commenter", "document", f"id-{number % 20}", "v1", False)


def _at(number: int) -> int:
    return BEGIN + number * 1_000 // PER_S


def _who(tab: Tab) -> tuple[str, str, bool, int]:
    room, user, number = tab
    return f"presence-{room}", f"user-{user}", user % 10 == 0, number


def folding(facts: Sequence[AnyFact], what: str) -> Iterator[Line]:
    """Fold them, 500 to a transaction as a recorder that keeps up does."""
    transactions = _cut(facts, MAX_FACTS)
    with _empty() as folded, _empty() as inserted:
        used = _seconds(lambda: _take(folded, transactions))
        rows = _rows(folded)
        reference = _seconds(lambda: _insert(inserted, rows, len(transactions)))
    yield Line(f"{what}, folded", [len(facts) / used], "facts per CPU s")
    count = sum(map(len, rows.values()))
    note = f"{count:,} rows: {used:.2f} s and {reference:.2f} s"
    yield Line(f"{what}, folded beside inserted", [used / reference], "times", None, note)


def ending(tabs: int) -> Iterator[Line]:
    """End what a server that was killed left open."""
    with _empty() as address:
        _take(address, _cut([*crowd(tabs)], 4 * MAX_FACTS))
        engine = writer(address)
        used = _seconds(lambda: Taker(engine, RULES).begin("next"))
        engine.dispose()
    yield Line(f"{tabs:,} open tabs end at the next start", [used], "CPU s")


def _cut(facts: Sequence[AnyFact], size: int) -> list[Sequence[AnyFact]]:
    return [facts[at : at + size] for at in range(0, len(facts), size)]


@contextmanager
def _empty() -> Iterator[str]:
    """The address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="presence-bench-") as folder:
        address = f"sqlite:///{Path(folder) / 'presence.db'}"
        prepare(address)
        yield address


def _seconds(work: Callable[[], object]) -> float:
    """Of this process's CPU."""
    gc.collect()
    gc.freeze()
    began = time.process_time()
    work()
    used = time.process_time() - began
    gc.unfreeze()
    return used


def _take(address: str, transactions: Iterable[Sequence[AnyFact]]) -> None:
    engine = writer(address)
    taker = Taker(engine, RULES)
    for number, facts in enumerate(transactions, 1):
        taker.take([Batch("bench", number, facts[-1].at, [*facts])])
    engine.dispose()


def _rows(address: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    engine = writer(address)
    with engine.begin() as connection:
        found = {name: _all(connection, name) for name in metadata.tables}
    engine.dispose()
    return found


def _all(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    return [*map(tuple, connection.execute(select(metadata.tables[name])))]


def _insert(address: str, rows: dict[str, list[tuple[Any, ...]]], transactions: int) -> None:
    """Of each table the same share in every transaction."""
    engine = writer(address)
    for number in range(transactions):
        with engine.begin() as connection:
            driver: Any = connection.connection.driver_connection
            for name, all_ in rows.items():
                share = [len(all_) * at // transactions for at in (number, number + 1)]
                marks = ", ".join("?" * len(metadata.tables[name].columns))
                statement = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 - ours
                driver.executemany(statement, all_[slice(*share)])
    engine.dispose()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=int, default=50_000)
    parser.add_argument("--tabs", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="so small that it says nothing")
    given = parser.parse_args(arguments)
    facts, tabs = (1_500, 200) if given.quick else (given.facts, given.tabs)
    print("| measured | figure | target | reached | |\n| --- | ---: | --- | --- | --- |")
    for lines in (
        folding([*mixed(facts)], "a mix"),
        folding([*dearest(facts)], "views of what nobody saw before"),
        ending(tabs),
    ):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
