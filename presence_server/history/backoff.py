"""How long to wait after a failure. Pure."""

from typing import Final

MIN_S: Final = 0.5


def delay_s(failures: int, most: float, chance: float) -> float:
    """Seconds after so many failures in a row (from 1): doubled each time, × a random 0.5–1."""
    return min(most, MIN_S * 2.0 ** min(failures - 1, 16)) * (0.5 + 0.5 * chance)
