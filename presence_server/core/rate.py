"""Rate limits that need one float each."""

from typing import Final

ROUNDING_S: Final = 1e-6
"""More than a sum of two times loses, and nothing that anybody could use."""


class Budget:
    """So many units a second, with a burst: the generic cell rate algorithm (ITU-T I.371).

    `_full_at` is when the budget will be whole again; a unit moves it ahead by `1 / rate`.
    """

    __slots__ = ("_burst_s", "_full_at", "_unit_s")

    def __init__(self, rate: float, burst: float) -> None:
        self._unit_s = 1 / rate
        self._burst_s = burst / rate
        self._full_at = 0.0

    def take(self, now: float, units: float) -> bool:
        """Spend `units` if the budget has them at `now` (seconds, monotonic)."""
        full_at = max(self._full_at, now) + units * self._unit_s
        if full_at - now > self._burst_s + ROUNDING_S:
            return False
        self._full_at = full_at
        return True

    def wait(self, now: float, units: float) -> float:
        """Seconds from `now` until `units` can be spent; 0 if they can be at once."""
        full_at = max(self._full_at, now) + units * self._unit_s
        return max(0.0, full_at - now - self._burst_s)

    def overdraw(self, now: float, units: float, limit_s: float) -> float:
        """Spend `units` in any case; seconds until the budget is out of debt, at most `limit_s`."""
        full_at = max(self._full_at, now) + units * self._unit_s
        self._full_at = min(full_at, now + self._burst_s + limit_s)
        return max(0.0, self._full_at - now - self._burst_s)
