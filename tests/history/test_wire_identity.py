"""With history off, on, or failing, every client is sent the same bytes."""

import hashlib
import random
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from websockets import client

from presence_server.history.facts import (
    AnyFact,
    Ended,
    Lost,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)
from presence_server.history.journal import Journal
from presence_server.history.link import Link
from presence_server.history.setup import Setup
from presence_server.metrics import Metrics
from tests.history.noting import Sink, attach, enter
from tests.protocol.files import scenarios
from tests.protocol.stage import Stage
from tests.support.world import Client, World

STEPS: Final = 10_000
ROOMS: Final = ("presence-a", "presence-b")
USERS: Final = [f"user-{number}" for number in range(12)]
SMALL: Final = 2_000
SETUP: Final = Setup("sqlite:///x", "run", "/x", 7, 86_400_000, "month", 90, 400, "info", "text")

Arrange = Callable[[World], Sink]


def off(world: World) -> Sink:
    """Nobody listens."""
    assert world.gateway.rooms._listeners == ()
    return Sink()


def on(world: World) -> Sink:
    """All that is noted is taken."""
    return attach(world)


def stuck(world: World) -> Sink:
    """Nothing is ever taken, and little may wait: nearly all is dropped."""
    sink = attach(world, SMALL)
    sink.is_stuck = True
    return sink


def in_and_out(world: World) -> Sink:
    """Now nothing is taken and facts are dropped, now all, and a census made."""
    sink = stuck(world)

    def turn() -> None:
        sink.is_stuck = not sink.is_stuck
        sink.send()
        world.loop.call_later(3, turn)

    world.loop.call_later(3, turn)
    return sink


def without_a_process(world: World) -> Sink:
    """There is no recorder process at the other end."""
    sink = attach(world, SMALL)
    recorder = sink.recorder
    clocks = world.clocks._replace(random=random.Random(0).random)
    metrics = Metrics()
    journal = Journal(recorder.count, world.loop.time)
    link = Link(SETUP, recorder.waiting, recorder.taken, clocks, journal, metrics)
    recorder.start(world.gateway.rooms, link)
    return sink


WITHOUT_LOSS: Final[set[type[AnyFact]]] = {Opened, Moved, Ended, Removed, RoomEnded, Refused}
STATES: Final[dict[Arrange, set[type[AnyFact]]]] = {
    on: WITHOUT_LOSS,
    stuck: set(),
    in_and_out: WITHOUT_LOSS | {Lost},
    without_a_process: set(),
}
"""And what the recorder process is told in each."""


@pytest.fixture(autouse=True)
def frozen_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one chance that is not the world's: the key that a client sends, and is answered."""
    monkeypatch.setattr(client, "generate_key", lambda: "AAAAAAAAAAAAAAAAAAAAAA==")


def digest(clients: Iterable[Client]) -> str:
    """Of every byte that each of them received."""
    received = hashlib.sha256()
    for one in clients:
        received.update(len(one.raw).to_bytes(8, "big") + one.raw)
    return received.hexdigest()


def play_scenarios(arrange: Arrange) -> dict[str, str]:
    """Every scenario of the protocol: what its clients received."""
    seen = {}
    for name, scenario in scenarios().items():
        stage = Stage(scenario)
        arrange(stage.world)
        stage.play(scenario["steps"])
        seen[name] = digest(stage.world.clients)
    assert len(seen) > 50
    return seen


class Trace:
    """What users do at random, the same each time."""

    def __init__(self, arrange: Arrange) -> None:
        self.world = World()
        self.sink = arrange(self.world)
        self._random = random.Random(7)
        self._live: list[Client] = []
        self._rest: list[Client] = []
        self._seen = hashlib.sha256()

    def run(self, steps: int) -> str:
        """So many steps; what was received."""
        for _ in range(steps):
            self._step()
        self.world.loop.advance(60)
        self._let_go(lambda _: True)
        return self._seen.hexdigest()

    def _step(self) -> None:
        chance = self._random.random()
        if not self._live or chance < 0.02:
            self._join()
        elif chance < 0.9:
            self._speak(self._random.choice(self._live), chance)
        elif chance < 0.915:
            self._leave(self._random.choice(self._live))
        elif chance < 0.917:
            self._operate()
        else:
            self.world.loop.advance(self._random.choice((0.001, 0.02, 0.3)))

    def _join(self) -> None:
        user, room = self._random.choice(USERS), self._random.choice(ROOMS)
        role = self._random.choice(("viewer", "commenter", "operator"))
        joined = enter(
            self.world,
            user,
            f"pk-{self._random.randrange(3)}",
            room,
            role=role,
            observe=self._random.random() < 0.1,
            anon=user.endswith("1"),
            track=not user.endswith("2"),
        )
        self._live.append(joined)

    def _speak(self, one: Client, chance: float) -> None:
        if chance < 0.4:
            one.point({"x": self._random.randrange(100)})
        elif chance < 0.8:
            resource = f"doc-{self._random.randrange(5)}"
            one.update(f"/{resource}", resourceType="doc", resourceId=resource, versionId="v1")
        elif chance < 0.88:
            one.mark(self._random.choice(("online", "away")))
        else:
            one.send('{"type": "nonsense"')

    def _leave(self, one: Client) -> None:
        self._live.remove(one)
        if self._random.random() < 0.5:
            one.close()
        else:
            one.vanish()
        self._let_go(lambda each: each.is_gone or each.closed is not None)

    def _operate(self) -> None:
        rooms = self.world.gateway.rooms
        if self._random.random() < 0.8:
            rooms.remove_user(self._random.choice(ROOMS), self._random.choice(USERS))
        else:
            rooms.end(self._random.choice(ROOMS))
        self.world.loop.advance(2)

    def _let_go(self, is_over: Callable[[Client], bool]) -> None:
        """Digest what those received who are gone, and forget them."""
        over = [one for one in self.world.clients if is_over(one)]
        self._seen.update(digest(over).encode())
        self.world.clients = [one for one in self.world.clients if one not in over]
        self._live = [one for one in self._live if one not in over]


def test_the_scenarios_are_the_same_bytes_whatever_history_does() -> None:
    expected = play_scenarios(off)
    for arrange in (on, stuck):
        assert play_scenarios(arrange) == expected, arrange


def test_a_random_trace_is_the_same_bytes_whatever_history_does() -> None:
    check_trace(on, in_and_out)


@pytest.mark.proof
def test_it_is_also_where_nothing_is_ever_taken() -> None:
    check_trace(stuck, without_a_process)


def check_trace(*states: Arrange) -> None:
    """Assert that a trace is the same bytes in these states, and that they are what they say."""
    expected = Trace(off).run(STEPS)
    for arrange in states:
        trace = Trace(arrange)
        assert trace.run(STEPS) == expected, arrange
        assert {type(fact) for fact in trace.sink.facts} == STATES[arrange], arrange
        assert (trace.sink.dropped > 0) is (arrange is not on), arrange
