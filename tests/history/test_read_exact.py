"""Whether uniques are people is said no better than it is known."""

import itertools

import pytest

from presence_server.history.fold.rules import DAY_MS
from presence_server.history.read import exact
from presence_server.history.read.limits import asking
from presence_server.history.read.resources import statistics
from presence_server.history.read.top import top
from presence_server.history.store.erase import erase_user
from tests.history.rows import KIND, Recorded, recorded, visit

__all__ = ["recorded"]

ROOMS = itertools.count(1)


@pytest.fixture
def room() -> str:
    return f"room-{next(ROOMS)}"


def take(recorded: Recorded, room: str, *names: str, ref: str = "plan") -> None:
    """Users come one after another; those called guest are."""
    for name in names:
        recorded.clock += 2_000
        is_guest = name.startswith("guest")
        recorded.take(visit(recorded.clock, name, ref, room=room, is_guest=is_guest))


def is_exact(recorded: Recorded, room: str, ref: str = "plan") -> bool:
    with asking(recorded.readers) as connection:
        found = statistics(connection, room, KIND, ref, now=recorded.clock)
    assert found is not None
    return found.is_exact


def test_signed_in_users_are_counted_exactly(recorded: Recorded, room: str) -> None:
    take(recorded, room, "ann", "bob")
    assert is_exact(recorded, room)


def test_guests_are_counted_exactly_until_their_pseudonyms_change(
    recorded: Recorded, room: str
) -> None:
    take(recorded, room, "ann", "guest")
    assert is_exact(recorded, room)
    recorded.clock += 31 * DAY_MS
    take(recorded, room, "guest")
    take(recorded, room, "ann", ref="budget")
    assert not is_exact(recorded, room)
    assert is_exact(recorded, room, "budget"), "no guest was there"


def test_an_erased_user_would_be_counted_again(recorded: Recorded, room: str) -> None:
    take(recorded, room, "ann", "bob")
    take(recorded, room, "bob", ref="budget")
    erase_user(recorded.writer, room, "ann", recorded.clock)
    assert not is_exact(recorded, room)
    assert is_exact(recorded, room, "budget")
    with asking(recorded.readers) as connection:
        found = top(
            connection, room, by="uniques", kind=None, days=None, limit=9, now=recorded.clock
        )
    assert found is not None
    assert not found.is_exact


def test_where_it_would_take_long_to_know_it_is_not_said_to_be_exact(
    recorded: Recorded, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "_FEW", 3)
    take(recorded, room, *(f"guest-{n}" for n in range(4)), ref="budget")
    take(recorded, room, "ann", "bob", "cid")
    assert is_exact(recorded, room), "few viewed it: they are looked at"
    take(recorded, room, "dan")
    assert not is_exact(recorded, room)
