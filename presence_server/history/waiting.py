"""Batches that are packed, until the recorder has taken them. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple


class Packed(NamedTuple):
    """A batch as bytes. `at` is the time of its first fact, or its own if there is none."""

    number: int
    at: int
    facts: int
    data: bytes


class Waiting:
    """In the order of their numbers: those that were sent, then those that were not.

    `size` is the bytes of all, `facts` how many facts are in them.
    """

    def __init__(self) -> None:
        self.size = 0
        self.facts = 0
        self._sent: deque[Packed] = deque()
        self._unsent: deque[Packed] = deque()
        self._in_flight = 0

    @property
    def is_all_sent(self) -> bool:
        """Whether the recorder has been sent all there is."""
        return not self._unsent

    @property
    def batches(self) -> int:
        """How many there are."""
        return len(self._sent) + len(self._unsent)

    @property
    def oldest_at(self) -> int | None:
        """The time of the oldest fact; None if there is none."""
        every = (
            packed.at for queue in (self._sent, self._unsent) for packed in queue if packed.facts
        )
        return next(every, None)

    def add(self, packed: Packed) -> None:
        """Keep one more."""
        self._unsent.append(packed)
        self.size += len(packed.data)
        self.facts += packed.facts

    def to_send(self, window: int) -> Iterator[bytes]:
        """What is to be sent now, so that no more than `window` bytes (or one batch) are on their
        way to being taken.
        """
        while self._unsent and (
            not self._in_flight or self._in_flight + len(self._unsent[0].data) <= window
        ):
            packed = self._unsent.popleft()
            self._sent.append(packed)
            self._in_flight += len(packed.data)
            yield packed.data

    def send_again(self) -> None:
        """Take it that nothing was sent: the recorder is another."""
        self._sent.extend(self._unsent)
        self._sent, self._unsent = deque(), self._sent
        self._in_flight = 0

    def taken(self, number: int) -> None:
        """Let go of all up to `number`, which are in the database."""
        for queue in (self._sent, self._unsent):
            while queue and queue[0].number <= number:
                packed = queue.popleft()
                self.size -= len(packed.data)
                self.facts -= packed.facts
                if queue is self._sent:
                    self._in_flight -= len(packed.data)
