"""Who speaks when: each at the same rate, all of them spread evenly over time. Pure."""

import heapq
from collections.abc import Iterator
from random import Random


class Pace:
    """Turns of so many speakers, each `rate` times a second from `start` until `end`."""

    def __init__(self, speakers: int, rate: float, start: float, end: float, random: Random):
        self._every = 1 / rate if rate else 0.0
        self._end = end
        self._turns = [
            (start + random.random() * self._every, number)
            for number in range(speakers if rate else 0)
        ]
        heapq.heapify(self._turns)

    def due(self, now: float) -> Iterator[int]:
        """Those whose turn it is; who is late gets its turns all the same."""
        while self._turns and self._turns[0][0] <= now:
            at, number = heapq.heappop(self._turns)
            if at < self._end:
                heapq.heappush(self._turns, (at + self._every, number))
                yield number
