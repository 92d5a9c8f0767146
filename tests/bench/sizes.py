"""How much of everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the rooms are, how fast things are said, and for how long."""

    large_room: int = 1000
    medium_room: int = 500
    few_in_flight: int = 8
    many_in_flight: int = 128
    round_ms: int = 4000
    storm_members: int = 200
    storm_per_s: int = 60
    calm_per_s: int = 20
    cursors_per_s: int = 200
    storm_ms: int = 8000
    calm_ms: int = 4000
    beside_members: int = 10
    beside_per_s: int = 10
    patience_s: int = 10
    idle_rooms: int = 1800
    small_room: int = 10
    joiners: int = 1000
    rush: int = 5000
    rush_ms: int = 5000
    busy_rooms: int = 200
    quiet_rooms: int = 100
    deliveries_per_s: int = 10_000
    accept_rooms: int = 200
    compressed_members: int = 100


FULL = Sizes()
QUICK = Sizes(
    round_ms=1000,
    storm_ms=2000,
    calm_ms=1000,
    patience_s=5,
    idle_rooms=200,
    rush=1000,
    rush_ms=1000,
    accept_rooms=50,
)
