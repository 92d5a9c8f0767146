"""The report of a run in lines for people: a label and a text each. Pure."""

from collections.abc import Iterator
from typing import Final

from presence_server.commands.text import duration, size
from presence_server.core.close_codes import ABNORMAL
from presence_server.load.hints import meaning
from presence_server.load.report import BUSY, SHORTEST_S, Ended, Generator, Report, Spread
from presence_server.metrics import MOST_LAG_S

Line = tuple[str, str]
_NOTED: Final = 0.05
"""Share of the time."""
_MANY: Final = 500
"""Connections from which on the memory of each can be told from noise."""
_SHOWN: Final = 8
"""Different ends of connections that are listed one by one."""


def lines(report: Report) -> Iterator[Line]:
    """What was measured, and what it means."""
    yield "connections", _connections(report)
    for ended in report.connections.ended[:_SHOWN]:
        yield "", _ended(ended)
    more = len(report.connections.ended) - _SHOWN
    if more > 0:
        yield "", f"and {more} other ends: see --json"
    yield "to connect", f"{_times(report.connect)}, from the dial to the snapshot"
    if report.updates_sent:
        yield from _updates(report)
    if report.cursors_sent:
        yield from _cursors(report)
    if report.seconds >= SHORTEST_S:
        yield "received", _received(report)
        if report.server:
            yield "server", _server(report)
        yield "generator", _generator(report)


def _connections(report: Report) -> str:
    of = report.connections
    words = [f"{of.connected:,} of {of.asked:,} connected"]
    words += [f"{of.refused:,} refused"] if of.refused else []
    words += [f"{of.failed:,} failed"] if of.failed else []
    return ", ".join([*words, f"{of.lost:,} lost"])


def _ended(ended: Ended) -> str:
    said = "" if ended.code == ABNORMAL else f" {ended.code}"
    reason = ended.reason or meaning(ended.code)
    advice = f" – {ended.hint}" if ended.hint else ""
    return f"{ended.count:,} {ended.kind}{said}: {reason}{advice}"


def _updates(report: Report) -> Iterator[Line]:
    sent, of = report.updates_sent, report.deliveries
    each = sent / report.seconds if report.seconds else 0.0
    yield "updates", f"{sent:,} sent in {report.seconds:.1f} s ({each:,.0f}/s)"
    words = [f"{of.received:,} of {of.expected:,} received"]
    if of.replaced:
        words.append(f"{of.replaced:,} replaced by a snapshot")
    words.append(f"{of.lost:,} lost")
    if of.gaps:
        words.append(f"{of.gaps:,} gaps, {of.resyncs:,} resyncs")
    yield "deliveries", ", ".join(words)
    yield "latency", f"{_times(report.latency)}, from an update to each who sees it"


def _cursors(report: Report) -> Iterator[Line]:
    sent = f"{report.cursors_sent:,} sent, {report.traffic.cursors:,} received"
    yield "cursors", f"{sent}; {_times(report.cursor_latency)}"


def _received(report: Report) -> str:
    of = report.traffic
    rate = f"{of.events_per_second:,.0f} events/s, {size(of.bytes_per_second)}/s"
    return f"{rate}; {of.pings:,} pings answered"


def _server(report: Report) -> str:
    of = report.server
    assert of is not None  # noqa: S101 - for mypy
    lag = duration(None if of.lag_p99_ms is None else of.lag_p99_ms / 1000, MOST_LAG_S)
    count = report.connections.connected
    grown = (of.resident_after_bytes - of.resident_before_bytes) / max(1, count)
    memory = f"{size(of.resident_before_bytes)} → {size(of.resident_after_bytes)}"
    each = f" ({size(grown)} a connection)" if grown > 0 and count >= _MANY else ""
    return f"{_cpu(of.cpu, of.dialling_cpu)}, lag p99 {lag}, memory {memory}{each}"


def _generator(report: Report) -> str:
    of = report.generator
    lag = f"lag p99 {_ms(of.lag_p99_ms)}, max {_ms(of.lag_max_ms)}"
    waited = f", waited for one {of.waited:.0%} of the time" if of.waited > _NOTED else ""
    return f"{_cpu(of.cpu, of.dialling_cpu)}{waited}, {lag}"


def _cpu(loaded: float, dialling: float) -> str:
    return f"{loaded:.0%} of a core ({dialling:.0%} while connecting)"


def _times(times: Spread) -> str:
    return (
        f"p50 {_ms(times.p50_ms)}, p95 {_ms(times.p95_ms)}, p99 {_ms(times.p99_ms)}, "
        f"max {_ms(times.max_ms)}"
    )


def _ms(milliseconds: float) -> str:
    return duration(milliseconds / 1000)


def notes(report: Report) -> Iterator[str]:
    """What one must know to believe the figures, and whether all went well: the last is that."""
    if report.generator.limited:
        yield _limit(report.generator)
    if report.is_local:
        yield "The server is on this machine: the two take CPU from each other."
    if "rate_limited" in report.errors:
        yield (
            "The server held updates back and took only the latest (rate_limited): what it passed "
            "over counts as lost here. Use a lower --rate, or see PRESENCE_RATE."
        )
    if report.deliveries.replaced:
        yield "Some read too slowly: the server sent them a snapshot in place of events."
    if report.interrupted:
        yield "It was ended early: these are the figures so far."
    yield verdict(report)


def _limit(of: Generator) -> str:
    """Why the figures are this program's rather than the server's."""
    late = f"ran {_ms(of.lag_p99_ms)} late (p99), which latencies include"
    if of.cpu < BUSY:
        return (
            "This machine is too busy to measure with: the generator waited for a core "
            f"{of.waited:.0%} of the time and {late}. Run it where cores are free."
        )
    return (
        f"The generator, not the server, was the limit: it took {of.cpu:.0%} of a core and {late}. "
        "Use fewer connections or a lower rate, or share the load among machines."
    )


def verdict(report: Report) -> str:
    """Whether all went well, in a sentence."""
    if report.ok:
        return "All who dialled got in, and nothing was lost."
    of, told = report.connections, report.deliveries
    out = of.refused + of.failed
    found = [f"{out:,} of {of.asked:,} did not get in"] if out else []
    found += [f"{of.lost:,} connections were lost"] if of.lost else []
    found += [f"{told.lost:,} deliveries were lost"] if told.lost else []
    found += [f"{told.gaps:,} gaps were seen"] if told.gaps and not told.lost else []
    return f"Not all went well: {', '.join(found)}."
