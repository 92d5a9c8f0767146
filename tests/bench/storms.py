"""Rooms where everybody says something all the time, and a quiet room beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.figures import Figure
    from tests.bench.stage import Bench, Measured, Stage


def storm(bench: Bench) -> Iterator[Figure]:
    """Measure a room where everybody sends far more than people do."""
    sizes = bench.sizes
    yield from _storm(bench, "storm", "update", sizes.storm_per_s, sizes.storm_ms)


def calm(bench: Bench) -> Iterator[Figure]:
    """Measure the same at a rate that slower servers may hold."""
    sizes = bench.sizes
    yield from _storm(bench, "storm", "update", sizes.calm_per_s, sizes.calm_ms)


def cursors(bench: Bench) -> Iterator[Figure]:
    """Measure a room where every mouse moves, and the latest cursor wins."""
    sizes = bench.sizes
    yield from _storm(bench, "cursors", "cursor", sizes.cursors_per_s, sizes.storm_ms)


def _storm(bench: Bench, name: str, kind: str, per_s: int, ms: int) -> Iterator[Figure]:
    members, beside = bench.sizes.storm_members, bench.sizes.beside_members
    streams = f"{kind} {beside} {members} {members * per_s}"
    streams += f" update 0 {beside} {beside * bench.sizes.beside_per_s}"
    with bench.stage(1, members, beside=beside, patience_s=bench.sizes.patience_s) as stage:
        stage.generator.run(f"join {beside + members}")
        measured = _blow(stage, bench.is_ours, streams, warm_up := ms // 16)
        if measured.result.ok:
            measured = _blow(stage, bench.is_ours, streams, ms)
        else:
            ms = warm_up
    yield from figures_of(measured, f"{name}: {members} × {per_s}/s", ms)


def _blow(stage: Stage, is_ours: bool, streams: str, ms: int) -> Measured:
    command = f"open {ms} {streams}"
    return stage.measure(command, look_after_s=ms / 4e3, may_fall_behind=not is_ours)


def figures_of(measured: Measured, what: str, ms: int) -> Iterator[Figure]:
    """Say what a storm cost, and whether everything came in time."""
    result = measured.result
    per_delivery_us = measured.server_s / max(result.delivered, 1) * 1e6
    only_behind = not any(count for name, count in result.faults.items() if name != "unsettled")
    notes = [] if only_behind else [result.loss]
    yield measured.figure(f"{what}, each delivery", per_delivery_us, "µs of server CPU", notes)
    yield measured.figure(
        f"{what}, not delivered", result.demanded - result.delivered, "deliveries"
    )
    in_time = result.in_time / max(result.demanded, 1) * 100
    yield measured.figure(f"{what}, delivered while it went on", in_time, "%")
    behind_s = max(result.wall_ms - ms, 0) / 1e3
    yield measured.figure(f"{what}, behind at its end", behind_s, "s", beyond=not result.ok)
    yield measured.figure(f"{what}, p50", result.delivery.p50_ms, "ms")
    yield measured.figure(f"{what}, p99", result.delivery.p99_ms, "ms")
    yield measured.figure(f"{what}, a quiet room beside it, p99", result.beside.p99_ms, "ms")
    if measured.early_bytes:
        grown = measured.bytes / measured.early_bytes
        yield measured.figure(f"{what}, memory, end ÷ first quarter", grown, "×")
