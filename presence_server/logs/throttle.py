"""Lines alike: the first few are written, the others counted, and the count is told in the end.

A window begins with the first line of its kind, and ends when it is asked for.
"""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MAX_KINDS: Final = 1_000
"""Many more than there are sentences in the code: beyond it lines are let through."""

NEVER: Final = float("inf")

Kind = TypeVar("Kind", bound=Hashable)


class _Window:
    """The time in which lines of one kind are counted."""

    __slots__ = ("count", "ends_at")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.count = 0


class Throttle(Generic[Kind]):
    """Says which lines are to be written: `most` of each kind in `window_s` seconds.

    Times are monotonic seconds, and never go back.
    """

    def __init__(self, most: int, window_s: float) -> None:
        self.window_s = window_s
        self._most = most
        self._windows: dict[Kind, _Window] = {}  # in the order in which they end

    def admits(self, kind: Kind, now: float) -> bool:
        """Whether a line of this kind is to be written; counts it."""
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= MAX_KINDS:
                return True
            window = self._windows[kind] = _Window(now + self.window_s)
        window.count += 1
        return window.count <= self._most

    def ended(self, now: float) -> list[tuple[Kind, int]]:
        """The kinds whose windows are over, and how many of each were not written, if any."""
        over = []
        while self._windows and self.next_end() <= now:
            kind = next(iter(self._windows))
            over.append((kind, self._windows.pop(kind).count - self._most))
        return [(kind, repeats) for kind, repeats in over if repeats > 0]

    def next_end(self) -> float:
        """When the next window is over; `NEVER` if there is none."""
        return next((window.ends_at for window in self._windows.values()), NEVER)
