"""What compression saves in bandwidth, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.figures import Figure
    from tests.bench.stage import Bench, Measured


def compression(bench: Bench) -> Iterator[Figure]:
    """Measure the same traffic with compression and without."""
    for kind, per_s in (("update", bench.sizes.calm_per_s), ("cursor", bench.sizes.calm_per_s)):
        plain = _measure(bench, kind, per_s, deflate=False)
        deflated = _measure(bench, kind, per_s, deflate=True)
        saved = 1 - deflated.result.wire_bytes / plain.result.wire_bytes
        what = f"compression: {bench.sizes.compressed_members} × {per_s} {kind}s/s"
        yield deflated.figure(f"{what}, bandwidth saved", saved * 100, "%")
        cost = deflated.server_s / plain.server_s
        yield deflated.figure(f"{what}, server CPU with it by that without", cost, "×")


def _measure(bench: Bench, kind: str, per_s: int, *, deflate: bool) -> Measured:
    members, sizes = bench.sizes.compressed_members, bench.sizes
    command = [*bench.command, *(["--compression"] if deflate else [])]
    configured = replace(bench, command=command)
    with configured.stage(1, members, deflate=deflate) as stage:
        bench.server_name = configured.server_name
        stage.generator.run(f"join {members}")
        rate = members * per_s
        stage.generator.run(f"open {sizes.round_ms // 4} {kind} 0 {members} {rate}")
        return stage.measure(f"open {sizes.round_ms} {kind} 0 {members} {rate}")
