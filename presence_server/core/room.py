"""A room: its members, their tabs, and what is broadcast when they change.

Everything that decides membership, `seq`, caps, takeover, and which tab stands for a user is here.
Every verb is synchronous and returns what happened, in order; the caller must publish all of it in
that order before calling another verb. `now` is monotonic seconds, `now_ms` UTC milliseconds.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from presence_server.core.close_codes import EndReason, LeaveReason
from presence_server.core.entry import NOWHERE, Entry, Identity, Place
from presence_server.core.errors import Limit, too_many
from presence_server.core.events import (
    Changed,
    CursorMoved,
    Event,
    Joined,
    Left,
    TabEnded,
    TabMoved,
    TabOpened,
    TabRenewed,
)
from presence_server.core.messages import Status
from presence_server.core.permissions import Permission, may
from presence_server.core.seats import Member, Seat, Tab

MAX_TAKEOVERS: Final = 5
TAKEOVER_WINDOW_S: Final = 30.0


class RoomLimits(NamedTuple):
    """How many may be in one room."""

    members: int
    connections_per_user: int
    connections: int


class Admission(NamedTuple):
    """A seat taken: what happened, and the seat it replaced, whose connection is to be closed."""

    seat: Seat
    events: list[Event]
    replaced: Seat | None


class Room:
    """One room, pure. `connections` is how many seats are taken; `limits` may be set anew."""

    __slots__ = (
        "_members",
        "_observers",
        "_spoken",
        "_tabs_opened",
        "connections",
        "limits",
        "seq",
    )

    def __init__(self, limits: RoomLimits) -> None:
        self.seq = 0
        self.limits = limits
        self.connections = 0
        self._members: dict[str, Member] = {}
        self._observers: dict[str, list[Seat]] = {}
        self._tabs_opened = 0
        self._spoken = 0

    def __len__(self) -> int:
        """How many users are members."""
        return len(self._members)

    @property
    def is_empty(self) -> bool:
        """Whether no seat is taken, an observer's included."""
        return not self._members and not self._observers

    def entries(self) -> Iterator[Entry]:
        """The members' entries, first to join first."""
        return (member.entry for member in self._members.values())

    def facts(self) -> list[Event]:
        """The tabs as they are, told as if each had just been opened and moved."""
        tabs = (tab for member in self._members.values() for tab in member.tabs)
        told: list[Event] = []
        for tab in tabs:
            told.append(TabOpened(tab.identity, tab.number))
            if tab.place is not None or tab.status != "online":
                place = tab.place or NOWHERE
                told.append(TabMoved(tab.identity, tab.number, place, tab.status))
        return told

    def seats(self, user_id: str | None = None) -> list[Seat]:
        """Every seat of the room, or of one user, observers included.

        The tab that stands for its user comes behind the others: when all are left in this order,
        none of the others is shown in between.
        """
        if user_id is None:
            users = {**self._members, **self._observers}
            return [seat for user in users for seat in self.seats(user)]
        member = self._members.get(user_id)
        tabs: list[Seat] = []
        if member is not None:
            tabs += sorted(member.tabs, key=lambda tab: tab is member.standing)
        return tabs + self._observers.get(user_id, [])

    def find(self, user_id: str, connection_id: str) -> Seat | None:
        """The seat that a connection of these ids would take over."""
        for seat in self.seats(user_id):
            if seat.connection_id == connection_id:
                return seat
        return None

    # Coming and going

    def join(
        self, holder: object, identity: Identity, connection_id: str, now: float, now_ms: int
    ) -> Admission:
        """Take a seat.

        Raises:
            Refused: if the room or the user is at a limit, or takeovers come too fast.

        """
        old = self.find(identity.user_id, connection_id)
        takeovers = () if old is None else _count_takeover(old, now)
        if old is not None and old.identity.observe == identity.observe:
            seat, events = self._take_over(old, holder, identity)
        else:
            self._check_caps(identity, old)
            events = [] if old is None else self.leave(old, "closed")
            seat, opened = self._open(holder, identity, connection_id, now_ms)
            events += opened
        seat.takeovers = takeovers
        return Admission(seat, events, old)

    def leave(self, seat: Seat, reason: EndReason) -> list[Event]:
        """Give up a seat. A seat that was given up or taken over already changes nothing."""
        if not isinstance(seat, Tab):
            self._drop_observer(seat)
            return []
        member = seat.member
        if seat not in member.tabs:
            return []
        member.tabs.remove(seat)
        self.connections -= 1
        events: list[Event] = [TabEnded(seat.identity, seat.number, reason)]
        if member.tabs:
            return events + self._settle(member)
        del self._members[member.user_id]
        del member.standing  # a tab and its member would hold each other
        self.seq += 1
        events.append(Left(member.user_id, _heard(reason), self.seq))
        return events

    def renew(self, seat: Seat, identity: Identity) -> list[Event]:
        """Put a new token of the same user in force; what it no longer allows is cleared."""
        before, seat.identity = seat.identity, identity
        if not isinstance(seat, Tab):
            return []
        self._strip(seat)
        seat.member.profile = identity.profile
        return [*_renewed(seat, before), *self._settle(seat.member)]

    # What a tab says

    def move(self, tab: Tab, place: Place, spoke_at: float) -> list[Event]:
        """Replace a tab's whole location. `spoke_at` is `now` less the idle time."""
        self._speak(tab, spoke_at)
        moved = place != tab.place
        if tab.cursor is not None and (tab.place is None or place.location != tab.place.location):
            tab.cursor = None
        tab.place = place
        return self._moved(tab) if moved else self._settle(tab.member)

    def mark(self, tab: Tab, status: Status, spoke_at: float) -> list[Event]:
        """Set a tab's status."""
        self._speak(tab, spoke_at)
        moved = status != tab.status
        tab.status = status
        return self._moved(tab) if moved else self._settle(tab.member)

    def point(self, tab: Tab, cursor: bytes | None) -> list[Event]:
        """Move a tab's cursor. Kept, but not shown, while another tab stands for the user."""
        member = tab.member
        if cursor == tab.cursor:
            return []
        tab.cursor = cursor
        if tab is not member.standing:
            return []
        member.entry = Entry(member.user_id, member.entry.body, cursor)
        return [CursorMoved(member.user_id, cursor)]

    # The rest is how

    def _check_caps(self, identity: Identity, leaving: Seat | None) -> None:
        """Refuse before anything has changed; `leaving` is about to give up its seat."""
        taken = len(self.seats(identity.user_id)) - (leaving is not None)
        if taken >= self.limits.connections_per_user:
            raise too_many(Limit.USER_CONNECTIONS)
        if self.connections - (leaving is not None) >= self.limits.connections:
            raise too_many(Limit.ROOM_CONNECTIONS)
        is_new = not identity.observe and identity.user_id not in self._members
        if is_new and len(self._members) >= self.limits.members:
            raise too_many(Limit.ROOM_USERS)

    def _open(
        self, holder: object, identity: Identity, connection_id: str, now_ms: int
    ) -> tuple[Seat, list[Event]]:
        self.connections += 1
        if identity.observe:
            seat = Seat(holder, identity, connection_id)
            self._observers.setdefault(identity.user_id, []).append(seat)
            return seat, []
        user_id, profile = identity.user_id, identity.profile
        member = self._members.get(user_id) or Member(user_id, profile, now_ms)
        self._tabs_opened += 1
        tab = Tab(holder, identity, connection_id, member, self._tabs_opened)
        member.tabs.append(tab)
        member.profile = profile
        opened = TabOpened(identity, tab.number)
        if user_id in self._members:
            return tab, [opened, *self._settle(member)]
        self._members[user_id] = member
        member.standing = tab
        member.entry = member.render()
        self.seq += 1
        return tab, [opened, Joined(member.entry, self.seq)]

    def _take_over(self, old: Seat, holder: object, identity: Identity) -> tuple[Seat, list[Event]]:
        if not isinstance(old, Tab):
            seat = Seat(holder, identity, old.connection_id)
            seats = self._observers[identity.user_id]
            seats[seats.index(old)] = seat
            return seat, []
        member = old.member
        tab = Tab(holder, identity, old.connection_id, member, old.number)
        tab.inherit(old)
        self._strip(tab)
        member.tabs[member.tabs.index(old)] = tab
        member.profile = identity.profile
        return tab, [*_renewed(tab, old.identity), *self._settle(member)]

    def _drop_observer(self, seat: Seat) -> None:
        user_id = seat.identity.user_id
        seats = self._observers.get(user_id, [])
        if seat in seats:
            seats.remove(seat)
            self.connections -= 1
            if not seats:
                del self._observers[user_id]

    def _strip(self, tab: Tab) -> None:
        role = tab.identity.profile.role
        if not may(role, Permission.CURSOR):
            tab.cursor = None
        if tab.place is not None and not may(role, Permission.ACTIVITY):
            tab.place = replace(tab.place, activity=None)

    def _speak(self, tab: Tab, spoke_at: float) -> None:
        self._spoken += 1
        tab.spoke_at = (spoke_at, self._spoken)

    def _moved(self, tab: Tab) -> list[Event]:
        fact = TabMoved(tab.identity, tab.number, tab.place or NOWHERE, tab.status)
        return [fact, *self._settle(tab.member)]

    def _settle(self, member: Member) -> list[Event]:
        """Let the right tab stand for the member; report the entry if it is another now."""
        tabs = member.tabs
        member.standing = tabs[0] if len(tabs) == 1 else max(tabs, key=lambda tab: tab.rank)
        entry = member.render()
        if entry == member.entry:
            return []
        member.entry = entry
        self.seq += 1
        return [Changed(entry, self.seq)]


def _heard(reason: EndReason) -> LeaveReason:
    return "closed" if reason == "server_stopped" else reason


def _renewed(tab: Tab, before: Identity) -> list[Event]:
    """The fact that a tab's token says something else than the one `before`, if it does."""
    now = tab.identity
    is_same = (now.profile.role, now.anon, now.track) == (
        before.profile.role,
        before.anon,
        before.track,
    )
    return [] if is_same else [TabRenewed(now, tab.number, tab.place or NOWHERE, tab.status)]


def _count_takeover(old: Seat, now: float) -> tuple[float, ...]:
    """When the seat was taken over of late, this time included."""
    recent = tuple(at for at in old.takeovers if now - at < TAKEOVER_WINDOW_S)
    if len(recent) >= MAX_TAKEOVERS:
        raise too_many(Limit.TAKEOVERS)
    return (*recent, now)
