"""A client that tries again and again is one refusal, not thousands. Pure."""

from collections import OrderedDict
from typing import Final

from presence_server.history.facts import Refused

AGAIN_MS: Final = 300_000
MOST: Final = 10_000
"""Of whom is remembered that they were refused: beyond it the oldest may be noted again."""


class Refusals:
    """Says which are to be noted: the first of each room, user and reason in five minutes."""

    def __init__(self) -> None:
        # In the order in which they end.
        self._until: OrderedDict[tuple[str, str, bool, str], int] = OrderedDict()

    def is_new(self, fact: Refused) -> bool:
        """Whether it is to be noted. Times must not go back."""
        self._forget(fact.at)
        key = (fact.room, fact.user, fact.is_guest, fact.reason)
        if self._until.get(key, 0) > fact.at:
            return False
        self._until.pop(key, None)
        self._until[key] = fact.at + AGAIN_MS
        return True

    def _forget(self, now: int) -> None:
        """Let go of what is over: two at most, so that it never takes long."""
        for _ in range(2):
            oldest = next(iter(self._until), None)
            if oldest is None or (self._until[oldest] > now and len(self._until) < MOST):
                return
            self._until.popitem(last=False)
