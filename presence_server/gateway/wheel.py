"""One timer for all connections: each is visited when something of it falls due."""

from collections.abc import Callable
from typing import Final, Protocol

from presence_server.gateway.ports import NEVER, Scheduler, Timer

RESOLUTION_S: Final = 0.05


class Visited(Protocol):
    """Something that wants to be visited; `visit_at` belongs to the wheel."""

    visit_at: float

    def visit(self, now: float) -> float:
        """Do what is due at `now`; return when to come again, or `NEVER`."""


class Wheel:
    """A hashed timing wheel (Varghese and Lauck, 1987) whose empty slots cost nothing.

    Visits come up to one resolution late, never early, and at most once for each deadline: an item
    has one live visit, the earliest asked for.
    """

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._slots: dict[int, list[Visited]] = {}
        self._timer: Timer | None = None
        self._armed_for = 0

    def schedule(self, item: Visited, at: float) -> None:
        """Visit `item` at `at`, unless an earlier visit was asked for before."""
        if at >= item.visit_at:
            return
        item.visit_at = at
        slot = int(at / RESOLUTION_S) + 1
        self._slots.setdefault(slot, []).append(item)
        if self._timer is None or slot < self._armed_for:
            self._arm(slot)

    def _arm(self, slot: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = slot
        delay = max(0.0, slot * RESOLUTION_S - self._clock())
        self._timer = self._scheduler.call_later(delay, self._turn)

    def _turn(self) -> None:
        self._timer = None
        # A loop's timer may run a little early: what it was armed for is due all the same.
        now = max(self._clock(), self._armed_for * RESOLUTION_S)
        current = max(self._armed_for, int(now / RESOLUTION_S))
        slots = sorted(slot for slot in self._slots if slot <= current)
        due = [item for slot in slots for item in self._slots.pop(slot)]
        due.reverse()
        try:
            while due:
                self._visit(due.pop(), now)
        finally:
            if due:  # a visit raised: that is its own end, not that of the others
                self._slots.setdefault(current, []).extend(due)
            if self._slots:
                self._arm(min(self._slots))

    def _visit(self, item: Visited, now: float) -> None:
        if item.visit_at > now:
            return  # an earlier visit has taken the place of this one
        item.visit_at = NEVER
        self.schedule(item, item.visit(now))
