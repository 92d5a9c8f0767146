"""How long to wait after a failure."""


def delay_s(failures: int, first_s: float, most_s: float, chance: float) -> float:
    """Seconds after so many failures in a row (from 1): `first_s`, doubled each time up to
    `most_s`, × a random 0.5–1. `chance` is 0–1.
    """
    return min(most_s, first_s * 2.0 ** min(failures - 1, 16)) * (0.5 + 0.5 * chance)
