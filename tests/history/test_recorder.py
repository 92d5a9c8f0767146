"""What is noted of a room's events, when it is packed, and what is lost and said of that."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence_server.core.entry import Identity, Profile
from presence_server.core.events import CursorMoved
from presence_server.core.events import TabOpened as TabOpenedEvent
from presence_server.history.facts import (
    MAX_FACTS,
    AnyFact,
    Ended,
    Lost,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)
from presence_server.history.recorder import MAX_QUEUED, Recorder
from presence_server.history.refusals import AGAIN_MS, Refusals
from tests.history.noting import Sink, attach, enter
from tests.support.loop import FakeLoop
from tests.support.world import OPTIONS, ROOM, World

PACKED_S = 0.15
SECRET_WORDS = ("Ann Lee", "/secret/path", "picture.png", "typing", "cursor", "leader", "payload")


class Here:
    """A world whose recorder has a sink."""

    def __init__(self, limit: int = 1_048_576, **options: Any) -> None:
        self.world = World(OPTIONS._replace(**options))
        self.sink = attach(self.world, limit)

    def facts(self) -> list[AnyFact]:
        """What was noted since the last time, packed."""
        self.world.loop.advance(PACKED_S)
        return self.sink.take()


def identity(user: str, *, track: bool = True) -> Identity:
    """Somebody."""
    return Identity(user, Profile(user, None, "commenter"), False, False, track)


# What is noted


def test_a_tab_is_noted_from_its_opening_to_its_end() -> None:
    here = Here()
    ann = here.world.join("ann", role="viewer")
    ann.update("/a", resourceType="doc", resourceId="d", versionId="v")
    ann.mark("away")
    ann.close()
    opened, moved, away, ended = here.facts()
    assert opened == Opened(opened.at, ROOM, "ann", False, 1, "viewer")
    assert moved == Moved(moved.at, ROOM, "ann", False, 1, "viewer", "doc", "d", "v", False)
    assert away == Moved(away.at, ROOM, "ann", False, 1, "viewer", "doc", "d", "v", True)
    assert ended == Ended(ended.at, ROOM, "ann", False, 1, "closed")


@pytest.mark.parametrize(
    "half",
    [
        {"resourceType": "doc"},
        {"resourceId": "d", "versionId": "v"},
        {"resourceType": "", "resourceId": "d"},
        {"resourceType": "doc", "resourceId": ""},
    ],
)
def test_half_a_resource_is_none(half: dict[str, str]) -> None:
    here = Here()
    here.world.join("ann").update("/a", **half)
    (moved,) = [fact for fact in here.facts() if isinstance(fact, Moved)]
    assert (moved.kind, moved.id, moved.version) == (None, None, None)


def test_whoever_must_not_be_tracked_leaves_no_trace() -> None:
    here = Here(user_total=1)
    ann = here.world.join("ann", track=False)
    ann.update("/a", resourceType="doc", resourceId="d")
    here.world.join("ann", "another tab", track=False)
    here.world.gateway.rooms.remove_user(ROOM, "ann")
    here.world.join("eye", observe=True)
    assert here.facts() == []


def test_a_token_that_says_so_begins_and_ends_it() -> None:
    here = Here()
    ann = here.world.join("ann", track=False)
    ann.update("/a", resourceType="doc", resourceId="d")
    for track in (True, False):
        token = here.world.token("ann", track=track)
        ann.send({"type": "token_refresh", "token": token})
        here.world.settle()
    opened, moved, ended = here.facts()
    assert (type(opened), type(moved)) == (Opened, Moved)
    assert isinstance(ended, Ended)
    assert ended.reason == "untracked"


def test_what_operators_do_is_noted() -> None:
    here = Here()
    here.world.join("guest", anon=True)
    rooms = here.world.gateway.rooms
    rooms.remove_user(ROOM, "guest")
    rooms.remove_user(ROOM, "nobody")
    rooms.end(ROOM)
    facts = here.facts()
    removed = [fact for fact in facts if isinstance(fact, Removed)]
    assert [(fact.user, fact.is_guest) for fact in removed] == [("guest", True), ("nobody", None)]
    assert [fact for fact in facts if isinstance(fact, RoomEnded)]
    assert [fact.reason for fact in facts if isinstance(fact, Ended)] == ["kicked"]


def test_no_name_path_cursor_or_data_leaves_the_server() -> None:
    here = Here()
    ann = here.world.join("ann", name="Ann Lee", picture="https://x.test/picture.png")
    ann.update("/secret/path", activity="typing", following="leader", data={"payload": 1})
    ann.point({"cursor": 1})
    told = str(here.facts())
    assert "ann" in told
    assert not [word for word in SECRET_WORDS if word in told]


def test_a_refusal_is_noted_once_in_five_minutes() -> None:
    here = Here(user_total=1)
    here.world.join("ann")
    for _ in range(50):
        here.world.join("ann", "another tab")
    assert len([fact for fact in here.facts() if isinstance(fact, Refused)]) == 1
    here.world.loop.advance(AGAIN_MS / 1000)
    here.world.join("ann", "another tab")
    assert len([fact for fact in here.facts() if isinstance(fact, Refused)]) == 1


@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.sampled_from("abc")), min_size=1, max_size=60)
)
def test_of_refusals_that_are_alike_two_are_never_nearer_than_that(
    steps: list[tuple[int, str]],
) -> None:
    refusals, now = Refusals(), 1_000
    noted: dict[str, int] = {}
    for passed, user in steps:
        now += passed
        is_due = now - noted.get(user, -AGAIN_MS) >= AGAIN_MS
        assert refusals.is_new(Refused(now, ROOM, user, False, "room_users")) is is_due
        if is_due:
            noted[user] = now


# When


def test_times_are_of_the_events_and_never_go_back() -> None:
    here = Here()
    ann = here.world.join("ann")
    for number in range(20):
        here.world.wall_offset += 3_600 * (-1) ** number
        ann.update(f"/{number}", resourceType="doc", resourceId=str(number))
        here.world.loop.advance(0.03)
    times = [fact.at for fact in here.facts()]
    assert times == sorted(times)
    assert times[-1] - times[0] <= 20 * 30 * 1.1 + 20


def test_facts_are_packed_after_a_tenth_of_a_second_and_time_is_told_each_second() -> None:
    here = Here()
    here.world.join("ann", settle=False)
    here.world.loop.advance(0.05)
    assert here.sink.batches == []
    here.world.loop.advance(0.06)
    assert len(here.sink.batches) == 1
    here.world.loop.advance(10)
    beats = here.sink.batches[1:]
    assert 9 <= len(beats) <= 10
    assert not [batch for batch in beats if batch.facts]
    numbers = [batch.number for batch in here.sink.batches]
    assert numbers == [*range(1, len(numbers) + 1)]


def test_a_batch_has_no_more_facts_than_it_may() -> None:
    recorder, sink = alone()
    events = [TabOpenedEvent(identity(f"u{n}"), n) for n in range(3 * MAX_FACTS)]
    recorder.on_events(ROOM, events, 0)
    recorder.finish()
    assert max(len(batch.facts) for batch in sink.batches) <= MAX_FACTS
    assert [fact.tab for fact in sink.of(Opened)] == [*range(3 * MAX_FACTS)]


def alone() -> tuple[Recorder, Sink]:
    """A recorder without a gateway."""
    sink, loop = Sink(), FakeLoop()
    recorder = Recorder("a run", 1_048_576, lambda: round(loop.now * 1000), loop, sink.metrics)
    sink.recorder = recorder
    recorder.start(World().gateway.rooms, sink)
    return recorder, sink


# What is lost


def fill(here: Here) -> None:
    """Have more wait than may."""
    here.sink.is_stuck = True
    ann = here.world.join("ann")
    while not here.sink.dropped:
        ann.update(str(here.world.loop.now), resourceType="doc", resourceId="d" * 100)
        here.world.loop.advance(PACKED_S)


def drain(here: Here) -> list[AnyFact]:
    """Have it taken again; what is told then."""
    here.sink.is_stuck = False
    here.sink.send()
    return here.facts()


def test_what_could_not_wait_is_counted_and_then_everybody_is_told_of_anew() -> None:
    here = Here(limit=3_000)
    fill(here)
    bob = enter(here.world, "bob", "pk-bob", "presence-other")
    bob.update("/b", resourceType="doc", resourceId="b")
    here.world.settle()
    dropped = here.sink.dropped
    assert here.sink.recorder.waiting.size < 2 * 3_000
    facts = drain(here)
    at = next(n for n, fact in enumerate(facts) if isinstance(fact, Lost))
    lost = facts[at]
    assert isinstance(lost, Lost)
    assert lost.dropped == dropped >= 3
    assert here.sink.losses == [0, dropped]  # what the log is told, when it begins and when it ends
    assert facts[at - 1].at <= lost.since <= lost.at
    told = {(type(fact), fact.room) for fact in facts[at + 1 :]}
    assert told == {(kind, room) for kind in (Opened, Moved) for room in (ROOM, "presence-other")}


def test_without_a_loss_nothing_is_said_of_one() -> None:
    here = Here(limit=3_000)
    here.sink.is_stuck = True
    ann = here.world.join("ann")
    while here.sink.recorder.waiting.size <= 3_000:
        ann.update(str(here.world.loop.now), resourceType="doc", resourceId="d" * 100)
        here.world.loop.advance(PACKED_S)
    assert Lost not in {type(fact) for fact in drain(here)}
    assert here.sink.losses == []


def test_what_happens_before_a_rooms_census_is_in_it_and_nothing_is_told_twice() -> None:
    here = Here(limit=3_000)
    fill(here)
    here.sink.is_stuck = False
    here.sink.send()
    ann = here.world.clients[0]
    ann.update("/new", resourceType="doc", resourceId="new")
    ann.update("/newer", resourceType="doc", resourceId="newer")
    here.world.loop.turn()
    facts = here.facts()
    after = facts[[type(fact) for fact in facts].index(Lost) + 1 :]
    assert [type(fact) for fact in after] == [Opened, Moved]
    assert isinstance(after[1], Moved)
    assert after[1].id == "newer"
    ann.close()
    assert [type(fact) for fact in here.facts()] == [Ended]


def test_removals_are_noted_before_a_rooms_census_too() -> None:
    here = Here(limit=3_000)
    fill(here)
    here.sink.is_stuck = False
    here.sink.send()
    here.world.gateway.rooms.remove_user(ROOM, "nobody")
    assert here.sink.recorder._awaiting
    assert Removed in {type(fact) for fact in here.facts()}


def test_a_flood_between_two_turns_of_the_loop_is_bounded_too() -> None:
    recorder, sink = alone()
    event = [TabOpenedEvent(identity("ann"), 1)]
    for _ in range(MAX_QUEUED + 10):
        recorder.on_events(ROOM, event, 0)
    assert (recorder.count(), sink.dropped) == (MAX_QUEUED, 10)
    recorder.finish()
    recorder.finish()
    assert [fact.dropped for fact in sink.of(Lost)] == [10]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 9), max_size=60))
def test_whatever_is_dropped_those_who_are_there_are_known_in_the_end(steps: list[int]) -> None:
    here = Here(limit=800)
    for number, step in enumerate(steps):
        if step < 3:
            here.world.join(f"user-{step}", f"pk-{number}")
        elif step < 6:
            here.world.loop.advance(PACKED_S)
        elif step == 6:
            here.sink.is_stuck = not here.sink.is_stuck
            here.sink.send()
        elif here.world.clients:
            here.world.clients[(step * 7 + number) % len(here.world.clients)].close()
            here.world.loop.turn()
    here.world.loop.advance(1)
    here.sink.is_stuck = False
    here.sink.send()
    here.world.loop.advance(1)
    there: set[int] = set()
    for fact in here.sink.facts:
        if isinstance(fact, Opened):
            there.add(fact.tab)
        elif isinstance(fact, Ended):
            there.discard(fact.tab)
        elif isinstance(fact, Lost):
            there.clear()
    live = here.world.gateway.rooms.facts(ROOM)
    assert there == {event.tab for event in live if isinstance(event, TabOpenedEvent)}


# What it costs


def test_what_waits_and_for_how_long_is_measured() -> None:
    here = Here()
    here.sink.is_stuck = True
    here.world.join("ann")
    here.world.loop.advance(30)
    registry = here.sink.metrics.registry
    assert registry.get_sample_value("presence_history_facts_total") == 1
    assert registry.get_sample_value("presence_history_waiting") == 1
    assert (registry.get_sample_value("presence_history_waiting_bytes") or 0) > 20
    assert registry.get_sample_value("presence_history_lag_seconds") == pytest.approx(30, abs=0.1)
    here.facts()
    drain(here)
    assert registry.get_sample_value("presence_history_lag_seconds") == 0
    assert registry.get_sample_value("presence_history_waiting") == 0


def test_a_cursor_costs_no_memory_and_no_timer() -> None:
    recorder, _ = alone()
    recorder.on_events(ROOM, [CursorMoved("ann", b"{}")], 0)
    assert recorder.count() == 0
    assert not recorder._is_armed
