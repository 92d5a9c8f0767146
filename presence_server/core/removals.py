"""Who was removed from where, and when: a token from before that opens nothing any more.

All of it is in memory, and bounded: of each kind of removal the oldest are forgotten first.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MAX_REMOVALS: Final = 100_000
NEVER: Final = float("-inf")

Key = TypeVar("Key", bound=Hashable)


class _Times(Generic[Key]):
    """The latest time of each key."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: OrderedDict[Key, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def note(self, key: Key, at: float) -> None:
        """Remember `at`, unless a later time is known: the wall clock may have been set back."""
        self._times[key] = max(at, self._times.pop(key, NEVER))
        if len(self._times) > self._limit:
            self._times.popitem(last=False)

    def get(self, key: Key) -> float:
        return self._times.get(key, NEVER)


class Removals:
    """What operators removed. Times are UTC seconds by the wall clock, as those of tokens are.

    Each kind has a table of its own, so that many removals of one kind (those in a room, which an
    operator may do) let none of another (those everywhere) be forgotten.
    """

    def __init__(self, limit: int = MAX_REMOVALS) -> None:
        self._users: _Times[tuple[str, str]] = _Times(limit)
        self._rooms: _Times[str] = _Times(limit)
        self._everywhere: _Times[str] = _Times(limit)
        self._is_empty = True

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._users) + len(self._rooms) + len(self._everywhere)

    def remove_user(self, room_id: str, user_id: str, at: float) -> None:
        """A user is removed from a room."""
        self._is_empty = False
        self._users.note((room_id, user_id), at)

    def remove_everywhere(self, user_id: str, at: float) -> None:
        """A user is removed from every room."""
        self._is_empty = False
        self._everywhere.note(user_id, at)

    def end(self, room_id: str, at: float) -> None:
        """A room is ended: all its users are removed from it."""
        self._is_empty = False
        self._rooms.note(room_id, at)

    def refuses(self, room_id: str, user_id: str, issued_at: float | None) -> bool:
        """Whether a token of this user opens this room no more: it was issued at the time of a
        removal or before, or does not say when.
        """
        if self._is_empty:  # as good as always, and every connection asks
            return False
        is_from_before = _is_from_before(self._rooms.get(room_id), issued_at)
        return is_from_before or self.has_removed(room_id, user_id, issued_at)

    def has_removed(self, room_id: str, user_id: str, issued_at: float | None) -> bool:
        """The same, but that the end of the room does not count: whoever may end a room may look
        into it afterwards.
        """
        removed_at = max(self._users.get((room_id, user_id)), self._everywhere.get(user_id))
        return _is_from_before(removed_at, issued_at)


def _is_from_before(removed_at: float, issued_at: float | None) -> bool:
    return removed_at != NEVER and (issued_at is None or issued_at <= removed_at)
