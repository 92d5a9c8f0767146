"""A database that people used: the taker writes it from facts that a seed decides."""

import random
from collections.abc import Iterable
from typing import Any, Final

import pytest

from presence_server.history.facts import AnyFact, Batch, Ended, Moved, Opened
from presence_server.history.fold.rules import DAY_MS, Rules
from presence_server.history.store import engine as engines
from presence_server.history.store.check import Difference, check
from presence_server.history.store.database import prepare
from presence_server.history.store.schema import metadata
from presence_server.history.store.taker import Taker

NOON: Final = 20_000 * DAY_MS + DAY_MS // 2
"""In October 2024."""

ROOM: Final = "presence-1"


MOSTLY_SQLITE: Final = pytest.mark.parametrize(
    "address",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)],
    indirect=True,
)
"""For what is the same code on both: PostgreSQL has its turn in `make proof`."""


class World:
    """A database, who writes to it, and what it says."""

    def __init__(self, address: str, guest_key: Any = "month") -> None:
        self.address = address
        prepare(address)
        self.engine = engines.writer(address)
        self.readers = engines.readers(address)
        self.taker = Taker(self.engine, Rules(7, 3_600_000, guest_key))
        self.run, self.number = "run", 0
        self.taker.begin(self.run)

    def close(self) -> None:
        self.engine.dispose()
        self.readers.dispose()

    def tell(self, at: int, *facts: AnyFact) -> None:
        """Have facts taken; `at` is when all before was told."""
        self.number += 1
        self.taker.take([Batch(self.run, self.number, at, list(facts))])

    def live(self, days: int, seed: int = 1, begin: int = NOON) -> int:
        """Some days of five users and two guests in two rooms. Returns when they were over."""
        rng = random.Random(seed)
        at = begin
        batches = []
        for _ in range(days * 8):
            at += rng.randrange(DAY_MS // 8)
            self.number += 1
            batches.append(Batch(self.run, self.number, at, list(_visit(rng, at))))
        self.taker.take(batches)
        end = max(at, begin + days * DAY_MS)
        self.tell(end)
        return end

    def restart(self) -> None:
        """Have another run of the server begin: what was open has ended."""
        self.run, self.number = "another", 0
        self.taker.begin(self.run)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """What a table holds."""
        names = ", ".join(columns) or "*"
        with self.readers.connect() as connection:
            query = f"SELECT {names} FROM {table} ORDER BY 1, 2"  # noqa: S608 # our own names
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def differences(self, room: str | None = None) -> list[Difference]:
        """What a check finds."""
        with self.readers.connect() as connection:
            return [found for found in check(connection, room) if isinstance(found, Difference)]

    def statistics(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is counted, without its base."""
        told = {}
        for name in ("resources", "versions", "days", "room_days", "viewers", "resource_viewers"):
            columns = [of.name for of in metadata.tables[name].c if "base" not in of.name]
            told[name] = self.rows(name, *columns)
        return told


def _visit(rng: random.Random, at: int) -> Iterable[AnyFact]:
    room, tab = rng.choice(["presence-1", "presence-2"]), rng.randrange(12)
    user, is_guest = f"user-{tab % 7}", tab % 7 > 4
    yield Opened(at, room, user, is_guest, tab, "viewer")
    for _ in range(rng.randrange(1, 4)):
        at += rng.randrange(600_000)
        where = ("doc", f"doc-{rng.randrange(3)}", rng.choice([None, "v1", "v2"]))
        yield Moved(at, room, user, is_guest, tab, "viewer", *where, rng.random() < 0.2)
    if rng.random() < 0.7:
        yield Ended(at + rng.randrange(60_000), room, user, is_guest, tab, "closed")


def columns_of(table: str) -> list[str]:
    """The columns with numbers that are counted."""
    plain = {"id", "ref", "kind", "user_id", "version_id", "resource_id", "day"}
    if table in {"resources", "room_days"}:
        plain.add("room_id")  # must be unique, with others
    return [of.name for of in metadata.tables[table].c if of.name not in plain]
