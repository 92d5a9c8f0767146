"""Rows for tests of questions: facts go in, and the recorder's own taker makes rows of them."""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from types import TracebackType
from typing import Final, Self

import pytest

from presence_server.history.facts import AnyFact, Batch, Ended, Moved, Opened
from presence_server.history.fold.rules import DAY_MS, Rules
from presence_server.history.store.database import prepare
from presence_server.history.store.engine import readers, writer
from presence_server.history.store.taker import Taker

ROOM: Final = "room"
KIND: Final = "document"
MORNING: Final = 20_000 * DAY_MS + 9 * 3_600_000
"""2024-10-04, 9:00."""
RULES: Final = Rules(half_life_days=7, session_idle_ms=3_600_000, guest_key="month")


def visit(
    at: int,
    user: str,
    ref: str,
    version: str | None = None,
    *,
    took_ms: int | None = 1_000,
    kind: str = KIND,
    room: str = ROOM,
    tab: int = 1,
    is_guest: bool = False,
    role: str = "commenter",
) -> list[AnyFact]:
    """Somebody comes, looks at something and goes; or stays (`took_ms` is None)."""
    who = (room, user, is_guest, tab)
    came: list[AnyFact] = [
        Opened(at, *who, role),
        Moved(at, *who, role, kind, ref, version, is_away=False),
    ]
    return came if took_ms is None else [*came, Ended(at + took_ms, *who, "closed")]


class Recorded:
    """A database that facts are taken into, and the engine that reads it."""

    def __init__(self, address: str) -> None:
        prepare(address)
        self.writer = writer(address)
        self.readers = readers(address)
        self._taker = Taker(self.writer, RULES)
        self._taker.begin("run")
        self._number = 0
        self.clock = MORNING
        """For tests that go on where others ended: times never go back."""

    def take(self, *facts: Iterable[AnyFact], at: int = 0) -> None:
        """Take facts in the order of their times; `at` is the batch's, the last fact's at least."""
        happened = sorted((fact for some in facts for fact in some), key=attrgetter("at"))
        self._number += 1
        made = max([at, *(fact.at for fact in happened)])
        self._taker.take([Batch("run", self._number, made, happened)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.dispose()
        self.readers.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """A database that a module's tests have in common, each in a room of its own."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path_factory.mktemp('read')}/presence.db"
    else:
        address = request.getfixturevalue("postgres").new_database()
    with Recorded(address) as database:
        yield database
