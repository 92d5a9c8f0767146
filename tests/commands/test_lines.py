"""What a report says to people."""

from msgspec.structs import replace

from presence_server.commands.lines import lines, notes
from presence_server.load.report import (
    Connections,
    Deliveries,
    Ended,
    Generator,
    Report,
    Server,
    Spread,
    Traffic,
)

SPREAD = Spread(1.25, 12.5, 999.4, 12_345.0)
GOOD = Report(
    url="wss://presence.example.com",
    run_id="r1",
    rooms=2,
    seconds=30.0,
    interrupted=False,
    is_local=False,
    ok=True,
    connections=Connections(1_000, 1_000, 0, 0, 0, []),
    connect=SPREAD,
    updates_sent=15_000,
    cursors_sent=0,
    deliveries=Deliveries(750_000, 750_000, 0, 0, 0, 0),
    latency=SPREAD,
    cursor_latency=SPREAD,
    traffic=Traffic(750_000, 25_000.0, 150_000_000, 5_000_000.0, 0, 3_000),
    errors={},
    generator=Generator(0.4, 0.01, 2.0, 9.0, 0.3, False),
    server=Server(0.35, 0.2, 1000.0, 60_000_000, 70_000_000),
)


def said(report: Report) -> str:
    return "\n".join([*(f"{label}: {text}" for label, text in lines(report)), *notes(report)])


def test_a_good_run_has_its_figures_and_no_more_notes_than_that_it_was_good() -> None:
    text = said(GOOD)
    assert "connections: 1,000 of 1,000 connected, 0 lost" in text
    assert "updates: 15,000 sent in 30.0 s (500/s)" in text
    assert "deliveries: 750,000 of 750,000 received, 0 lost" in text
    assert "p50 1.2 ms, p95 12 ms, p99 999 ms, max 12.3 s" in text
    assert "received: 25,000 events/s, 4.8 MiB/s; 3,000 pings answered" in text
    assert "lag p99 over 1 s, memory 57.2 MiB → 66.8 MiB (9.8 KiB a connection)" in text
    assert "cursors" not in text
    assert [*notes(GOOD)] == ["All who dialled got in, and nothing was lost."]


def test_where_the_generator_was_the_limit_it_says_so() -> None:
    spent = replace(GOOD, generator=Generator(0.97, 0.01, 80.0, 99.0, 0.3, True))
    assert "The generator, not the server, was the limit: it took 97% of a core" in said(spent)
    starved = replace(GOOD, generator=Generator(0.2, 0.7, 80.0, 99.0, 0.3, True))
    assert "too busy to measure with: the generator waited for a core 70% of the time" in said(
        starved
    )


def test_what_else_one_must_know_is_said() -> None:
    told = Deliveries(100, 80, 5, 15, 3, 3)
    report = replace(
        GOOD, deliveries=told, errors={"rate_limited": 1}, interrupted=True, is_local=True, ok=False
    )
    text = said(report)
    assert "80 of 100 received, 5 replaced by a snapshot, 15 lost, 3 gaps, 3 resyncs" in text
    for part in ("PRESENCE_RATE", "read too slowly", "ended early", "on this machine"):
        assert part in text
    assert text.endswith("Not all went well: 15 deliveries were lost.")


def test_a_run_that_was_ended_before_it_spoke_has_no_rates() -> None:
    labels = [label for label, _ in lines(replace(GOOD, seconds=0.01, updates_sent=0))]
    assert labels == ["connections", "to connect"]


def test_every_end_is_named_but_no_more_than_a_screen_of_them() -> None:
    ended = [Ended("lost", 4000 + number, "", 1, "") for number in range(12)]
    ended[0] = Ended("failed", 1006, "connection refused", 7, "look there")
    ended[1] = Ended("lost", 4408, "", 2, "")
    report = replace(GOOD, ok=False, connections=Connections(30, 23, 0, 7, 13, ended))
    text = said(report)
    assert "7 failed: connection refused – look there" in text
    assert "2 lost 4408: too slow, or no sign of life" in text
    assert "and 4 other ends: see --json" in text
    assert text.endswith("7 of 30 did not get in, 13 connections were lost.")
