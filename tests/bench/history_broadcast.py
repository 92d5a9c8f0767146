"""What history adds to a broadcast: a server with it and two without, in turn, by the same crowd.

All three are there all the time, with everybody connected to each. In every round each of them is
driven for a moment, in an order that is drawn anew. What drifts, and what other programs do, so
falls on all alike, and what is left of it is seen: the two without history ought not to differ.

Rooms of ten in which people move to resources that nobody saw before: the most that a view can
cost a recorder. *With questions* somebody also exports the ledger of a large room again and again,
as fast as it comes, and somebody else asks ten questions a second, while the one with history has
its turn.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.bench import paired
from tests.bench.generator import Loss, generating
from tests.bench.history_stage import (
    Line,
    asking,
    cpu_s,
    exact_cpu_s,
    has_taken_all,
    recorder_of,
    recording,
    until,
)
from tests.bench.machine import Moment, two_cores
from tests.bench.tokens import write_crowds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.generator import Generator
    from tests.bench.server import Server

MEMBERS: Final = 10
ASK_S: Final = 0.1
LARGE: Final = "presence-001"
OFF, AGAIN, ON = WAYS = ("off", "off again", "on")


class Load(NamedTuple):
    """So many views a second by 600 people. A turn is not measured before it is warm."""

    per_s: int
    warm_ms: int
    ms: int
    rounds: int
    rooms: int = 60

    @property
    def everybody(self) -> int:
        """All members of all rooms of a server."""
        return self.rooms * MEMBERS


LOADS: Final = (Load(600, 700, 1_500, 60), Load(60, 1_000, 2_000, 15))
"""The first commits by the number of views, the second each second: both twice in a turn."""


class Slice(NamedTuple):
    """A turn: how long deliveries took (p95), and what an update took of the CPU."""

    socket_ms: float
    client_ms: float
    server_us: float
    recorder_us: float
    deliveries: int


PLACES: Final[Sequence[tuple[str, Callable[[Slice], float]]]] = (
    ("the socket", lambda one: one.socket_ms),
    ("the client", lambda one: one.client_ms),
)
"""Where a delivery ends: a client on this machine has to wait for a core to read it."""

Found = dict[str, list[Slice]]


def broadcast(address: str, loads: Sequence[Load], *, is_asked: bool = False) -> Iterator[Line]:
    """Compare; where somebody asks, `address` is of a filled database, for exports to be long."""
    with _crowds(address, loads[0], is_asked=is_asked) as crowds:
        for load in loads:
            began = Moment.now()
            found = crowds.measure(load)
            name = f"{load.per_s} views/s{' with questions' if is_asked else ''}"
            yield from _lines(name, found, f"{load.rounds} rounds; {began.since()}")
        dropped = crowds.servers[ON].metrics()["presence_history_dropped_total"]
        yield Line("broadcast, facts of it dropped", [dropped], "facts", 0)


@contextmanager
def _crowds(address: str, load: Load, *, is_asked: bool) -> Iterator[_Crowds]:
    with ExitStack() as stack:
        servers = {
            way: stack.enter_context(recording(address if way == ON else None)) for way in WAYS
        }
        listed = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "list"
        ports = [server.port for server in servers.values()]
        write_crowds(listed, ports, load.rooms, MEMBERS)
        generator = stack.enter_context(generating(ports[0], listed, two_cores()[1], stamps=True))
        generator.run(f"join {load.everybody * len(WAYS)}")
        yield _Crowds(servers, generator, is_asked)


class _Crowds:
    """A server for each way, and one generator that is everybody."""

    def __init__(self, servers: dict[str, Server], generator: Generator, is_asked: bool) -> None:
        self.servers = servers
        self._generator = generator
        self._recorder = recorder_of(servers[ON])
        self._is_asked = is_asked
        self._rest()
        self._noted = self._facts()

    def measure(self, load: Load) -> Found:
        """Drive each in each round."""
        found: Found = {way: [] for way in WAYS}
        random = Random(load.per_s)
        for _ in range(load.rounds):
            for way in random.sample(WAYS, len(WAYS)):
                found[way].append(self._turn(way, load))
        return found

    def _turn(self, way: str, load: Load) -> Slice:
        """Drive one, and wait until the recorder rests: the next is not to pay for it."""
        server, recorder_s = self.servers[way], cpu_s(self._recorder)
        stream = f"update {WAYS.index(way) * load.everybody} {load.everybody} {load.per_s}"
        is_asked = way == ON and self._is_asked
        with questions(server) if is_asked else nullcontext():
            self._generator.tell(f"open {load.warm_ms} {stream}\nopen {load.ms} {stream}")
            warm = self._generator.answer()
            server_s = exact_cpu_s(server.pid)
            result = self._generator.answer()
            server_s = exact_cpu_s(server.pid) - server_s
        self._rest()
        if not (warm.ok and result.ok):
            raise Loss(warm.loss or result.loss)
        updates = warm.updates + result.updates
        self._must_have_noted(updates if way == ON else 0)
        recorder_s = cpu_s(self._recorder) - recorder_s
        used_us = server_s / result.updates * 1e6, recorder_s / updates * 1e6
        p95s = result.arrival.p95_ms, result.delivery.p95_ms
        return Slice(*p95s, *used_us, result.delivery.count)

    def _rest(self) -> None:
        until(lambda: has_taken_all(self.servers[ON]))

    def _facts(self) -> float:
        return self.servers[ON].metrics()["presence_history_facts_total"]

    def _must_have_noted(self, views: int) -> None:
        """So many since the last time: the recorder has recorded, and only where it was to."""
        before, self._noted = self._noted, self._facts()
        if self._noted - before != views:
            raise RuntimeError(f"{self._noted - before:.0f} facts are noted of {views} views")


def _lines(name: str, found: Found, note: str) -> Iterator[Line]:
    for place, of in PLACES:
        for way in (OFF, ON):
            count = sum(one.deliveries for one in found[way])
            p95s = [of(one) for one in found[way]]
            what = f"broadcast, {name}, to {place}, history {way}, p95 of each turn"
            yield Line(what, p95s, "ms", None, f"{count:,} deliveries; {note}")
        yield from _added(f"broadcast, {name}, to {place}", *_differences(found, of))
    spent, noise = _differences(found, lambda one: one.server_us)
    added, same = paired.of_median(spent), paired.of_median(noise)
    off = fmean(one.server_us for one in found[OFF])
    theirs = fmean(one.recorder_us for one in found[ON])
    note = f"to {off:.0f}; median {added}; of two without {same}; the recorder took {theirs:.0f}"
    what = f"broadcast, {name}, server's CPU added to an update"
    yield Line(what, [added.middle], "µs", None, note)


def _added(what: str, differences: list[float], noise: list[float]) -> Iterator[Line]:
    added, mean = paired.of_median(differences), paired.of_mean(differences)
    note = f"median of differences {added}; mean {mean}"
    yield Line(f"{what}, added to p95, at most (95 % sure)", [added.high], "ms", 0.5, note)
    same, mean = paired.of_median(noise), paired.of_mean(noise)
    note = f"median of differences {same}; mean {mean}"
    yield Line(f"{what}, two without history differ by", [abs(same.middle)], "ms", None, note)


def _differences(found: Found, of: Callable[[Slice], float]) -> tuple[list[float], list[float]]:
    """Round by round: with history less the mean without, and the two without."""
    rounds = [tuple(map(of, ways)) for ways in zip(*(found[way] for way in WAYS), strict=True)]
    return [on - (off + again) / 2 for off, again, on in rounds], [
        again - off for off, again, _ in rounds
    ]


@contextmanager
def questions(server: Server, room: str = LARGE) -> Iterator[None]:
    """Have an export and questions go on for a while."""
    over = threading.Event()

    def export() -> None:
        with asking(server) as asker:
            while not over.is_set():
                for _ in asker.stream("export/views", room=room, format="csv"):
                    if over.is_set():
                        return

    def ask() -> None:
        with asking(server) as asker:
            while not over.wait(ASK_S):
                asker.ask("top", room=room, by="views")

    with _doing(export), _doing(ask):
        try:
            yield
        finally:
            over.set()


@contextmanager
def _doing(what: Callable[[], None]) -> Iterator[None]:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            what()
        except (OSError, RuntimeError) as failure:
            failures.append(failure)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise failures[0]
