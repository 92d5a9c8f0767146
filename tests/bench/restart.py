"""A restart under some thousand clients: `python -m tests.bench.restart`.

They connect, the server is ended, started again at once, and all have to be back with whole maps.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from tests.bench.machine import describe, raise_file_limit
from tests.bench.restart_crowd import Crowd, Kind, Person
from tests.bench.restart_server import Supervised, Watch
from tests.bench.server import DEFAULT_COMMAND, SECRET, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TARGET_S: Final = 6.0
MIN_UPTIME_S: Final = 6.0
"""partysocket forgets its failures after 5 s of being connected."""
ENTER_S: Final = 180.0
BACK_S: Final = 60.0
PROCESSES: Final = 2
COMMAND: Final = DEFAULT_COMMAND[:2]


@dataclass(frozen=True, slots=True)
class Run:
    """One restart: who is there, how it is ended."""

    key: str
    kind: Kind
    rooms: int = 100
    members: int = 50
    drain_s: float = 2
    number: signal.Signals = signal.SIGTERM

    @property
    def clients(self) -> int:
        """How many there are in all."""
        return self.rooms * self.members

    def scaled(self, clients: int) -> Run:
        """The same with about so many clients: fewer rooms, or a smaller one."""
        if self.rooms == 1:
            return replace(self, members=min(self.members, clients))
        return replace(self, rooms=max(1, min(self.rooms, clients // self.members)))


KINDS: Final[tuple[Kind, ...]] = ("ours", "partysocket")
RUNS: Final = [
    run
    for kind in KINDS
    for run in (
        Run(kind, kind),
        Run(f"{kind}-one-room", kind, rooms=1, members=1_000),
        Run(f"{kind}-killed", kind, number=signal.SIGKILL),
        Run(f"{kind}-drain-10", kind, drain_s=10),
    )
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a restart. Times are seconds."""

    run: Run
    people: list[Person]
    tokens: Mapping[int, int]
    """How many tokens were asked for in each 100 ms (by its beginning, UTC milliseconds)."""
    whole_s: float | None
    """From the signal until everybody had a whole map; None if that never was."""
    exit_code: int
    up_s: float
    """From the signal until the new one listens."""
    refused_503_s: float
    dark_s: float
    maps: int
    """Rooms of which two clients have different maps."""
    server_cpu_s: float
    crowd_cpu_s: float
    crowd_lag_s: float
    lag_s: float
    overflows: int
    load: float

    def away(self) -> list[float]:
        """How long each was away who is back, from its own close, in order."""
        return sorted(person.away_s for person in self.people if person.away_s is not None)

    @property
    def lost(self) -> int:
        """How many are not back."""
        return len(self.people) - len(self.away())

    def refused(self) -> Counter[int]:
        """The codes that dials were refused with."""
        return Counter(chain.from_iterable(person.refused for person in self.people))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so great a share is at or below; `values` are in order. NaN without any."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def peak(counts: Mapping[int, int], window_ms: int) -> int:
    """The most that came in any window of that length."""
    return max((_within(counts, start, window_ms) for start in counts), default=0)


def _within(counts: Mapping[int, int], start: int, window_ms: int) -> int:
    return sum(count for at, count in counts.items() if start <= at < start + window_ms)


def measure(run: Run, command: Sequence[str] = COMMAND) -> Outcome:
    """Do one restart.

    Raises:
        TimeoutError: if the clients do not even get in before it.

    """
    with ExitStack() as stack:
        flags = ("--drain-seconds", str(run.drain_s))
        server = stack.enter_context(Supervised(command, *flags))
        crowd = stack.enter_context(
            Crowd(run.kind, server.now.port, SECRET, run.rooms, run.members, PROCESSES)
        )
        crowd.enter()
        crowd.whole(ENTER_S)
        time.sleep(MIN_UPTIME_S)
        watch = stack.enter_context(Watch(server.now.admin_port or 0))
        return _restart(run, server, crowd, watch)


def _restart(run: Run, server: Supervised, crowd: Crowd, watch: Watch) -> Outcome:
    crowd.mark()
    crowd_cpu, overflows = _cpu_s(crowd.pids), _overflows()
    began_ms, began = time.time_ns() // 1_000_000, time.monotonic()
    server.process.send_signal(run.number)
    exit_code = server.process.wait(run.drain_s + BACK_S)
    server.start()
    up = time.monotonic()
    whole_s = _whole_s(crowd, began_ms)
    people = crowd.people()
    return Outcome(
        run=run,
        people=people,
        tokens=crowd.token_requests(),
        whole_s=whole_s,
        exit_code=exit_code,
        up_s=up - began,
        refused_503_s=watch.seconds(503),
        dark_s=watch.seconds(0),
        maps=sum(len({str(m["entries"]) for m in maps}) != 1 for maps in crowd.maps().values()),
        server_cpu_s=_cpu_s([server.process.pid]),
        crowd_cpu_s=_cpu_s(crowd.pids) - crowd_cpu,
        crowd_lag_s=crowd.lag_s,
        lag_s=lag_bound(server.now.metrics()),
        overflows=_overflows() - overflows,
        load=os.getloadavg()[0],
    )


def _whole_s(crowd: Crowd, began_ms: int) -> float | None:
    try:
        return (crowd.whole(BACK_S) - began_ms) / 1000
    except TimeoutError:
        return None


def _cpu_s(pids: Iterable[int]) -> float:
    return sum(Server("", 0, pid).cpu().ticks_s for pid in pids)


def _overflows() -> int:
    """How often this machine's listen queues were full since it was started."""
    with open("/proc/net/netstat") as file:  # noqa: PTH123 - a line at a time
        names, values = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(values[names.index("ListenOverflows")])


def lag_bound(metrics: Mapping[str, float]) -> float:
    """A bound, from the histogram's buckets, of how late the event loop has been."""
    count = metrics["presence_loop_lag_seconds_count"]
    prefix, suffix = 'presence_loop_lag_seconds_bucket{le="', '"}'
    bounds = [
        float(name.removeprefix(prefix).removesuffix(suffix))
        for name, seen in metrics.items()
        if name.startswith(prefix) and seen >= count
    ]
    return min(bounds)


HEADS: Final = (
    "run",
    "away p50 / p95 / max, s",
    "all whole, s",
    "lost",
    "refused",
    "dials unanswered",
    "tokens in all / most in 1 s / in 0.1 s",
    "up, s",
    "503, s",
    "no answer, s",
    "exit",
    "server CPU, s",
    "clients' CPU, s",
    "clients' lag, s",
    "lag ≤, s",
    "overflows",
    "load",
)


def row(outcome: Outcome) -> str:
    """The outcome as a row of the table."""
    away, refused = outcome.away(), outcome.refused()
    shown = " / ".join(f"{percentile(away, share):.1f}" for share in (0.5, 0.95, 1))
    tokens = outcome.tokens
    cells = (
        outcome.run.key,
        shown,
        f"{outcome.whole_s:.1f}" if outcome.whole_s is not None else "never",
        f"{outcome.lost} of {len(outcome.people)}",
        ", ".join(f"{count} × {code}" for code, count in refused.items()) or "0",
        f"{sum(person.failed for person in outcome.people):,}",
        f"{sum(tokens.values()):,} / {peak(tokens, 1000):,} / {peak(tokens, 100):,}",
        f"{outcome.up_s:.1f}",
        f"{outcome.refused_503_s:.1f}",
        f"{outcome.dark_s:.1f}",
        f"{outcome.exit_code}",
        f"{outcome.server_cpu_s:.1f}",
        f"{outcome.crowd_cpu_s:.1f}",
        f"{outcome.crowd_lag_s:.1f}",
        f"{outcome.lag_s:g}",
        f"{outcome.overflows:,}",
        f"{outcome.load:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def problems(outcome: Outcome) -> list[str]:
    """What must never be, whatever the machine."""
    people, key = outcome.people, outcome.run.key
    is_drained = outcome.run.number == signal.SIGTERM
    found = {
        f"{outcome.lost} are not back": outcome.lost,
        "not everybody has a whole map": outcome.whole_s is None or outcome.maps,
        "a token was used twice": any(person.reused for person in people),
        "a newcomer was refused": outcome.refused(),
        "somebody was lost again": any(person.again for person in people),
        "a leave was told while it drained": is_drained and any(p.leaves for p in people),
        "a close was not 1012": is_drained and any(person.code != 1012 for person in people),
        f"the exit code was {outcome.exit_code}": is_drained and outcome.exit_code != 0,
    }
    return [f"{key}: {what}" for what, is_so in found.items() if is_so]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns 1 if anything was that must never be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.restart", description=__doc__)
    keys = [run.key for run in RUNS]
    parser.add_argument(
        "--only", action="append", choices=keys, metavar="RUN", help=", ".join(keys)
    )
    parser.add_argument("--clients", type=int, default=5_000, help="how many at most (5000)")
    parser.add_argument("--repeat", type=int, default=1, help="so many times each")
    parsed = parser.parse_args(arguments)
    raise_file_limit()
    print(f"{describe()}\n\n| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    found = []
    for run in [run for run in RUNS if not parsed.only or run.key in parsed.only] * parsed.repeat:
        outcome = measure(run.scaled(parsed.clients))
        print(row(outcome), flush=True)
        found += problems(outcome)
    for problem in found:
        print(f"\n{problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
