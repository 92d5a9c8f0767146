"""What is measured. Each scenario starts a fresh server, loads it, and gives its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.figures import Figure
    from tests.bench.generator import Result
    from tests.bench.stage import Bench, Measured

SENDER_LIMIT_PER_S = 100  # by default the server defers what one connection sends beyond


def _fan_out(bench: Bench, members: int, *in_flights: int) -> Iterator[Figure]:
    """Measure how many deliveries a second of the server's CPU buys in one room."""
    round_ms = bench.sizes.round_ms
    with bench.stage(1, members) as stage:
        joined = stage.measure(f"join {members}")
        if members == bench.sizes.joiners:
            yield from _joins(joined, members)
        for in_flight in in_flights:
            stage.generator.run(f"fanout {in_flight} {round_ms // 10}")
            measured = stage.measure(f"fanout {in_flight} {round_ms}")
            yield measured.figure(
                f"fan-out: {members:,} members, {in_flight} in flight",
                measured.result.deliveries / measured.server_s,
                "deliveries per server CPU s",
                _fan_out_notes(measured.result),
            )


def _fan_out_notes(result: Result) -> Iterator[str]:
    rate = result.updates / result.connections / (result.wall_ms / 1e3)
    if rate > SENDER_LIMIT_PER_S:
        yield f"each sender sent {rate:.0f} updates/s: the server may have deferred some"
    if result.snapshots:
        yield f"{result.snapshots} receivers fell behind and got a snapshot instead of events"


def fan_out_large(bench: Bench) -> Iterator[Figure]:
    """Measure a large room where every event is written alone, and where some share a write."""
    yield from _fan_out(bench, bench.sizes.large_room, 1, bench.sizes.few_in_flight)


def fan_out_medium(bench: Bench) -> Iterator[Figure]:
    """Measure a medium room where some events share a write."""
    yield from _fan_out(bench, bench.sizes.medium_room, bench.sizes.few_in_flight)


def fan_out_many(bench: Bench) -> Iterator[Figure]:
    """Measure a medium room where many events share a write."""
    yield from _fan_out(bench, bench.sizes.medium_room, bench.sizes.many_in_flight)


def many_rooms(bench: Bench) -> Iterator[Figure]:
    """Measure what a delivery costs where there is nobody to share it with."""
    rooms, members = bench.sizes.busy_rooms, bench.sizes.small_room
    measured = _once_a_second(bench, rooms, members)
    what = f"many rooms: {rooms} of {members}, 1 update/s each"
    per_delivery_us = measured.server_s / measured.result.deliveries * 1e6
    yield measured.figure(f"{what}, each delivery", per_delivery_us, "µs of server CPU")


def _once_a_second(bench: Bench, rooms: int, members: int) -> Measured:
    """Have each member say something once a second, spread evenly over it."""
    users = rooms * members
    with bench.stage(rooms, members) as stage:
        stage.generator.run(f"join {users}")
        stage.generator.run(f"open {bench.sizes.round_ms // 4} update 0 {users} {users}")
        return stage.measure(f"open {bench.sizes.round_ms} update 0 {users} {users}")


def latency(bench: Bench) -> Iterator[Figure]:
    """Measure how long a delivery takes in a room that is busy at a steady rate."""
    sizes = bench.sizes
    members, rate = sizes.medium_room, sizes.deliveries_per_s // sizes.medium_room
    with bench.stage(1, members) as stage:
        stage.generator.run(f"join {members}")
        stage.generator.run(f"open {sizes.round_ms // 10} update 0 {members} {rate}")
        measured = stage.measure(f"open {sizes.round_ms} update 0 {members} {rate}")
    result = measured.result
    what = f"latency: {members:,} members, {sizes.deliveries_per_s:,} deliveries/s"
    yield measured.figure(f"{what}, each delivery, p50", result.delivery.p50_ms, "ms")
    yield measured.figure(f"{what}, each delivery, p99", result.delivery.p99_ms, "ms")
    yield measured.figure(f"{what}, until the last has it, p50", result.last.p50_ms, "ms")
    yield measured.figure(f"{what}, until the last has it, p99", result.last.p99_ms, "ms")


def quiet_rooms(bench: Bench) -> Iterator[Figure]:
    """Measure how long a delivery takes in small rooms, each member heard once a second."""
    rooms, members = bench.sizes.quiet_rooms, bench.sizes.small_room
    measured = _once_a_second(bench, rooms, members)
    times = measured.result.delivery
    what = f"latency: {rooms} rooms of {members}, 1 update/s each"
    yield measured.figure(f"{what}, each delivery, p50", times.p50_ms, "ms")
    yield measured.figure(f"{what}, each delivery, p95", times.p95_ms, "ms")
    yield measured.figure(f"{what}, each delivery, p99", times.p99_ms, "ms")


def idle(bench: Bench) -> Iterator[Figure]:
    """Measure what a connection holds that does nothing, beside those of a first tenth."""
    rooms, members = bench.sizes.idle_rooms, bench.sizes.small_room
    first = rooms // 10 * members
    with bench.stage(rooms, members) as stage:
        stage.generator.run(f"join {first}")
        before = stage.server.resident_bytes()
        stage.generator.run(f"join {rooms * members - first}")
        measured = stage.measure(f"idle {bench.sizes.round_ms}")
    yield measured.figure(
        f"idle: memory per connection, {rooms * members:,} in {rooms:,} rooms",
        (measured.bytes - before) / (rooms * members - first) / 1024,
        "KiB",
    )


def accept(bench: Bench) -> Iterator[Figure]:
    """Measure how fast connections are taken in, tokens verified, in many small rooms."""
    rooms, members = bench.sizes.accept_rooms, bench.sizes.small_room
    with bench.stage(rooms, members) as stage:
        measured = stage.measure(f"join {rooms * members}")
    result, what = measured.result, f"accept: {rooms * members:,} connections into {rooms} rooms"
    yield measured.figure(what, result.connections / (result.admitted_ms / 1e3), "per s")
    yield measured.figure(
        f"{what}, by CPU", result.connections / measured.server_s, "per server CPU s"
    )


def join(bench: Bench) -> Iterator[Figure]:
    """Measure what a storm of joins into one room costs, and when it is over."""
    joiners = bench.sizes.joiners
    with bench.stage(1, joiners) as stage:
        yield from _joins(stage.measure(f"join {joiners}"), joiners)


def _joins(measured: Measured, joiners: int) -> Iterator[Figure]:
    what = f"join: {joiners:,} users into one room"
    yield measured.figure(f"{what}, each", measured.server_s / joiners * 1e3, "ms of server CPU")
    yield measured.figure(f"{what}, until all hold the full map", measured.result.wall_ms, "ms")


def rush(bench: Bench) -> Iterator[Figure]:
    """Measure how late the server's loop is for somebody elsewhere while all come at once."""
    joiners, within_ms = bench.sizes.rush, bench.sizes.rush_ms
    with bench.stage(1, joiners, beside=1) as stage:
        stage.generator.run("join 1")
        before = stage.server.metrics()
        measured = stage.measure(f"join {joiners} {within_ms} ping 0 1 100")
        after = stage.server.metrics()
    result, what = measured.result, f"rush: {joiners:,} join one room in {within_ms / 1e3:g} s"
    yield measured.figure(f"{what}, ping elsewhere, p99", result.delivery.p99_ms, "ms")
    yield measured.figure(f"{what}, ping elsewhere, max", result.delivery.max_ms, "ms")
    yield measured.figure(f"{what}, each", measured.server_s / joiners * 1e3, "ms of server CPU")
    yield measured.figure(f"{what}, until all hold the full map", result.wall_ms, "ms")
    if after:
        flushes, frames = (
            after.get(name, 0) - before.get(name, 0)
            for name in ("presence_fanout_seconds_count", "presence_fanout_frames_sum")
        )
        note = f"{frames:,.0f} events in {flushes:,.0f} flushes: so many writes to a member at most"
        yield measured.figure(f"{what}, flushes", flushes, "writes to each member", [note])
