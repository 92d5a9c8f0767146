"""A restart under many connected clients: everybody is back, and nothing of it comes all at once.

The clients are those that pages have: ours, and an unmodified partysocket. `tests/bench/restart.py`
measures the same with 5,000 of them.
"""

import signal
from collections import Counter

import pytest

from tests.bench.restart_crowd import Crowd, Json, Kind
from tests.support.server import ADMIN_KEY, SECRET, Server, eventually

BACK_S = 90.0
RESTART = 1012


def restart(server: Server, crowd: Crowd) -> None:
    """End it by SIGTERM, start it again at once, and wait until everybody is there as before."""
    crowd.mark()
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    server.start()
    crowd.whole(BACK_S)


def entries(server: Server, room: str) -> list[Json]:
    """The room as the server has it, by user."""
    users: list[Json] = server.admin(f"/v1/rooms/{room}", ADMIN_KEY).json()["users"]
    return sorted(users, key=lambda user: str(user["userId"]))


def is_the_rooms_own(server: Server, crowd: Crowd) -> bool:
    """Whether every client has of its room what the server has."""
    return all(
        [each["entries"] for each in maps] == [entries(server, room)]
        for room, maps in crowd.maps().items()
    )


@pytest.mark.parametrize("kind", ["ours", "partysocket"])
def test_after_a_restart_everybody_is_back_with_the_rooms_own_map(kind: Kind) -> None:
    with (
        Server("--drain-seconds", "2") as server,
        Crowd(kind, server.port, SECRET, rooms=6, members=25) as crowd,
    ):
        crowd.enter()
        crowd.whole(BACK_S)
        restart(server, crowd)
        eventually(lambda: is_the_rooms_own(server, crowd), BACK_S)
        people = crowd.people()
        assert len(people) == 150
        assert {person.code for person in people} == {RESTART}
        assert all(person.away_s is not None for person in people)
        assert [
            person for person in people if person.refused or person.again or person.leaves
        ] == []
        assert [person for person in people if person.reused] == []
        assert sum(crowd.token_requests().values()) >= len(people)


@pytest.mark.parametrize("kind", ["ours", "partysocket"])
def test_a_large_room_is_closed_little_by_little_and_hears_of_no_leave(kind: Kind) -> None:
    with (
        Server("--drain-seconds", "2") as server,
        Crowd(kind, server.port, SECRET, rooms=1, members=200) as crowd,
    ):
        crowd.enter()
        crowd.whole(BACK_S)
        crowd.mark()
        server.terminate()
        assert server.wait() == 0
        eventually(lambda: all(person.closedAt for person in crowd.people()), BACK_S)
        people = crowd.people()
        assert [person for person in people if person.leaves] == []
        closed_at = sorted(person.closedAt or 0 for person in people)
        assert closed_at[-1] - closed_at[0] > 1_000
        at_once = Counter(at // 100 for at in closed_at).most_common(1)[0][1]
        assert at_once < len(people) / 2
