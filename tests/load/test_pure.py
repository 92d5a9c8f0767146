"""The pure parts of the load generator."""

from random import Random

import pytest

from presence_server.core.close_codes import Close
from presence_server.core.errors import Limit, too_many
from presence_server.load.account import RESYNC_AGAIN_S, Account
from presence_server.load.hints import hint
from presence_server.load.pace import Pace
from presence_server.load.plan import BadUrl, Member, Plan, Target
from presence_server.load.times import GROWTH, Times
from presence_server.load.told import Batch


def events(first: int, last: int) -> Batch:
    return Batch(first, last, (), ())


# Times


def test_percentiles_are_right_to_a_bucket() -> None:
    times = Times()
    for milliseconds in range(1, 1001):
        times.add(milliseconds / 1000)
    assert times.count == 1000
    for percent in (50, 95, 99):
        assert percent / 100 <= times.percentile(percent) <= percent / 100 * GROWTH**2
    assert times.percentile(100) == times.longest == 1.0


def test_nothing_took_no_time_and_what_took_none_is_counted() -> None:
    times = Times()
    assert (times.percentile(99), times.longest) == (0.0, 0.0)
    times.add(0.0)
    times.add(-0.1)
    assert (times.count, times.percentile(99)) == (2, 0.0)


# Pace


def test_everybody_speaks_at_the_rate_and_they_are_spread_out() -> None:
    pace = Pace(10, 2.0, start=0.0, end=5.0, random=Random(1))
    ticks = [[*pace.due(tick / 100)] for tick in range(1, 501)]
    spoken = [number for tick in ticks for number in tick]
    assert {spoken.count(number) for number in range(10)} == {10}
    assert max(map(len, ticks)) < 5


def test_who_is_late_still_gets_its_turns_and_nobody_speaks_without_a_rate() -> None:
    late = Pace(3, 10.0, start=0.0, end=1.0, random=Random(1))
    assert len([*late.due(9.0)]) == 30
    assert [*Pace(3, 0.0, start=0.0, end=1.0, random=Random(1)).due(9.0)] == []


# Account


def test_events_in_order_are_counted_from_the_snapshot_on() -> None:
    account = Account()
    assert not account.take(events(4, 4), 0.0)
    account.snapshot(7)
    assert account.take(events(8, 9), 0.0)
    assert account.take(events(10, 10), 0.0)
    assert account.take(events(0, 0), 0.0)
    assert (account.events, account.gaps, account.replaced) == (3, 0, 0)
    assert not account.must_ask(0.0)


def test_a_gap_is_seen_asked_about_once_and_healed_by_a_snapshot() -> None:
    account = Account()
    account.snapshot(7)
    assert not account.take(events(9, 9), 1.0)
    assert account.must_ask(1.0)
    assert not account.must_ask(1.0 + RESYNC_AGAIN_S / 2)
    assert account.must_ask(1.0 + RESYNC_AGAIN_S)
    assert not account.take(events(10, 10), 2.0)
    account.snapshot(10)
    assert account.take(events(11, 11), 3.0)
    assert (account.gaps, account.resyncs, account.events, account.replaced) == (1, 2, 1, 0)


def test_a_snapshot_that_nobody_asked_for_replaces_events_and_old_ones_are_no_gap() -> None:
    account = Account()
    account.snapshot(7)
    account.snapshot(12)
    assert not account.take(events(9, 12), 0.0)
    assert (account.replaced, account.gaps) == (5, 0)
    assert account.take(events(13, 13), 0.0)


# Plan


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://presence.example.com", "wss://presence.example.com"),
        ("https://presence.example.com:443/", "wss://presence.example.com"),
        ("ws://127.0.0.1:8787", "ws://127.0.0.1:8787"),
        ("ws://[::1]:8787/base/", "ws://[::1]:8787/base"),
    ],
)
def test_an_address_is_understood(url: str, shown: str) -> None:
    assert str(Target.of(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        *("presence.example.com", "ftp://x", "ws://", "ws://x:port", "ws://x:99999"),
        *("ws://x/?token=t", "ws://me@x", "ws://x/parties/presence/presence-acme", "ws://[x"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(BadUrl) as refused:
        Target.of(url)
    assert "\n" not in str(refused.value)


def test_rooms_fill_evenly_and_bear_the_runs_own_name() -> None:
    plan = Plan(Target.of("ws://x/base"), "r1", 7, 3, 1.0, 0.0, 1.0, 0.0)
    members = [*plan.members()]
    rooms = [member.room_id for member in members]
    assert sorted(map(rooms.count, sorted(set(rooms)))) == [2, 2, 3]
    assert all(room.startswith("bench-r1-") for room in rooms)
    assert len({member.user_id for member in members}) == 7
    target = plan.request_target(Member(0, "bench-1", "bench-r1-1"))
    assert target == "/base/parties/presence/bench-r1-1?_pk=bench-1"


# Hints


def test_every_limit_of_the_server_has_a_hint() -> None:
    for limit in Limit:
        refusal = too_many(limit)
        assert hint(refusal.code, refusal.reason), limit
    assert "PRESENCE_ADDRESS_CONNECTIONS" in hint(4429, "too many connections from this address")


def test_every_refused_token_has_a_hint_and_what_nobody_knows_has_none() -> None:
    for reason in ("token_invalid", "token_expired", "token_missing"):
        assert hint(Close.UNAUTHORIZED, reason)
    assert hint(4999, "whatever") == ""
