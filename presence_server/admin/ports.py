"""What the admin listener needs of others."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from presence_server.core.claims import Claims


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


class Rooms(Protocol):
    """Who is where."""

    def list(self) -> Sequence[Occupancy]:
        """How many are in each room, by id."""

    def entries(self, room_id: str) -> bytes | None:
        """The entries of a room as a JSON array; None if nobody is in it."""


class Ports(NamedTuple):
    """All of them: `is_ready` says whether new connections are welcome."""

    rooms: Rooms
    verify: Callable[[str], Claims]
    metrics: Callable[[], bytes]
    is_ready: Callable[[], bool]
