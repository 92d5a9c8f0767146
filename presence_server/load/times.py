"""How long things took, as percentiles, in a memory that does not grow. Pure."""

import math
from collections import Counter
from typing import Final

GROWTH: Final = 1.04
"""Each bucket is so much wider than the last: what a percentile may be too large by."""
_FLOOR_S: Final = 1e-5
_LOG: Final = math.log(GROWTH)


class Times:
    """A histogram of seconds."""

    __slots__ = ("_buckets", "longest")

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._buckets[
            int(math.log(seconds / _FLOOR_S) / _LOG) + 1 if seconds > _FLOOR_S else 0
        ] += 1
        if seconds > self.longest:
            self.longest = seconds

    @property
    def count(self) -> int:
        """How many there are."""
        return self._buckets.total()

    def percentile(self, percent: float) -> float:
        """Seconds that so many per cent took at most; 0 if there are none."""
        wanted = self.count * percent / 100
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return min(_FLOOR_S * GROWTH**bucket, self.longest)
        return self.longest
