"""Where times, chances and ids come from: whoever needs them is handed them, and a test its own."""

from collections.abc import Callable
from typing import NamedTuple


class Clocks(NamedTuple):
    """`monotonic`, `wall` (UTC) and `stopwatch` (the finest) are seconds, `random` is 0–1."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    stopwatch: Callable[[], float]
    random: Callable[[], float]
    new_id: Callable[[], str]
