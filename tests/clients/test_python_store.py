"""The client's map of the room: what counts, what is ignored, when it asks again."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from presence_client import Changed, CursorMoved, Joined, Left, PresenceStore, Reset

Json = dict[str, Any]

WELCOME: Json = {"type": "welcome", "version": 1, "userId": "me"}


def entry(user_id: str, **fields: Any) -> Json:
    return {"userId": user_id, "userName": user_id.title(), "currentPath": "/"} | fields


def snapshot(seq: int, *users: Json) -> Json:
    return {"type": "presence_snapshot", "users": list(users), "seq": seq}


def joined(seq: int, user_id: str, **fields: Any) -> Json:
    return {"type": "user_joined", "seq": seq} | entry(user_id, **fields)


def changed(seq: int, user_id: str, **fields: Any) -> Json:
    return {"type": "presence_changed", "seq": seq} | entry(user_id, **fields)


def left(seq: int, user_id: str) -> Json:
    return {"type": "user_left", "seq": seq, "userId": user_id, "reason": "closed"}


def cursor(user_id: str, at: Json | None) -> Json:
    return {"type": "cursor_changed", "userId": user_id, "cursor": at}


def store_with(*users: Json, seq: int = 10) -> PresenceStore:
    store = PresenceStore()
    store.receive(WELCOME, 0)
    store.receive(snapshot(seq, *users), 0)
    return store


def test_a_snapshot_replaces_the_whole_map() -> None:
    store = store_with(entry("ann"), entry("bob"))
    change = store.receive(snapshot(40, entry("cat")), 0)
    assert store.members == {"cat": entry("cat")}
    assert store.seq == 40
    assert change == Reset({"cat": entry("cat")})


def test_a_snapshot_with_a_lower_number_counts_too() -> None:
    store = store_with(entry("ann"), seq=900)
    store.receive(snapshot(1, entry("bob")), 0)
    assert list(store.members) == ["bob"]
    assert store.receive(joined(2, "cat"), 0) == Joined("cat", entry("cat"))


def test_the_next_event_is_applied() -> None:
    store = store_with(entry("ann"))
    assert store.receive(joined(11, "bob"), 0) == Joined("bob", entry("bob"))
    assert store.receive(left(12, "ann"), 0) == Left("ann", "closed")
    assert store.members == {"bob": entry("bob")}
    assert store.seq == 12


def test_a_change_replaces_the_whole_entry() -> None:
    store = store_with(entry("ann", activity="typing", cursor={"x": 1}))
    change = store.receive(changed(11, "ann", currentPath="/b"), 0)
    assert store.members["ann"] == entry("ann", currentPath="/b")
    assert change == Changed("ann", entry("ann", currentPath="/b"))


@pytest.mark.parametrize("seq", [0, 9, 10])
def test_an_event_at_or_below_the_number_is_ignored(seq: int) -> None:
    store = store_with(entry("ann"))
    assert store.receive(left(seq, "ann"), 0) is None
    assert "ann" in store.members
    assert store.resync_at is None


def test_before_the_first_snapshot_room_events_are_ignored() -> None:
    store = PresenceStore()
    for message in (WELCOME, joined(1, "ann"), cursor("ann", {"x": 1}), joined(7, "bob")):
        assert store.receive(message, 0) is None
    assert not store.members
    assert not store.due(100), "the server owes the first snapshot unasked"


def test_a_gap_asks_for_one_resync() -> None:
    store = store_with()
    store.receive(joined(12, "bob"), 100.0)
    assert store.due(100.0)
    store.receive(joined(14, "cat"), 101.0)
    assert not store.due(101.0)


def test_after_a_gap_room_events_wait_for_the_snapshot() -> None:
    store = store_with(entry("ann"))
    store.receive(joined(12, "bob"), 0)
    for message in (
        joined(11, "cat"),
        changed(13, "ann"),
        cursor("ann", {"x": 1}),
        left(14, "ann"),
    ):
        assert store.receive(message, 0) is None
    assert store.members == {"ann": entry("ann")}
    store.receive(snapshot(14, entry("bob")), 0)
    assert store.receive(joined(15, "dan"), 0) == Joined("dan", entry("dan"))


def test_an_unanswered_resync_is_asked_again_after_five_seconds() -> None:
    store = store_with()
    store.receive(joined(12, "bob"), 100.0)
    assert store.due(100.0)
    assert not store.due(104.9)
    assert store.due(105.0)
    assert not store.due(109.9)
    assert store.due(110.0)


def test_the_snapshot_ends_the_asking() -> None:
    store = store_with()
    store.receive(joined(12, "bob"), 0)
    store.receive(snapshot(12, entry("bob")), 0)
    assert store.resync_at is None
    assert not store.due(1000)


def test_a_second_gap_asks_at_once() -> None:
    store = store_with()
    store.receive(joined(12, "bob"), 0)
    assert store.due(0)
    store.receive(snapshot(12, entry("bob")), 0.5)
    store.receive(joined(20, "cat"), 1.0)
    assert store.due(1.0)


def test_a_welcome_ends_the_asking_of_the_old_connection() -> None:
    store = store_with()
    store.receive(joined(12, "bob"), 0)
    store.receive(WELCOME, 1)
    assert not store.due(1000)


def test_after_a_welcome_room_events_wait_for_the_snapshot() -> None:
    store = store_with(entry("ann"))
    store.receive(WELCOME, 0)
    assert store.receive(left(11, "ann"), 0) is None
    assert store.receive(cursor("ann", {"x": 1}), 0) is None
    assert store.members == {"ann": entry("ann")}, "the roster stays visible meanwhile"


def test_who_left_while_we_were_offline_is_no_ghost() -> None:
    store = store_with(entry("ann"), entry("bob"))
    store.receive(WELCOME, 0)
    store.receive(snapshot(30, entry("ann")), 0)
    assert list(store.members) == ["ann"]


def test_a_field_update_after_a_reset_is_not_ignored() -> None:
    store = store_with(entry("ann"), seq=500)
    store.receive(WELCOME, 0)
    store.receive(snapshot(3, entry("ann")), 0)
    store.receive(changed(4, "ann", currentPath="/new"), 0)
    assert store.members["ann"]["currentPath"] == "/new"


def test_the_latest_cursor_wins() -> None:
    store = store_with(entry("ann"))
    assert store.receive(cursor("ann", {"x": 1}), 0) == CursorMoved("ann", {"x": 1})
    store.receive(cursor("ann", {"y": 2}), 0)
    assert store.members["ann"] == entry("ann", cursor={"y": 2})
    assert store.seq == 10


@pytest.mark.parametrize(
    "message", [cursor("ann", None), {"type": "cursor_changed", "userId": "ann"}]
)
def test_a_null_or_absent_cursor_clears_it(message: Json) -> None:
    store = store_with(entry("ann", cursor={"x": 1}))
    assert store.receive(message, 0) == CursorMoved("ann", None)
    assert store.members["ann"] == entry("ann")


def test_a_cursor_of_an_unknown_user_is_ignored() -> None:
    store = store_with(entry("ann"))
    assert store.receive(cursor("bob", {"x": 1}), 0) is None
    assert list(store.members) == ["ann"]


def test_a_leave_of_an_unknown_user_only_counts() -> None:
    store = store_with(entry("ann"))
    assert store.receive(left(11, "bob"), 0) is None
    assert store.seq == 11


def test_what_a_change_carries_does_not_change_later() -> None:
    store = store_with()
    first = store.receive(joined(11, "ann"), 0)
    store.receive(cursor("ann", {"x": 1}), 0)
    assert first == Joined("ann", entry("ann"))


def test_a_view_of_the_members_stays_live_over_a_reset() -> None:
    store = store_with(entry("ann"))
    view = store.members
    store.receive(snapshot(50, entry("bob")), 0)
    assert list(view) == ["bob"]


@pytest.mark.parametrize("user_id", ["__proto__", "constructor", "__class__", "seq", "0"])
def test_any_user_id_is_an_ordinary_string(user_id: str) -> None:
    store = store_with(entry(user_id))
    store.receive(cursor(user_id, {"x": 1}), 0)
    assert store.members == {user_id: entry(user_id, cursor={"x": 1})}
    store.receive(left(11, user_id), 0)
    assert not store.members


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": None},
        {"type": ["user_left"]},
        {"type": "from_a_later_version", "seq": 11, "userId": "ann"},
        {"type": "presence_snapshot", "users": None, "seq": 11},
        {"type": "presence_snapshot", "users": []},
        {"type": "user_left", "userId": "ann"},
        {"type": "user_left", "userId": "ann", "seq": "11"},
        {"type": "user_left", "userId": ["ann"], "seq": 11},
        {"type": "user_joined", "seq": 11},
        {"type": "cursor_changed", "userId": {}, "cursor": {}},
        {"type": "cursor_changed", "userId": "ann", "cursor": "here"},
    ],
    ids=repr,
)
def test_unknown_and_malformed_messages_change_nothing(message: Json) -> None:
    store = store_with(entry("ann"))
    assert store.receive(message, 0) is None
    assert store.members == {"ann": entry("ann")}
    assert store.seq == 10
    assert store.resync_at is None


def test_a_snapshot_keeps_what_is_well_formed() -> None:
    store = PresenceStore()
    store.receive(snapshot(1, entry("ann"), {}, entry(""), {"userId": 5}), 0)
    assert list(store.members) == ["ann"]


USERS = st.sampled_from(["ann", "bob", "cat"])
KINDS = st.sampled_from(["user_joined", "presence_changed", "user_left"])


def history(steps: list[tuple[str, str]]) -> Iterator[tuple[Json, dict[str, Json]]]:
    """Each event of a room, and the truth after it."""
    truth: dict[str, Json] = {}
    for seq, (kind, user_id) in enumerate(steps, start=1):
        if kind == "user_left":
            truth.pop(user_id, None)
            yield left(seq, user_id), dict(truth)
        else:
            truth[user_id] = entry(user_id, currentPath=f"/{seq}")
            make = joined if kind == "user_joined" else changed
            yield make(seq, user_id, currentPath=f"/{seq}"), dict(truth)


@given(
    steps=st.lists(st.tuples(KINDS, USERS), max_size=20),
    fates=st.lists(st.sampled_from(["arrives", "twice", "lost", "lost, then a snapshot"])),
)
def test_whatever_is_lost_or_doubled_the_map_is_the_truth_at_its_number(
    steps: list[tuple[str, str]], fates: list[str]
) -> None:
    store = store_with(seq=0)
    truths: list[dict[str, Json]] = [{}]
    for index, (event, truth) in enumerate(history(steps)):
        truths.append(truth)
        fate = fates[index] if index < len(fates) else "arrives"
        for _ in range({"arrives": 1, "twice": 2}.get(fate, 0)):
            store.receive(event, 0)
        if fate.endswith("snapshot"):
            store.receive(snapshot(event["seq"], *truth.values()), 0)
            assert store.seq == event["seq"]
        assert store.seq is not None
        assert store.members == truths[store.seq]
