"""What may be settled about how history counts. The rest is fixed here, for all."""

from typing import Final, Literal, NamedTuple

DAY_MS: Final = 86_400_000
"""A viewing is split after so long, and a day in the statistics is as long."""

DEBOUNCE_MS: Final = 300_000
"""A return within so long of the end of a viewing goes on with it."""


def first_whole_day(at: int) -> int:
    """The first day that has nothing before that time."""
    return -(-at // DAY_MS)


class Rules(NamedTuple):
    """How fast the trend forgets, when an empty room's session closes, how long a guest is one."""

    half_life_days: int
    session_idle_ms: int
    guest_key: Literal["day", "month", "off"]
