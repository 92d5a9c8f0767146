"""What `top` shows of an overview: which lines, and what stands in them. Pure."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Final

from presence_server.commands.columns import laid_out
from presence_server.commands.overview import Overview
from presence_server.commands.text import clean, duration, figure, rate, size, span
from presence_server.metrics import MOST_LAG_S, MOST_PING_S

Pair = tuple[str, str, str]
"""What it is, how much, and a style that says how good that is."""

ROOM: Final = ("room", "members", "connections")
BUSY: Final = 0.8
"""Of what there may be: more is worth a look."""
LATE_S: Final = 0.1
"""What a person notices."""


def title(now: Overview, url: str, wall: float) -> str:
    """The first line."""
    up = span(wall - now.started_at)
    return f"presence-server {clean(now.version)} · {clean(url)} · up {up}"


def clock(wall: float) -> str:
    """The time of day."""
    return time.strftime("%H:%M:%S", time.localtime(wall))


def left(now: Overview) -> list[Pair]:
    """How much there is, and what comes and goes."""
    share = now.connections / now.max_connections if now.max_connections else 0.0
    return [
        ("connections", _of(now.connections, now.max_connections), _warn(share >= BUSY)),
        ("users", f"{now.users:,}", ""),
        ("rooms", f"{now.rooms:,}", ""),
        ("accepted", rate(now.accepted), ""),
        ("received", f"{rate(now.received)}, {size(now.received_bytes)}/s", ""),
        ("sent", f"{rate(now.sent)}, {size(now.sent_bytes)}/s", ""),
        ("behind", f"{now.behind:,}", _warn(now.behind > 0)),
    ]


def right(now: Overview) -> list[Pair]:
    """How well it does."""
    late = (now.lag_p99 or 0.0) >= LATE_S
    share = now.descriptors / now.max_descriptors if now.max_descriptors else 0.0
    return [
        ("loop lag", _both(now.lag_p50, now.lag_p99, MOST_LAG_S), _warn(late)),
        ("fan-out", f"p99 {duration(now.fanout_p99, MOST_LAG_S)}", ""),
        ("ping", _both(now.ping_p50, now.ping_p99, MOST_PING_S), ""),
        ("cut as slow", rate(now.cut_slow), _warn(now.cut_slow > 0)),
        ("CPU", f"{now.cpu:.0%}", _warn(now.cpu >= BUSY)),
        ("memory", size(now.memory), ""),
        ("descriptors", _of(now.descriptors, now.max_descriptors), _warn(share >= BUSY)),
    ]


def wide(now: Overview) -> list[Pair]:
    """What has a line of its own, for it may be made of much."""
    return [
        ("refused", _refusals(now), _warn(bool(now.refused_lately))),
        ("closed", _by(now.closed), ""),
    ]


def unready(now: Overview) -> str:
    """The second line, which is empty where all is well."""
    return f"not ready: {now.not_ready}" if now.not_ready else ""


def plain(now: Overview, url: str, wall: float) -> Iterator[str]:
    """All of it as lines for a pipe."""
    yield f"{title(now, url, wall)} · {clock(wall)}"
    yield unready(now)
    for name, value, _ in (*left(now), *right(now), *wide(now)):
        yield f"{name:<12} {value}"
    yield ""
    yield from laid_out([ROOM, *rooms(now)], numbers=(1, 2), flexible=(), width=sys.maxsize)
    if now.rooms_refused:
        yield now.rooms_refused


def rooms(now: Overview) -> Iterator[tuple[str, str, str]]:
    """The biggest rooms."""
    for room in now.biggest:
        yield clean(room["room"]), f"{room['members']:,}", f"{room['connections']:,}"


def _both(p50: float | None, p99: float | None, most: float) -> str:
    return f"p50 {duration(p50, most)}, p99 {duration(p99, most)}"


def _of(count: int, most: int) -> str:
    return f"{count:,} of {most:,}" if most else f"{count:,}"


def _by(rates: Mapping[str, float]) -> str:
    """A rate, and what it is made of."""
    total = rate(sum(rates.values()))
    parts = ", ".join(f"{clean(name)} {figure(each)}" for name, each in rates.items())
    return f"{total}: {parts}" if len(rates) else total


def _refusals(now: Overview) -> str:
    """How many now, lately and in all; why, of lately if there were any."""
    counted = rate(sum(now.refused.values()))
    in_all = f"{sum(now.refused_total.values()):,} since the start"
    if now.refused_lately:
        lately = f"{sum(now.refused_lately.values()):,} in {max(1, round(now.window))} s"
        return f"{counted}; {lately}: {_reasons(now.refused_lately)}; {in_all}"
    if now.refused_total:
        return f"{counted}; {in_all}: {_reasons(now.refused_total)}"
    return counted


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{clean(name)} {count:,}" for name, count in counts.items())


def _warn(is_bad: bool) -> str:
    return "yellow" if is_bad else ""
