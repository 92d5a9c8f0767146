"""Which changes have lasted long enough to be told, and in what order. Pure.

A change stands in one of three lines, each in the order of its time: *fresh* until it has lasted
the debounce, then *due*. Where more are due than there is room for, the oldest lose their turn:
they are dropped as events, and stand in *late*, where they are told as the state that they left.
A change that is taken back stands in none: there is nothing to tell.

Of a user it holds one change at most, and only if that user is there or the receiver was told so.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from presence_server.core.close_codes import LeaveReason
from presence_server.webhook.occupancy import Key, Occupancy
from presence_server.webhook.payload import Event

CAPACITY: Final = 10_000
NEVER: Final = float("inf")
_RIPENED_AT_ONCE: Final = 1_000
"""Bounds the time of a step; later steps do the rest."""


class Change(NamedTuple):
    """When something changed: monotonic seconds for the debounce, UTC ms to tell."""

    since_s: float
    at_ms: int
    reason: LeaveReason | None


Line = OrderedDict[Key, Change]
Batch = dict[Key, Event]


class Ledger:
    """Told of every join and leave; says what to tell of it. `now` must never go back.

    After `take` call `delivered` or `given_up` with what it returned before the next `take`.
    `debounce_s` may be set at any time; `dropped` counts the events that lost their turn.
    """

    def __init__(self, debounce_s: float, capacity: int = CAPACITY) -> None:
        self.debounce_s = debounce_s
        self.dropped = 0
        self._capacity = capacity
        self._occupancy = Occupancy()
        self._fresh: Line = OrderedDict()
        self._due: Line = OrderedDict()
        self._late: Line = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many events wait for their turn."""
        return len(self._due)

    @property
    def pending(self) -> int:
        """How many changes there are to tell, whether their turn has come or not."""
        return len(self._fresh) + len(self._due) + len(self._late)

    @property
    def known(self) -> int:
        """How many rooms, doubts and changes it holds, for those who look for leaks."""
        return len(self._occupancy) + self.pending

    # What happens

    def joined(self, room_id: str, user_id: str, now: float, now_ms: int) -> None:
        """A user came to a room."""
        change = Change(now, now_ms, None)
        for key in self._occupancy.enter(room_id, user_id):
            self._note(key, change)
        self._ripen(now)

    def left(
        self, room_id: str, user_id: str, reason: LeaveReason, now: float, now_ms: int
    ) -> None:
        """A user left a room; nothing if it was not there."""
        change = Change(now, now_ms, reason)
        for key in self._occupancy.leave(room_id, user_id):
            self._note(key, change)
        self._ripen(now)

    def everybody_left(self, now: float, now_ms: int) -> None:
        """There is nobody any more."""
        for room_id, user_id in [*self._occupancy.everybody()]:
            self.left(room_id, user_id, "closed", now, now_ms)

    # What is told

    def due_at(self) -> float:
        """When there is something to `take`; a time gone by if there is now."""
        if self._due or self._late:
            return -NEVER
        for change in self._fresh.values():
            return change.since_s + self.debounce_s
        return NEVER

    def take(self, now: float, limit: int) -> Batch:
        """At most `limit` events to tell now, in order; they count as told.

        Half of a batch is for those that are late, so that neither line waits for the other's end.
        """
        self._ripen(now)
        batch: Batch = {}
        for line, share in ((self._late, limit // 2), (self._due, limit), (self._late, limit)):
            for _ in range(len(line)):
                if not line or len(batch) + 2 > share:  # a room's first user makes two events
                    break
                self._tell(*line.popitem(last=False), batch, now)
        return batch

    def delivered(self, batch: Batch) -> None:
        """The receiver has taken a batch."""
        for key in batch:
            if self._occupancy.is_doubtful(key):
                self._occupancy.trust(key)
                if not self._occupancy.differs(key):
                    self._forget(key)

    def given_up(self, batch: Batch, now: float, *, may_have_arrived: bool) -> None:
        """A batch is tried no more. What is still so is told anew, as a change of now.

        If it may have arrived, the receiver may believe either: it is told again in any case.
        """
        occupancy = self._occupancy
        for key, event in batch.items():
            if may_have_arrived or occupancy.is_doubtful(key):
                occupancy.doubt(key)
            else:
                occupancy.tell(key, is_in=not event.is_in)
            if not occupancy.differs(key):
                self._forget(key)
            elif not self._stands(key):
                self._fresh[key] = Change(now, event.at, event.reason)

    # How

    def _note(self, key: Key, change: Change) -> None:
        self._forget(key)
        if self._occupancy.differs(key):
            self._fresh[key] = change

    def _stands(self, key: Key) -> bool:
        return key in self._fresh or key in self._due or key in self._late

    def _forget(self, key: Key) -> Change | None:
        for line in (self._fresh, self._due, self._late):
            if key in line:
                return line.pop(key)
        return None

    def _ripen(self, now: float) -> None:
        """Move what has lasted from fresh to due, and what there is no room for to late."""
        fresh, due = self._fresh, self._due
        for _ in range(min(len(fresh), _RIPENED_AT_ONCE)):
            key = next(iter(fresh))
            if fresh[key].since_s + self.debounce_s > now:
                return
            due[key] = fresh.pop(key)
            if len(due) > self._capacity:
                oldest, change = due.popitem(last=False)
                self._late[oldest] = change
                self.dropped += 1

    def _tell(self, key: Key, change: Change, batch: Batch, now: float) -> None:
        room_id, user_id = key
        is_in = self._occupancy.is_in(key)
        if user_id is None and not is_in and self._occupancy.members_told(room_id):
            # Some user's leaving was dropped, and stands in a line before this.
            self._fresh[key] = change._replace(since_s=now)
            return
        if user_id is not None and is_in:
            self._tell_occupied(room_id, change, batch)
        self._occupancy.tell(key, is_in=is_in)
        batch[key] = self._event(key, change, is_in=is_in)

    def _tell_occupied(self, room_id: str, change: Change, batch: Batch) -> None:
        """A room is occupied before its first user joins."""
        key = (room_id, None)
        if self._occupancy.differs(key):
            change = self._forget(key) or change
            self._occupancy.tell(key, is_in=True)
            batch[key] = self._event(key, change, is_in=True)

    def _event(self, key: Key, change: Change, *, is_in: bool) -> Event:
        room_id, user_id = key
        if user_id is None:
            members = self._occupancy.members(room_id)
            return Event(
                "room_occupied" if is_in else "room_vacated", room_id, members, change.at_ms
            )
        members = self._occupancy.members_told(room_id)
        if is_in:
            return Event("user_joined", room_id, members, change.at_ms, user_id)
        return Event("user_left", room_id, members, change.at_ms, user_id, change.reason)
