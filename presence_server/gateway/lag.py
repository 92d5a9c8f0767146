"""How late the event loop runs its timers: what everybody in it waits. Pure: time comes in."""


class LoopLag:
    """The lag of a loop that sets a timer again and again; seconds."""

    __slots__ = ("_due", "_last")

    def __init__(self) -> None:
        self._due: float | None = None
        self._last = 0.0

    def set_for(self, at: float) -> None:
        """A timer was set for `at`."""
        self._due = at

    def fired(self, now: float) -> float:
        """The timer ran; by how much it was late."""
        self._last = 0.0 if self._due is None else max(0.0, now - self._due)
        self._due = None
        return self._last

    def seen_at(self, now: float) -> float:
        """The last timer's lag, or that of the one to come if it is worse already."""
        return self._last if self._due is None else max(self._last, now - self._due)
