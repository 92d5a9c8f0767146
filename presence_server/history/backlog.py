"""Batches that wait for a transaction: when one is due, and which of them go into it. Pure."""

import itertools
from collections import deque
from collections.abc import Sequence
from typing import Final

from presence_server.history.facts import MAX_FACTS, Batch

COMMIT_S: Final = 1.0
"""Between two transactions, unless much waits."""
MOST_FACTS: Final = 2_000
"""Of one transaction, where so many wait: each costs less then."""
MAX_BATCHES: Final = 100
"""That may wait: those without facts are many after a long time without a database."""


class Backlog:
    """In the order of their numbers. `taken` is the number of the last that the database has.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._batches: deque[Batch] = deque()
        self._facts = 0
        self._committed_at = float("-inf")

    def __len__(self) -> int:
        """How many batches wait."""
        return len(self._batches)

    def add(self, batch: Batch) -> None:
        """Have one more wait."""
        self._batches.append(batch)
        self._facts += len(batch.facts)

    def has(self, number: int) -> bool:
        """Whether the batch of this number waits here, or waited and a later one does."""
        return bool(self._batches) and number <= self._batches[-1].number

    def pause_s(self, now: float) -> float:
        """How long the next transaction can wait: not at all if much does."""
        if not self._batches:
            return COMMIT_S
        if self._facts >= MAX_FACTS or len(self._batches) >= MAX_BATCHES:
            return 0.0
        return max(0.0, self._committed_at + COMMIT_S - now)

    def next(self) -> Sequence[Batch]:
        """Those of the next transaction: as many as it may hold, but one if there is any."""
        facts = itertools.accumulate(len(batch.facts) for batch in self._batches)
        count = sum(1 for sum_ in facts if sum_ <= MOST_FACTS)
        return list(itertools.islice(self._batches, max(1, count)))

    def committed(self, number: int, now: float) -> None:
        """A transaction took all up to `number`."""
        self._committed_at = now
        self.let_go(number)

    def let_go(self, number: int) -> None:
        """The database has all up to `number`. A file that was restored may have less than before;
        what it lacks is not here any more.
        """
        self.taken = max(self.taken, number)
        while self._batches and self._batches[0].number <= number:
            self._facts -= len(self._batches.popleft().facts)
