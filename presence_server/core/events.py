"""What a room reports: events that are broadcast, and facts about tabs that are not."""

from presence_server.core.close_codes import LeaveReason
from presence_server.core.entry import Entry, Place
from presence_server.core.messages import Status
from presence_server.core.permissions import Role
from presence_server.core.value import Value


class Joined(Value, frozen=True):
    """A user's first tab opened."""

    entry: Entry
    seq: int


class Changed(Value, frozen=True):
    """A member's entry is another."""

    entry: Entry
    seq: int


class Left(Value, frozen=True):
    """A user's last tab ended."""

    user_id: str
    reason: LeaveReason
    seq: int


class CursorMoved(Value, frozen=True):
    """A member's cursor is elsewhere, or gone. Unnumbered: the latest wins."""

    user_id: str
    cursor: bytes | None


class TabOpened(Value, frozen=True):
    """A connection took a seat. `tab` numbers the seats of a room and survives a takeover."""

    user_id: str
    tab: int
    role: Role
    anon: bool
    track: bool


class TabMoved(Value, frozen=True):
    """A tab is at another place, or its status is another."""

    user_id: str
    tab: int
    place: Place
    status: Status


class TabEnded(Value, frozen=True):
    """A tab gave up its seat."""

    user_id: str
    tab: int
    reason: LeaveReason


Broadcast = Joined | Changed | Left | CursorMoved
Fact = TabOpened | TabMoved | TabEnded
Event = Broadcast | Fact
