"""What a room reports: events that are broadcast, and facts that only listeners are told."""

from presence_server.core.close_codes import EndReason, LeaveReason
from presence_server.core.entry import Entry, Identity, Place
from presence_server.core.messages import Status
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

    identity: Identity
    tab: int


class TabMoved(Value, frozen=True):
    """A tab is at another place, or its status is another."""

    identity: Identity
    tab: int
    place: Place
    status: Status


class TabEnded(Value, frozen=True):
    """A tab gave up its seat."""

    identity: Identity
    tab: int
    reason: EndReason


class TabRenewed(Value, frozen=True):
    """A tab has a token now that says another role, or otherwise whether to track it."""

    identity: Identity
    tab: int
    place: Place
    status: Status


class UserRemoved(Value, frozen=True):
    """An operator removed a user from the room; there is no `identity` if nobody was there."""

    user_id: str
    identity: Identity | None


class RoomEnded(Value, frozen=True):
    """An operator ended the room."""


class EntryRefused(Value, frozen=True):
    """Somebody with a valid token for the room was not let in."""

    identity: Identity
    reason: str


Broadcast = Joined | Changed | Left | CursorMoved
Fact = TabOpened | TabMoved | TabEnded | TabRenewed | UserRemoved | RoomEnded | EntryRefused
Event = Broadcast | Fact
