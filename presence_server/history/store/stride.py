"""How much to do in one step, when that is not to take long. Pure."""

from typing import Final

AIM_S: Final = 0.04
"""How long a step ought to last: the writer is not to be held up for more than 0.1 s."""
_FIRST: Final = 32
_LEAST: Final = 8
_FASTER: Final = 1.25
_SLOWER: Final = 0.5


class Stride:
    """`rows` to do next, `most` of them at most; tell how long they `took`."""

    def __init__(self, most: int) -> None:
        self.rows = min(_FIRST, most)
        self._most = most

    def took(self, seconds: float, *, is_whole: bool) -> None:
        """Learn from a step. Where it did not have so many rows to do, there is less to learn."""
        change = AIM_S / max(seconds, 1e-6)
        if change < 1.0:
            least = min(_LEAST, self._most)
            self.rows = max(least, int(self.rows * max(change, _SLOWER)))
        elif is_whole:
            self.rows = min(self._most, int(self.rows * min(change, _FASTER)))
