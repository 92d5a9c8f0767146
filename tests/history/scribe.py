"""The recorder's writer beside a test: its thread and its database are real, all else is not."""

import queue
import random
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec
from sqlalchemy import Engine, select

from presence_server.history.facts import (
    Answer,
    AnyFact,
    Batch,
    Ended,
    Lost,
    Moved,
    Opened,
    Ready,
    Taken,
    Trouble,
)
from presence_server.history.link import WINDOW
from presence_server.history.setup import Setup
from presence_server.history.store.check import Difference, check
from presence_server.history.store.engine import readers
from presence_server.history.store.schema import progress
from presence_server.history.waiting import Packed, Waiting
from presence_server.history.writer import Writer
from tests.history.model import Model
from tests.history.model_parts import DAY, FIVE_MINUTES
from tests.history.named import named_rows
from tests.history.stories import EPOCH, IDLE_MS, RULES
from tests.support.server import eventually

SOON_S: Final = 40.0
SHORT: Final = (0, 0, 0, 1, 40, 1_000)
LONG: Final = (*SHORT, 60_000, FIVE_MINUTES - 1, FIVE_MINUTES, FIVE_MINUTES + 1)
PLACES: Final = ((None, None, None), ("page", "a", None), ("page", "a", "1"), ("board", "b", "2"))
PEOPLE: Final = (("u1", False), ("u2", False), ("g1", True), ("g2", True))


class Scribe:
    """Keeps batches until they are taken, as the server's link does, and has a writer take them.

    A context manager: at its end all must have been taken. `taken` is told what is; `through` is
    another address of the database, for the writer.
    """

    def __init__(
        self,
        address: str,
        run: str = "run",
        waiting: Waiting | None = None,
        taken: Callable[[int], object] | None = None,
        through: str | None = None,
    ) -> None:
        self.waiting = waiting or Waiting()
        self.told: list[Batch] = []
        self.answers: list[Answer] = []
        self._taken = taken or self.waiting.taken
        self._come: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        rules = (RULES.half_life_days, RULES.session_idle_ms, RULES.guest_key)
        setup = Setup(through or address, run, "", *rules, 90, 400, "info", "text")
        self.writer = Writer(setup, self._come.put)
        self.readers = readers(address)
        self._run = run
        self._number = 0
        self._is_ready = False
        self._decode = msgspec.msgpack.Decoder(Batch).decode

    def __enter__(self) -> Self:
        self.writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.finish()
        if error is None:
            self.writer.ended.result(SOON_S)
        self.readers.dispose()

    def tell(self, facts: list[AnyFact], at: int) -> None:
        """Have a batch taken, at some time."""
        self._number += 1
        data = msgspec.msgpack.encode(Batch(self._run, self._number, at, facts))
        self.waiting.add(Packed(self._number, at, len(facts), data))
        self.send()

    def send(self) -> None:
        """Send what may be sent."""
        if self._is_ready:
            for data in self.waiting.to_send(WINDOW):
                self.told.append(self._decode(data))
                self.writer.put(self.told[-1])

    def listen(self) -> None:
        """Hear what the writer answered."""
        while not self._come.empty():
            answer = self._come.get()
            self.answers.append(answer)
            if isinstance(answer, Ready | Taken):
                self._is_ready = True
                self._taken(answer.number)
                self.send()

    def until(self, condition: Callable[[], object]) -> None:
        """Listen until something is so."""

        def is_so() -> object:
            self.listen()
            return condition()

        eventually(is_so, SOON_S)

    def settle(self) -> None:
        """Wait until all is taken."""
        self.until(lambda: self._is_ready and not self.waiting.size)

    def troubles(self, why: str) -> int:
        """How many transactions failed for that."""
        self.listen()
        return sum(isinstance(one, Trouble) and one.why == why for one in self.answers)

    # What is in the database

    def number(self) -> int:
        """The last batch that it has."""
        with self.readers.connect() as connection:
            number: int = connection.scalars(select(progress.c.number)).one()
        return number

    def assert_it_says(self, model: Model) -> None:
        """As below."""
        compare(self.readers, model)


class Crowd:
    """People who move about at random, the same for a seed. `model` is told what they do."""

    def __init__(
        self,
        seed: int,
        pauses: Iterable[int] = LONG,
        people: Sequence[tuple[str, bool]] = PEOPLE,
    ) -> None:
        self.at = EPOCH
        self.model = naive()
        self._random = random.Random(seed)
        self._pauses = (*pauses,)
        self._people = people

    def facts(self, count: int) -> list[AnyFact]:
        """What they do next."""
        facts = [self._fact() for _ in range(count)]
        for fact in facts:
            self.model.take(fact)
        return facts

    def _fact(self) -> AnyFact:
        choose = self._random.choice
        self.at += choose(self._pauses)
        tab = self._random.randrange(6)
        user, is_guest = self._people[tab % len(self._people)]
        who = (self.at, choose(("r1", "r2")), user, is_guest, tab)
        match choose("omme"):
            case "o":
                return Opened(*who, "viewer")
            case "m":
                kind, ref, version = choose(PLACES)
                is_away = self._random.random() < 0.2
                return Moved(*who, "viewer", kind, ref, version, is_away)
            case _:
                return Ended(*who, "closed")


def naive() -> Model:
    """A model by the rules of the writer."""
    return Model(IDLE_MS, RULES.half_life_days, lambda user, at: f"{user}@{at // DAY * DAY}")


def retold(batches: Iterable[Batch]) -> Model:
    """The model, told what a writer was; `Lost` is among it."""
    model = naive()
    for batch in batches:
        for fact in batch.facts:
            if isinstance(fact, Lost):
                model.pass_time(fact.since)
            model.take(fact)
        model.pass_time(batch.at)
    return model


def assert_it_says(address: str, model: Model) -> None:
    """Assert that all of it is as a naive recount has it, and that a check finds nothing."""
    engine = readers(address)
    compare(engine, model)
    engine.dispose()


def compare(engine: Engine, model: Model) -> None:
    """The same, through those who read."""
    rows = named_rows(engine)
    for table, counted in model.rows().items():
        assert rows[table] == counted, table
    with engine.connect() as connection:
        found = [one for one in check(connection) if isinstance(one, Difference)]
    assert found == []
