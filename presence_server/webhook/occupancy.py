"""Who is in which room, beside who the receiver has been told is there. Pure."""

from collections.abc import Iterator

Key = tuple[str, str | None]
"""A user in a room; with None the room itself, which is occupied or vacant."""


class _Room:
    __slots__ = ("here", "is_told", "told")

    def __init__(self) -> None:
        self.here: set[str] = set()
        self.told: set[str] = set()
        self.is_told = False


class Occupancy:
    """What is true and what was told. It holds an entry for each user who is one of both."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}
        self._doubtful: set[Key] = set()

    def __len__(self) -> int:
        """How many rooms and doubts it holds."""
        return len(self._rooms) + len(self._doubtful)

    # What is true

    def enter(self, room_id: str, user_id: str) -> list[Key]:
        """A user is in a room; what this changes, in the order in which it is to be told."""
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
        elif user_id in room.here:
            return []
        room.here.add(user_id)
        key = (room_id, user_id)
        return [(room_id, None), key] if len(room.here) == 1 else [key]

    def leave(self, room_id: str, user_id: str) -> list[Key]:
        """A user is in a room no more; what this changes, in the order to tell it."""
        room = self._rooms.get(room_id)
        if room is None or user_id not in room.here:
            return []
        room.here.discard(user_id)
        self._tidy(room_id, room)
        key = (room_id, user_id)
        return [key] if room.here else [key, (room_id, None)]

    def everybody(self) -> Iterator[tuple[str, str]]:
        """Each room and user in it; nobody may come or go meanwhile."""
        for room_id, room in self._rooms.items():
            for user_id in room.here:
                yield room_id, user_id

    def is_in(self, key: Key) -> bool:
        """Whether the user is in the room, or the room is occupied."""
        room = self._rooms.get(key[0])
        if room is None:
            return False
        return bool(room.here) if key[1] is None else key[1] in room.here

    def members(self, room_id: str) -> int:
        """How many users are in a room."""
        room = self._rooms.get(room_id)
        return 0 if room is None else len(room.here)

    # What was told

    def differs(self, key: Key) -> bool:
        """Whether the receiver may believe what is not so."""
        return key in self._doubtful or self.is_in(key) != self._is_told(key)

    def members_told(self, room_id: str) -> int:
        """How many users the receiver may believe to be in a room."""
        room = self._rooms.get(room_id)
        return 0 if room is None else len(room.told)

    def tell(self, key: Key, *, is_in: bool) -> None:
        """The receiver is told, or was not in the end and believes what it did before."""
        room_id, user_id = key
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = _Room()
        if user_id is None:
            room.is_told = is_in
        elif is_in:
            room.told.add(user_id)
        else:
            room.told.discard(user_id)
        self._tidy(room_id, room)

    def doubt(self, key: Key) -> None:
        """What the receiver believes is not known: it counts as told, and differs until `trust`."""
        self.tell(key, is_in=True)
        self._doubtful.add(key)

    def trust(self, key: Key) -> None:
        """The receiver has taken what it was told last."""
        self._doubtful.discard(key)

    def is_doubtful(self, key: Key) -> bool:
        """Whether `doubt` is still in force."""
        return key in self._doubtful

    # How

    def _is_told(self, key: Key) -> bool:
        room = self._rooms.get(key[0])
        if room is None:
            return False
        return room.is_told if key[1] is None else key[1] in room.told

    def _tidy(self, room_id: str, room: _Room) -> None:
        if not room.here and not room.told and not room.is_told:
            del self._rooms[room_id]
