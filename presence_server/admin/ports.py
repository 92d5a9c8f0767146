"""What the admin listener needs of others."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from prometheus_client import CollectorRegistry
from starlette.responses import Response

from presence_server.core.claims import Claims

Removal = Literal["user", "room", "everywhere"]

Ask = Callable[[str, str, str], Awaitable[Response]]
"""Answers a question to history: its method, path and query string."""


class Occupancy(Protocol):
    """How many are in a room."""

    @property
    def room_id(self) -> str:
        """Which room."""

    @property
    def members(self) -> int:
        """Users in it."""

    @property
    def connections(self) -> int:
        """Connections to it, observers included."""


class Whereabouts(Protocol):
    """A user in a room."""

    @property
    def room_id(self) -> str:
        """Which room."""

    @property
    def connections(self) -> int:
        """The user's connections to it."""

    @property
    def entry(self) -> bytes | None:
        """The entry as JSON; None if the user only observes."""


class Rooms(Protocol):
    """Who is where, and who no longer may be."""

    def list(self) -> Sequence[Occupancy]:
        """How many are in each room, by id."""

    def count(self, room_ids: Iterable[str]) -> Sequence[Occupancy]:
        """How many are in each of these rooms, in this order."""

    def largest(self, most: int, covers: Callable[[str], bool]) -> Sequence[Occupancy]:
        """How many are in those with the most connections, of the rooms that it `covers`."""

    def entries(self, room_id: str) -> bytes | None:
        """The entries of a room as a JSON array; None if nobody is in it."""

    def find(self, user_id: str) -> Sequence[Whereabouts]:
        """The rooms that a user is in, or observes, by id."""

    def remove_user(self, room_id: str, user_id: str) -> int:
        """Remove a user from a room; returns how many connections were closed."""

    def remove_everywhere(self, user_id: str) -> int:
        """Remove a user from all rooms; returns how many connections were closed."""

    def end(self, room_id: str) -> int:
        """Remove all from a room; returns how many connections were closed."""


class Ports(NamedTuple):
    """All of them. `refuses` says whether a room is closed to a user's token that was issued at a
    time, because of a removal; `not_ready` why new connections are not welcome, None if they are;
    `history` is None where it is off.
    """

    rooms: Rooms
    verify: Callable[[str], Awaitable[Claims]]
    refuses: Callable[[str, str, float | None], bool]
    registry: CollectorRegistry
    count_removal: Callable[[Removal], object]
    not_ready: Callable[[], str | None]
    history: Ask | None = None
