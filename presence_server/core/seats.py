"""Who sits in a room: a connection's seat, the tab that is shown, the member it is shown of."""

from typing import TYPE_CHECKING, Final

from presence_server.core.entry import NOWHERE, Entry, Identity, Place, Profile, encode_body

if TYPE_CHECKING:
    from presence_server.core.messages import Status

NEVER: Final = float("-inf")


class Seat:
    """One connection's place in a room. `holder` is whatever the caller wants to find again.

    Seats are compared by identity, never by their ids: after a takeover the old one is vacant, and
    leaving it changes nothing.
    """

    __slots__ = ("connection_id", "holder", "identity", "takeovers")

    def __init__(self, holder: object, identity: Identity, connection_id: str) -> None:
        self.holder = holder
        self.identity = identity
        self.connection_id = connection_id
        self.takeovers: tuple[float, ...] = ()


class Tab(Seat):
    """The seat of a connection that is shown: what it has said."""

    __slots__ = ("cursor", "member", "number", "place", "spoke_at", "status")

    def __init__(
        self, holder: object, identity: Identity, connection_id: str, member: "Member", number: int
    ) -> None:
        super().__init__(holder, identity, connection_id)
        self.member: Member = member
        self.number = number
        self.place: Place | None = None
        self.status: Status = "online"
        self.cursor: bytes | None = None
        self.spoke_at: tuple[float, int] = (NEVER, 0)

    @property
    def rank(self) -> tuple[bool, bool, tuple[float, int]]:
        """The greatest stands for the user: located, then online, then the latest to speak."""
        return (self.place is not None, self.status == "online", self.spoke_at)

    def inherit(self, old: "Tab") -> None:
        """Take over what `old` has said."""
        self.place, self.status, self.cursor = old.place, old.status, old.cursor
        self.spoke_at, self.number = old.spoke_at, old.number


class Member:
    """A user in the room, however many tabs: at least one, of which one stands for the user."""

    __slots__ = ("entry", "joined_at_ms", "profile", "standing", "tabs", "user_id")

    def __init__(self, user_id: str, profile: Profile, joined_at_ms: int) -> None:
        self.user_id = user_id
        self.profile = profile
        self.joined_at_ms = joined_at_ms
        self.tabs: list[Tab] = []
        self.standing: Tab
        self.entry: Entry

    def render(self) -> Entry:
        """The entry as the standing tab and the latest token make it."""
        tab = self.standing
        body = encode_body(
            self.user_id, self.profile, tab.place or NOWHERE, tab.status, self.joined_at_ms
        )
        return Entry(self.user_id, body, tab.cursor)
