"""A room on its own: no loop, no clock, no socket."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence_server.core.entry import Identity, Place, Profile
from presence_server.core.errors import Refused
from presence_server.core.events import Changed, CursorMoved, Event, Joined, Left
from presence_server.core.permissions import Role
from presence_server.core.room import Room, RoomLimits
from presence_server.core.seats import Seat, Tab

LIMITS = RoomLimits(members=100, connections_per_user=4, connections=1_000)


def identity(
    user: str, *, observe: bool = False, role: Role = "commenter", name: str = ""
) -> Identity:
    """What a token would say."""
    return Identity(user, Profile(name or user, None, role), observe, anon=False, track=True)


class Sitting:
    """A room in which time passes by one second with each step, and who reads its events."""

    def __init__(self, limits: RoomLimits = LIMITS) -> None:
        self.room = Room(limits)
        self.now = 100.0
        self.map: dict[str, dict[str, Any]] = {}
        self.seq = 0
        self.told: list[Event] = []

    def join(self, user: str, pk: str = "p1", **claims: Any) -> Any:
        """Join, or take over."""
        self.now += 1
        seat, events, _ = self.room.join(
            object(), identity(user, **claims), pk, self.now, int(self.now * 1000)
        )
        self.read(events)
        return seat

    def move(self, tab: Tab, path: str, *, idle: float = 0.0) -> None:
        """Go somewhere."""
        self.now += 1
        self.read(self.room.move(tab, Place(path), self.now - idle))

    def mark(self, tab: Tab, status: Any, *, idle: float = 0.0) -> None:
        """Go away, come back."""
        self.now += 1
        self.read(self.room.mark(tab, status, self.now - idle))

    def point(self, tab: Tab, cursor: bytes | None) -> None:
        """Move the cursor."""
        self.read(self.room.point(tab, cursor))

    def leave(self, seat: Seat) -> None:
        """Go."""
        self.read(self.room.leave(seat, "closed"))

    def read(self, events: list[Event]) -> None:
        """Do with the events what a client does."""
        for event in events:
            if isinstance(event, Joined | Changed | Left):
                assert event.seq == self.seq + 1
                self.seq = event.seq
            if isinstance(event, Joined | Changed):
                self.map[event.entry.user_id] = orjson.loads(b"{%b}" % event.entry.members)
            elif isinstance(event, Left):
                del self.map[event.user_id]
            elif isinstance(event, CursorMoved):
                cursor = None if event.cursor is None else orjson.loads(event.cursor)
                self.map[event.user_id]["cursor"] = cursor
                if cursor is None:
                    del self.map[event.user_id]["cursor"]
            self.told.append(event)

    def entries(self) -> dict[str, dict[str, Any]]:
        """The room's own map."""
        found = [orjson.loads(b"{%b}" % entry.members) for entry in self.room.entries()]
        return {entry["userId"]: entry for entry in found}

    def broadcasts(self) -> list[str]:
        """The kinds of what was told to all since the last time."""
        told, self.told = self.told, []
        return [
            type(e).__name__ for e in told if isinstance(e, Joined | Changed | Left | CursorMoved)
        ]


def test_a_first_tab_joins_and_a_last_tab_leaves() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    assert sitting.broadcasts() == ["Joined"]
    sitting.leave(first)
    assert sitting.broadcasts() == []
    sitting.leave(second)
    assert sitting.broadcasts() == ["Left"]
    assert sitting.room.is_empty


def test_joined_at_is_that_of_the_first_tab() -> None:
    sitting = Sitting()
    first = sitting.join("ann", "p1")
    joined_at = sitting.map["ann"]["joinedAt"]
    sitting.join("ann", "p2")
    sitting.leave(first)
    assert sitting.entries()["ann"]["joinedAt"] == joined_at


def test_a_tab_with_a_location_stands_before_one_without() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(first, "/a")
    sitting.mark(second, "online")
    assert sitting.map["ann"]["currentPath"] == "/a"


def test_an_online_tab_stands_before_one_that_is_away() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(first, "/a")
    sitting.move(second, "/b")
    sitting.mark(second, "away")
    assert (sitting.map["ann"]["currentPath"], sitting.map["ann"]["status"]) == ("/a", "online")


def test_the_tab_that_spoke_last_stands_and_idle_time_counts() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(first, "/a")
    sitting.move(second, "/b")
    assert sitting.map["ann"]["currentPath"] == "/b"
    sitting.move(first, "/a2", idle=60)
    assert sitting.map["ann"]["currentPath"] == "/b"
    sitting.move(first, "/a3")
    assert sitting.map["ann"]["currentPath"] == "/a3"


def test_a_cursor_does_not_make_a_tab_stand_but_is_shown_when_it_stands() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(first, "/a")
    sitting.move(second, "/b")
    sitting.broadcasts()
    sitting.point(first, b'{"x":1}')
    assert sitting.broadcasts() == []
    sitting.leave(second)
    assert sitting.broadcasts() == ["Changed"]
    assert sitting.map["ann"]["cursor"] == {"x": 1}


def test_a_switch_between_equal_tabs_is_not_told() -> None:
    sitting = Sitting()
    first, second = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(first, "/same")
    sitting.broadcasts()
    sitting.move(second, "/same")
    sitting.leave(first)
    assert sitting.broadcasts() == []


def test_a_takeover_inherits_place_status_cursor_and_rank() -> None:
    sitting = Sitting()
    old, other = sitting.join("ann", "p1"), sitting.join("ann", "p2")
    sitting.move(other, "/other", idle=50)
    sitting.move(old, "/old")
    sitting.point(old, b"{}")
    before = dict(sitting.map["ann"])
    sitting.broadcasts()
    new = sitting.join("ann", "p1")
    assert sitting.broadcasts() == []
    assert sitting.entries()["ann"] == before
    sitting.leave(old)
    assert sitting.broadcasts() == []
    sitting.leave(new)
    assert sitting.map["ann"]["currentPath"] == "/other"


def test_the_sixth_takeover_within_thirty_seconds_is_refused() -> None:
    sitting = Sitting()
    for _ in range(6):
        sitting.join("ann", "p1")
    with pytest.raises(Refused) as refused:
        sitting.join("ann", "p1")
    assert refused.value.code == 4429
    sitting.now += 30
    sitting.join("ann", "p1")


def test_a_takeover_that_changes_observe_ends_the_old_one_first() -> None:
    sitting = Sitting()
    member = sitting.join("ann", "p1")
    sitting.join("ann", "p1", observe=True)
    assert sitting.broadcasts() == ["Joined", "Left"]
    sitting.leave(member)
    assert not sitting.room.is_empty
    assert sitting.entries() == {}


def test_a_takeover_that_is_refused_changes_nothing() -> None:
    sitting = Sitting(RoomLimits(members=1, connections_per_user=4, connections=1_000))
    sitting.join("ann", "p1")
    watcher = sitting.join("bob", "p1", observe=True)
    with pytest.raises(Refused):
        sitting.join("bob", "p1")
    assert watcher in sitting.room.seats("bob")


def test_the_same_connection_id_of_another_user_is_no_takeover() -> None:
    sitting = Sitting()
    sitting.join("ann", "p1")
    sitting.join("bob", "p1")
    assert set(sitting.entries()) == {"ann", "bob"}


def test_an_update_that_changes_nothing_is_not_told() -> None:
    sitting = Sitting()
    ann = sitting.join("ann")
    sitting.move(ann, "/a")
    sitting.point(ann, b'{"x":1}')
    sitting.broadcasts()
    sitting.move(ann, "/a")
    sitting.mark(ann, "online")
    sitting.point(ann, b'{"x":1}')
    assert sitting.broadcasts() == []


def test_a_new_location_clears_the_cursor_and_leaves_the_status() -> None:
    sitting = Sitting()
    ann = sitting.join("ann")
    sitting.move(ann, "/a")
    sitting.mark(ann, "away")
    sitting.point(ann, b'{"x":1}')
    sitting.read(sitting.room.move(ann, Place("/a", activity="typing"), sitting.now))
    assert sitting.map["ann"]["cursor"] == {"x": 1}
    sitting.move(ann, "/b")
    assert "cursor" not in sitting.map["ann"]
    assert sitting.map["ann"]["status"] == "away"


def test_a_token_that_allows_less_clears_what_was_allowed() -> None:
    sitting = Sitting()
    ann = sitting.join("ann")
    sitting.read(sitting.room.move(ann, Place("/a", activity="typing"), sitting.now))
    sitting.point(ann, b'{"x":1}')
    sitting.read(sitting.room.renew(ann, identity("ann", role="viewer", name="Ann B.")))
    entry = sitting.map["ann"]
    assert (entry["role"], entry["userName"]) == ("viewer", "Ann B.")
    assert not {"cursor", "activity"} & set(entry)
    assert sitting.entries() == sitting.map


def test_limits_hold_for_connections_of_a_user_observers_included() -> None:
    sitting = Sitting(RoomLimits(members=9, connections_per_user=2, connections=1_000))
    sitting.join("ann", "p1")
    sitting.join("ann", "p2", observe=True)
    with pytest.raises(Refused):
        sitting.join("ann", "p3")


class NaiveTab:
    """What a tab has said, for a model that recomputes everything each time."""

    def __init__(self, number: int) -> None:
        self.path: str | None = None
        self.status = "online"
        self.cursor: bytes | None = None
        self.spoke: tuple[float, int] = (float("-inf"), number)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "take_over", "move", "mark", "point", "close"]),
        st.sampled_from(["p1", "p2", "p3"]),
        st.sampled_from(["/a", "/b"]),
        st.sampled_from(["online", "away"]),
        st.sampled_from([b'{"x":1}', b'{"x":2}', None]),
        st.sampled_from([0.0, 1.0, 5.0]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_the_standing_tab_is_the_one_that_a_naive_model_picks(steps: list[Any]) -> None:
    sitting = Sitting()
    tabs: dict[str, tuple[Any, NaiveTab]] = {}
    for number, (step, pk, path, status, cursor, idle) in enumerate(steps):
        if step in ("open", "take_over"):
            known = tabs[pk][1] if pk in tabs else NaiveTab(-1)
            sitting.now += 31
            tabs[pk] = (sitting.join("ann", pk), known)
        elif pk in tabs:
            tab, naive = tabs[pk]
            if step == "move":
                sitting.move(tab, path, idle=idle)
                naive.cursor = naive.cursor if naive.path == path else None
                naive.path = path
                naive.spoke = (sitting.now - idle, number)
            elif step == "mark":
                sitting.mark(tab, status, idle=idle)
                naive.status = status
                naive.spoke = (sitting.now - idle, number)
            elif step == "point":
                sitting.point(tab, cursor)
                naive.cursor = cursor
            else:
                sitting.leave(tab)
                del tabs[pk]
        assert sitting.map == sitting.entries()
        assert set(sitting.map) == ({"ann"} if tabs else set())
        if tabs:
            check_entry(sitting.map["ann"], [naive for _, naive in tabs.values()])


def check_entry(entry: dict[str, Any], tabs: list[NaiveTab]) -> None:
    """The entry is that of the best tab; tabs that never spoke are alike but for their cursor."""
    best = max((tab.path is not None, tab.status == "online", tab.spoke) for tab in tabs)
    shown = {
        (tab.path or "", tab.status, tab.cursor)
        for tab in tabs
        if (tab.path is not None, tab.status == "online", tab.spoke) == best
    }
    cursor = orjson.dumps(entry["cursor"]) if "cursor" in entry else None
    assert (entry["currentPath"], entry["status"], cursor) in shown
