"""The report of a run, as data: what `--json` prints, and what the lines for people are made of."""

from collections import Counter
from ipaddress import ip_address
from typing import Final, NamedTuple

from msgspec import Struct

from presence_server.load.crowd import Crowd
from presence_server.load.gauge import Gauge
from presence_server.load.hints import hint
from presence_server.load.readings import Between, Reading
from presence_server.load.times import Times

BUSY: Final = 0.85
"""Share of a core beyond which there is none to spare."""
LATE_S: Final = 0.05
SHORTEST_S: Final = 1.0
"""What was measured for less says nothing."""
_CPU: Final = "process_cpu_seconds_total"
_MEMORY: Final = "process_resident_memory_bytes"


class Spread(Struct, rename="camel", frozen=True):
    """How long something took, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Ended(Struct, rename="camel", frozen=True):
    """Connections that did not stay, for one reason."""

    kind: str
    code: int
    reason: str
    count: int
    hint: str


class Connections(Struct, rename="camel", frozen=True):
    """How many there were. `failed` never got an answer of the protocol."""

    asked: int
    connected: int
    refused: int
    failed: int
    lost: int
    ended: list[Ended]


class Deliveries(Struct, rename="camel", frozen=True):
    """Updates that members were told. `replaced` are those that a snapshot stood for."""

    expected: int
    received: int
    replaced: int
    lost: int
    gaps: int
    resyncs: int


class Traffic(Struct, rename="camel", frozen=True):
    """What came in while they spoke."""

    events: int
    events_per_second: float
    bytes: int
    bytes_per_second: float
    cursors: int
    pings: int


class Generator(Struct, rename="camel", frozen=True):
    """This process while they spoke and while they dialled; `limited`: whether it was too slow."""

    cpu: float
    waited: float
    lag_p99_ms: float
    lag_max_ms: float
    dialling_cpu: float
    limited: bool


class Server(Struct, rename="camel", frozen=True):
    """What the server said of itself; a lag that its histogram ends with may be longer."""

    cpu: float
    dialling_cpu: float
    lag_p99_ms: float | None
    resident_before_bytes: int
    resident_after_bytes: int


class Report(Struct, rename="camel", frozen=True):
    """All of it."""

    url: str
    run_id: str
    rooms: int
    seconds: float
    interrupted: bool
    is_local: bool
    ok: bool
    connections: Connections
    connect: Spread
    updates_sent: int
    cursors_sent: int
    deliveries: Deliveries
    latency: Spread
    cursor_latency: Spread
    traffic: Traffic
    errors: dict[str, int]
    generator: Generator
    server: Server | None


class Books(Struct, frozen=True):
    """What a crowd has counted at some moment."""

    events: int
    replaced: int
    bytes: int
    cursors: int
    pings: int

    @classmethod
    def of(cls, crowd: Crowd) -> "Books":
        """Those of now."""
        accounts = [connection.account for connection in crowd.connections]
        events = sum(account.events for account in accounts) + crowd.cursors
        replaced = sum(account.replaced for account in accounts)
        return cls(events, replaced, crowd.bytes, crowd.cursors, crowd.pings)


class Course(NamedTuple):
    """How a run went: the books before and after they spoke, and what this process spent."""

    quiet: Books
    loaded: Books
    dialling: Gauge
    speaking: Gauge
    seconds: float
    interrupted: bool


def build(crowd: Crowd, course: Course, readings: list[Reading]) -> Report:
    """The report of a run that is over but for the Closes."""
    ends, told = connections(crowd), deliveries(crowd, course.quiet)
    is_whole = not ends.ended
    return Report(
        url=str(crowd.plan.target),
        run_id=crowd.plan.run_id,
        rooms=crowd.plan.rooms,
        seconds=round(course.seconds, 2),
        interrupted=course.interrupted,
        is_local=ip_address(crowd.route.address.partition("%")[0]).is_loopback,
        ok=is_whole and not told.lost and not told.gaps,
        connections=ends,
        connect=spread(crowd.connect),
        updates_sent=crowd.sent.total(),
        cursors_sent=crowd.cursors_sent,
        deliveries=told,
        latency=spread(crowd.latency),
        cursor_latency=spread(crowd.cursor_latency),
        traffic=traffic(course.quiet, course.loaded, course.seconds),
        errors=dict(crowd.errors),
        generator=generator(course),
        server=server(readings),
    )


def spread(times: Times) -> Spread:
    """The percentiles of these."""
    shown = [*(times.percentile(percent) for percent in (50, 95, 99)), times.longest]
    return Spread(*(round(seconds * 1000, 3) for seconds in shown))


def connections(crowd: Crowd) -> Connections:
    """What became of the connections."""
    total: Counter[str] = Counter()
    for fate, count in crowd.fates.items():
        total[fate.kind] += count
    ended = [
        Ended(*fate, count, hint(fate.code, fate.reason))
        for fate, count in crowd.fates.most_common()
    ]
    asked = crowd.plan.connections
    return Connections(
        asked, crowd.connected, total["refused"], total["failed"], total["lost"], ended
    )


def deliveries(crowd: Crowd, before: Books) -> Deliveries:
    """Whether all were told what all said."""
    expected, received = crowd.expected(), crowd.deliveries()
    replaced = min(Books.of(crowd).replaced - before.replaced, max(0, expected - received))
    accounts = [connection.account for connection in crowd.connections]
    return Deliveries(
        expected,
        received,
        replaced,
        max(0, expected - received - replaced),
        sum(account.gaps for account in accounts),
        sum(account.resyncs for account in accounts),
    )


def traffic(before: Books, after: Books, seconds: float) -> Traffic:
    """What came in between the two."""
    events, size = after.events - before.events, after.bytes - before.bytes
    wall = max(seconds, 1e-9)
    cursors, pings = after.cursors - before.cursors, after.pings - before.pings
    return Traffic(events, round(events / wall, 1), size, round(size / wall), cursors, pings)


def generator(course: Course) -> Generator:
    """What this process spent."""
    gauge = course.speaking
    late = gauge.lag.percentile(99)
    is_slow = gauge.cpu + gauge.waited > BUSY or late > LATE_S
    return Generator(
        round(gauge.cpu, 3),
        round(gauge.waited, 3),
        round(late * 1000, 1),
        round(gauge.lag.longest * 1000, 1),
        round(course.dialling.cpu, 3),
        is_slow and course.seconds >= SHORTEST_S,
    )


def server(readings: list[Reading]) -> Server | None:
    """What the server spent: readings from before the dials, after them, and after the load."""
    if len(readings) < 3:
        return None
    empty, before, after = readings
    lag = Between(before, after).quantile("presence_loop_lag_seconds", 0.99)
    return Server(
        round(Between(before, after).rate(_CPU), 3),
        round(Between(empty, before).rate(_CPU), 3),
        None if lag is None else round(lag * 1000, 3),
        int(empty.value(_MEMORY)),
        int(after.value(_MEMORY)),
    )
