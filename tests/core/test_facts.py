"""What listeners are told of tabs and is not broadcast: enough to know every tab, always."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from presence_server.core.entry import NOWHERE, Identity, Place, Profile
from presence_server.core.events import Event, TabEnded, TabMoved, TabOpened, TabRenewed
from presence_server.core.permissions import Role
from presence_server.core.room import Room, RoomLimits
from presence_server.core.seats import Seat, Tab

LIMITS = RoomLimits(members=3, connections_per_user=3, connections=7)


def identity(user: str, role: Role = "commenter", **flags: bool) -> Identity:
    """What a token would say."""
    return Identity(
        user,
        Profile(user, None, role),
        observe=flags.get("observe", False),
        anon=flags.get("anon", False),
        track=flags.get("track", True),
    )


class Known(NamedTuple):
    """What is known of a tab."""

    user: str
    role: Role
    track: bool
    place: Place
    status: str


class Follower:
    """Knows the tabs of a room by the facts alone."""

    def __init__(self) -> None:
        self.tabs: dict[int, Known] = {}

    def read(self, events: list[Event]) -> None:
        """Take note; each tab opens once, and ends once."""
        for event in events:
            if isinstance(event, TabOpened):
                assert event.tab not in self.tabs
                self.tabs[event.tab] = _known(event.identity, NOWHERE, "online")
            elif isinstance(event, TabMoved | TabRenewed):
                assert event.tab in self.tabs
                self.tabs[event.tab] = _known(event.identity, event.place, event.status)
            elif isinstance(event, TabEnded):
                assert self.tabs.pop(event.tab).user == event.identity.user_id


def _known(who: Identity, place: Place, status: str) -> Known:
    return Known(who.user_id, who.profile.role, who.track, place, status)


WHO = st.sampled_from(("ann", "bob"))
ROLES = st.sampled_from(("viewer", "commenter"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), WHO, st.sampled_from("pqr"), ROLES, st.booleans()),
        st.tuples(st.just("renew"), st.integers(0, 9), ROLES, st.booleans()),
        st.tuples(st.just("move"), st.integers(0, 9), st.sampled_from(("/a", "/b"))),
        st.tuples(st.just("mark"), st.integers(0, 9), st.sampled_from(("online", "away"))),
        st.tuples(st.just("leave"), st.integers(0, 9)),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_whoever_follows_the_facts_knows_every_tab(steps: list[Any]) -> None:
    room, follower = Room(LIMITS), Follower()
    seats: dict[tuple[str, str], Seat] = {}
    for at, (step, *rest) in enumerate(steps):
        follower.read(_step(room, seats, step, rest, at * 31.0))
        again = Follower()
        again.read(room.facts())
        assert again.tabs == follower.tabs
        assert len(follower.tabs) == room.connections


def _step(
    room: Room, seats: dict[tuple[str, str], Seat], step: str, rest: list[Any], now: float
) -> list[Event]:
    if step == "join":
        user, pk, role, track = rest
        admission = room.join(object(), identity(user, role, track=track), pk, now, 0)
        seats[user, pk] = admission.seat
        return admission.events
    if not seats:
        return []
    key = [*seats][rest[0] % len(seats)]
    tab = seats[key]
    assert isinstance(tab, Tab)
    if step == "renew":
        return room.renew(tab, identity(key[0], rest[1], track=rest[2]))
    if step == "move":
        return room.move(tab, Place(rest[1]), now)
    if step == "mark":
        return room.mark(tab, rest[1], now)
    del seats[key]
    return room.leave(tab, "closed")


def test_a_token_that_says_the_same_again_is_no_fact() -> None:
    room = Room(LIMITS)
    seat = room.join(object(), identity("ann"), "p", 0.0, 0).seat
    assert room.renew(seat, identity("ann")) == []
    (fact,) = room.renew(seat, identity("ann", track=False))
    assert isinstance(fact, TabRenewed)
    assert not fact.identity.track


def test_an_observer_leaves_no_fact() -> None:
    room = Room(LIMITS)
    seat, events, _ = room.join(object(), identity("eye", observe=True), "p", 0.0, 0)
    assert events == room.leave(seat, "closed") == room.facts() == []
