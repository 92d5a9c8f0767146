"""What is posted."""

from typing import Final, Literal

import msgspec

from presence_server.core.close_codes import LeaveReason
from presence_server.core.value import Value

Kind = Literal["room_occupied", "room_vacated", "user_joined", "user_left"]


class Event(Value, frozen=True, omit_defaults=True, rename="camel"):
    """One thing that happened. `members` is the number in the room after it, `at` UTC ms."""

    type: Kind
    room: str
    members: int
    at: int
    user_id: str | None = None
    reason: LeaveReason | None = None

    @property
    def is_in(self) -> bool:
        """Whether it says that somebody is there."""
        return self.type in ("room_occupied", "user_joined")


class Body(Value, frozen=True, rename="camel"):
    """One request. `boot` names the server process, `sent_at` is UTC ms."""

    boot: str
    sent_at: int
    events: tuple[Event, ...]


encode: Final = msgspec.json.Encoder().encode
