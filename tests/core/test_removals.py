"""Removals: what a token from before one no longer opens."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from presence_server.core import removals as table
from presence_server.core.removals import MAX_REMOVALS, Removals

AT = 1_800_000_000.5


def test_a_token_from_before_a_removal_is_refused_in_that_room_only() -> None:
    removals = Removals()
    removals.remove_user("acme", "ann", AT)
    assert removals.refuses("acme", "ann", AT - 1)
    assert removals.refuses("acme", "ann", AT), "issued in the same instant"
    assert removals.refuses("acme", "ann", None), "who knows when it was issued"
    assert not removals.refuses("acme", "ann", AT + 0.001)
    assert not removals.refuses("acme", "bob", None)
    assert not removals.refuses("other", "ann", None)


def test_a_token_from_before_a_room_ended_is_refused_whoever_has_it() -> None:
    removals = Removals()
    removals.end("acme", AT)
    assert removals.refuses("acme", "ann", AT)
    assert removals.refuses("acme", "bob", None)
    assert not removals.refuses("acme", "ann", AT + 1)
    assert not removals.refuses("other", "ann", None)


def test_who_is_removed_everywhere_needs_a_newer_token_for_every_room() -> None:
    removals = Removals()
    removals.remove_everywhere("ann", AT)
    assert removals.refuses("acme", "ann", AT)
    assert removals.refuses("other", "ann", None)
    assert not removals.refuses("other", "ann", AT + 1)
    assert not removals.refuses("acme", "bob", None)


def test_before_any_removal_nobody_is_refused() -> None:
    assert not Removals().refuses("acme", "ann", None)


def test_a_wall_clock_that_was_set_back_makes_no_removal_undone() -> None:
    removals = Removals()
    removals.remove_user("acme", "ann", AT)
    removals.remove_user("acme", "ann", AT - 3600)
    assert removals.refuses("acme", "ann", AT)


def test_the_names_of_rooms_and_users_are_not_mixed_up() -> None:
    removals = Removals()
    removals.end("ann", AT)
    removals.remove_everywhere("acme", AT)
    removals.remove_user("a", "b", AT)
    assert not removals.refuses("acme", "ann", None)
    assert not removals.refuses("b", "a", None)


def test_of_a_million_removals_the_latest_hundred_thousand_of_each_kind_are_remembered() -> None:
    removals, count = Removals(), 334_000
    for number in range(count):
        removals.remove_user("acme", str(number), AT)
        removals.remove_everywhere(f"e{number}", AT)
        removals.end(f"r{number}", AT)
    assert len(removals) == 3 * MAX_REMOVALS
    kept, forgotten = count - MAX_REMOVALS, count - MAX_REMOVALS - 1
    assert removals.refuses("acme", str(kept), AT)
    assert removals.refuses("other", f"e{kept}", AT)
    assert removals.refuses(f"r{kept}", "ann", AT)
    assert not removals.refuses("acme", str(forgotten), AT)
    assert not removals.refuses("other", f"e{forgotten}", AT)
    assert not removals.refuses(f"r{forgotten}", "ann", AT)


def test_what_is_removed_again_is_forgotten_later() -> None:
    removals = Removals(limit=2)
    for user in ("ann", "bob", "ann", "cy"):
        removals.remove_user("acme", user, AT)
    assert removals.refuses("acme", "ann", AT)
    assert not removals.refuses("acme", "bob", AT)


def test_removals_in_rooms_let_none_everywhere_be_forgotten() -> None:
    removals = Removals(limit=2)
    removals.remove_everywhere("ann", AT)
    removals.end("acme", AT)
    for number in range(10):
        removals.remove_user("other", str(number), AT)
    assert removals.refuses("third", "ann", AT)
    assert removals.refuses("acme", "bob", AT)


ROOMS = st.sampled_from(["acme", "other", "ann"])
USERS = st.sampled_from(["ann", "bob", "acme"])
TIMES = st.integers(0, 6).map(float)
LIMIT = 2


class RemovalsAgainstAList(RuleBasedStateMachine):
    """Every removal in a list, and the table, which keeps so many of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.removals = Removals(LIMIT)
        self.log: list[tuple[str, Any, float]] = []

    @rule(room=ROOMS, user=USERS, at=TIMES)
    def remove_user(self, room: str, user: str, at: float) -> None:
        self.removals.remove_user(room, user, at)
        self.log.append(("user", (room, user), at))

    @rule(user=USERS, at=TIMES)
    def remove_everywhere(self, user: str, at: float) -> None:
        self.removals.remove_everywhere(user, at)
        self.log.append(("everywhere", user, at))

    @rule(room=ROOMS, at=TIMES)
    def end(self, room: str, at: float) -> None:
        self.removals.end(room, at)
        self.log.append(("room", room, at))

    @rule(room=ROOMS, user=USERS, issued_at=st.none() | TIMES)
    def ask(self, room: str, user: str, issued_at: float | None) -> None:
        times = [
            *self.remembered("user", (room, user)),
            *self.remembered("everywhere", user),
            *self.remembered("room", room),
        ]
        refused = any(issued_at is None or issued_at <= at for at in times)
        assert self.removals.refuses(room, user, issued_at) == refused

    def remembered(self, kind: str, key: Any) -> list[float]:
        """The times of a removal, since it was last forgotten for others that came later."""
        times: list[float] = []
        later: list[Any] = []
        for logged_kind, logged, at in self.log:
            if logged_kind != kind:
                continue
            if logged == key:
                times.append(at)
                later = []
            elif logged not in later:
                later.append(logged)
            if len(later) >= LIMIT:
                times = []
        return times

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.removals) <= 3 * LIMIT


TestRemovalsAgainstAList = RemovalsAgainstAList.TestCase


def test_nothing_is_looked_up_while_nothing_was_ever_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every handshake asks: the question must be free until there is something to find."""

    def fail(*_: object) -> float:
        raise AssertionError("looked up")

    monkeypatch.setattr(table._Times, "get", fail)
    assert not Removals().refuses("acme", "ann", None)
