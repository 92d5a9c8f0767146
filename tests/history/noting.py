"""A gateway in memory with a recorder beside it, and what the recorder process would be told."""

from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from presence_server.history.clock import SteadyClock
from presence_server.history.facts import AnyFact, Batch
from presence_server.history.recorder import Recorder
from presence_server.metrics import Metrics
from tests.support.world import Client, World

LIMIT = 1_048_576
Kind = TypeVar("Kind", bound=AnyFact)


class Sink:
    """Takes every batch as it comes, unless it `is_stuck`."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.losses: list[int] = []
        self.is_stuck = False
        self.metrics = Metrics()
        self.recorder: Recorder
        self._decode = msgspec.msgpack.Decoder(Batch).decode

    def send(self) -> None:
        """Take what there is."""
        if self.is_stuck:
            return
        for data in self.recorder.waiting.to_send(1_000_000_000):
            self.batches.append(self._decode(data))
        if self.batches:
            self.recorder.taken(self.batches[-1].number)

    @property
    def facts(self) -> list[AnyFact]:
        """All of them, in order."""
        return [fact for batch in self.batches for fact in batch.facts]

    @property
    def dropped(self) -> int:
        """How many facts were lost."""
        return self.metrics.history_dropped.value

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Those of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def take(self) -> list[AnyFact]:
        """The facts since the last time."""
        facts = self.facts
        self.batches.clear()
        return facts


def attach(world: World, limit: int = LIMIT) -> Sink:
    """Have a recorder listen to a world that has none."""
    sink = Sink()
    clock = SteadyClock(world.wall, world.loop.time)
    recorder = Recorder(
        *("a run", limit, clock.now_ms, world.loop, sink.metrics), sink.losses.append
    )
    sink.recorder = recorder
    recorder.start(world.gateway.rooms, sink)
    world.gateway.rooms._listeners = (recorder,)
    return sink


def enter(world: World, user: str, pk: str, room: str, **claims: Any) -> Client:
    """Join any room, with a token for it."""
    query = urlencode({"_pk": pk, "token": world.token(user, room=room, **claims)})
    client = world.dial(f"/parties/presence/{room}?{query}")
    client.user = user
    world.settle()
    return client
