"""Views that might have been: drawn from a seed, as skewed as people are.

Rooms, and the resources of a room, are seen as often as one over their rank; of the people of a
room some come a few times as often as others. Versions come out one after another, and mostly the
latest is looked at. Times rise evenly, and no two viewings of one user and version are within the
time in which a return would go on with the first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from presence_server.history.fold.rules import DAY_MS, DEBOUNCE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_VERSIONS: Final = 6
LONGEST_MS: Final = 600_000
KINDS: Final = ("document", "board", "sheet", "video")
GUESTS: Final = 10
"""One in so many is one."""
LEFT, MOVED, AWAY = range(3)

LedgerRow = tuple[int, int, int, int, int, int, int, None, int, int, int]
"""In the order of the columns of `views`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much there is to be. Room 1 is large: it has `share` of the views."""

    views: int = 9_000_000
    rooms: int = 200
    share: float = 0.3
    large_users: int = 20_000
    large_resources: int = 50_000
    users: int = 300
    resources: int = 500
    days: int = 89
    """One less than is kept: a server that is started on it has nothing to clear away."""
    seed: int = 7

    def room(self, number: int) -> Room:
        """The room of that number, from 1 on."""
        if number == 1:
            return Room(1, 0, self.large_users, 0, self.large_resources)
        before = number - 2
        return Room(
            number,
            self.large_users + before * self.users,
            self.users,
            self.large_resources + before * self.resources,
            self.resources,
        )


class Room(NamedTuple):
    """A room: its users and resources have the ids after these."""

    id: int
    before_user: int
    users: int
    before_resource: int
    resources: int

    @property
    def ref(self) -> str:
        """What clients call it."""
        return f"presence-{self.id:03}"


def kind_of(resource_id: int) -> str:
    """Of what type it is."""
    return KINDS[resource_id % len(KINDS)]


def ref_of(resource_id: int) -> str:
    """What clients call it."""
    return f"id-{resource_id}"


def versions_of(resource_id: int) -> int:
    """How many it has in the end."""
    return 1 + resource_id % MAX_VERSIONS


def version_id(resource_id: int, version: int) -> int:
    """The row of its version, from 0 on."""
    return resource_id * MAX_VERSIONS + version


class Draw:
    """Chooses as people do."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._rooms = [plan.room(number + 1) for number in range(plan.rooms)]
        self._random = Random(seed).random

    def room(self) -> Room:
        """The large one, or another by its rank."""
        if len(self._rooms) == 1 or self._random() < self._plan.share:
            return self._rooms[0]
        return self._rooms[int((len(self._rooms) - 1) ** self._random())]

    def resource(self, room: Room) -> int:
        """By its rank."""
        return room.before_resource + int(room.resources ** self._random())

    def user(self, room: Room) -> int:
        """The first some times as often as the last."""
        return room.before_user + 1 + int(room.users * self._random() ** 2)

    def version(self, resource_id: int, progress: float) -> int:
        """Mostly the latest of those that are out by then."""
        count, chance = versions_of(resource_id), self._random()
        latest = int(progress * count)
        return version_id(resource_id, latest if chance < 0.7 else int(chance * (latest + 1)))


def ledger(plan: Plan, until_ms: int) -> Iterator[LedgerRow]:
    """All viewings, in the order of their begins, which end before `until_ms`."""
    draw, random = Draw(plan, plan.seed), Random(plan.seed + 1).random
    span = plan.days * DAY_MS - LONGEST_MS
    start = until_ms - plan.days * DAY_MS
    recent = _Recent((LONGEST_MS + DEBOUNCE_MS) * plan.views // span + 1)
    for number in range(plan.views):
        room = draw.room()
        while True:
            resource, user = draw.resource(room), draw.user(room)
            version = draw.version(resource, number / plan.views)
            if recent.is_new((user, version)):
                break
        began, chance = start + number * span // plan.views, random()
        lasted = int(LONGEST_MS * chance**3)
        row = (began, number + 1, room.id, resource, version, user, began + lasted, None)
        yield *row, 1 + int(chance * 1.2), int(lasted * (1 - chance / 4)), int(chance * 3)


class _Recent:
    """The last keys."""

    def __init__(self, size: int) -> None:
        self._order: deque[tuple[int, int]] = deque()
        self._keys: set[tuple[int, int]] = set()
        self._size = size

    def is_new(self, key: tuple[int, int]) -> bool:
        """Whether it is none of them; if so it is now."""
        if key in self._keys:
            return False
        if len(self._order) == self._size:
            self._keys.remove(self._order.popleft())
        self._order.append(key)
        self._keys.add(key)
        return True
