"""The trend of a resource: its views, each worth half as much after every half-life.

What is kept is log2 of the sum over days of views · 2^(day / half-life). A view adds to it and time
takes nothing from it, so whoever ranks by it needs no clock; days since 1970 do not overflow.
"""

import math
from collections.abc import Iterable
from typing import Final

NOTHING: Final = -math.inf
"""Of a resource that nobody viewed yet."""


def add(trend: float, day: int, half_life_days: int, views: int = 1) -> float:
    """The trend after `views` on `day`."""
    added = day / half_life_days + math.log2(views)
    low, high = sorted((trend, added))
    return high + math.log2(1.0 + math.exp2(low - high))


def total(days: Iterable[tuple[int, int]], half_life_days: int) -> float:
    """The trend of days and their views."""
    trend = NOTHING
    for day, views in days:
        if views:
            trend = add(trend, day, half_life_days, views)
    return trend


def shown(trend: float, today: int, half_life_days: int) -> float:
    """How many views of today the trend is worth."""
    return math.exp2(trend - today / half_life_days)
