"""The wall clock of the real process jumps an hour, ahead or back, while people are inside.

libfaketime turns the clock of the running program, and leaves the monotonic one alone.

Invariants:
- Nobody leaves, and nobody is told that anybody has.
- A token in force ends neither earlier nor later than what `welcome` said, plus the leeway; the
  warning of its end comes, and a refresh with a token of the new time is taken.
- Who comes later is judged by the new clock.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.peer import Peer, pump
from tests.support.server import ADMIN_KEY, SECRET, Server, token
from tests.support.truth import check_order, entries

HOUR_S = 3_600
LEEWAY_S = 5
LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"  # the loader knows what $LIB is
SOON_S = 20.0

Turn = Callable[[int], None]


@pytest.fixture
def turn(tmp_path: Path) -> Turn:
    """Turns the server's wall clock: seconds against the true time."""

    def write(seconds: int) -> None:
        half = tmp_path / "half"
        half.write_text(f"{seconds:+d}")
        half.rename(clock(tmp_path))

    return write


@pytest.fixture
def server(tmp_path: Path, turn: Turn) -> Iterator[Server]:
    """A server whose wall clock can be turned."""
    turn(0)
    variables = {
        "PRESENCE_JWT_SECRET": SECRET,
        "PRESENCE_ADMIN_KEY": ADMIN_KEY,
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_TIMESTAMP_FILE": str(clock(tmp_path)),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with Server("--ping-interval", "0.5", "--pong-timeout", "10", variables=variables) as server:
        yield server


def clock(folder: Path) -> Path:
    """The file that libfaketime reads."""
    return folder / "clock"


def first(peer: Peer, kind: str) -> dict[str, Any] | None:
    """The first message of a type that it got."""
    return next((message for message in peer.messages if message["type"] == kind), None)


@pytest.mark.parametrize("jump", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
def test_the_wall_clock_jumps_and_nobody_leaves(server: Server, turn: Turn, jump: int) -> None:
    began = time.monotonic()
    ann, bob = server.enter("ann"), server.enter("bob")
    brief, renewing = server.enter("brief", ttl=3), server.enter("renewing", ttl=3)
    there = [ann, bob, renewing]
    pump([*there, brief], lambda: len(ann.users) == 4)
    welcome = first(brief, "welcome")
    assert welcome is not None

    turn(jump)
    pump([*there, brief], lambda: first(renewing, "token_refresh_required"), SOON_S)
    assert brief.closed is None
    new = token("renewing", exp=int(time.time() + jump + 600))
    renewing.send({"type": "token_refresh", "token": new})
    pump([*there, brief], lambda: first(renewing, "token_refreshed"), SOON_S)
    refreshed = first(renewing, "token_refreshed")
    assert refreshed is not None
    assert 590_000 < refreshed["expiresIn"] <= 600_000

    late = server.join("late", exp=int(time.time() + jump + 600))
    pump([*there, brief, late], lambda: "late" in ann.users)
    joined = ann.users["late"]["joinedAt"] / 1_000
    assert abs(joined - time.time() - jump) < HOUR_S / 2  # the clock did jump
    stale = server.join("stale", exp=int(time.time() + (600 if jump > 0 else jump - 600)))
    pump([*there, brief, late, stale], lambda: stale.closed)
    assert stale.closed == (4401, "token_expired")

    everybody = [*there, late]
    pump([*everybody, brief], lambda: brief.closed, SOON_S)
    assert time.monotonic() - began > welcome["expiresIn"] / 1_000 + LEEWAY_S
    assert brief.closed == (4401, "token_expired")
    assert first(brief, "token_refresh_required")
    pump(everybody, lambda: all(peer.left() for peer in everybody), SOON_S)
    for peer in everybody:
        check_order(peer)
        assert peer.left() == [("brief", "expired")]
        assert peer.closed is None
        assert peer.users == entries(server)
    assert set(ann.users) == {"ann", "bob", "renewing", "late"}
