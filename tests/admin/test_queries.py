"""Where a user is, and how many are in the rooms that are asked for."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.peer import Peer, pump
from tests.support.server import ADMIN_KEY, Answer, Server, get, token

ROOM, OTHER, THIRD = "presence-q1", "presence-q2", "presence-q3"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def people(server: Server) -> list[Peer]:
    """Ann twice in one room, in another too, and as an observer in a third; Bob with her."""
    people = [
        server.enter("ann", pk="tab-1", room=ROOM),
        server.enter("ann", pk="tab-2", room=ROOM),
        server.enter("ann", room=OTHER, role="viewer"),
        server.enter("ann", room=THIRD, observe=True),
        server.enter("a/b", room=ROOM, name="Bob"),
    ]
    people[0].update("/plan", activity="reads")
    pump(people, lambda: people[4].sees("ann", "/plan"))
    return people


def ask(server: Server, path: str, bearer: str | None = ADMIN_KEY) -> Answer:
    """A query."""
    return get(server.admin_port, path, bearer)


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of a query that was not answered."""
    assert set(answer.json()) == {"code", "message"}
    return answer.status, answer.json()["code"]


# Where a user is


def test_a_user_is_shown_with_every_room_and_the_entry_there(
    server: Server, people: list[Peer]
) -> None:
    answer = ask(server, "/v1/users/ann")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "user": "ann",
        "rooms": [
            {"room": ROOM, "connections": 2, "entry": people[0].users["ann"]},
            {"room": OTHER, "connections": 1, "entry": people[2].users["ann"]},
            {"room": THIRD, "connections": 1, "entry": None},
        ],
    }
    assert answer.json()["rooms"][0]["entry"]["activity"] == "reads"


def test_a_user_who_is_nowhere_is_in_no_room(server: Server) -> None:
    answer = ask(server, "/v1/users/nobody")
    assert (answer.status, answer.json()) == (200, {"user": "nobody", "rooms": []})


def test_an_id_with_a_slash_is_one_id(server: Server) -> None:
    answer = ask(server, "/v1/users/" + quote("a/b", safe=""))
    assert answer.json()["user"] == "a/b"
    assert [room["room"] for room in answer.json()["rooms"]] == [ROOM]
    assert refusal(ask(server, "/v1/users/a/b")) == (404, "not_found")


def test_an_operator_sees_a_user_in_the_rooms_of_the_token_only(server: Server) -> None:
    bearer = token("op", role="operator", room=[OTHER, "elsewhere"])
    answer = ask(server, "/v1/users/ann", bearer)
    assert [room["room"] for room in answer.json()["rooms"]] == [OTHER]
    assert refusal(ask(server, "/v1/users/ann", token("ann", room="*"))) == (403, "forbidden")
    assert refusal(ask(server, "/v1/users/ann", None)) == (401, "token_missing")


# How many are in some rooms


def test_rooms_that_are_asked_for_are_counted_also_where_they_are_empty(server: Server) -> None:
    answer = ask(server, f"/v1/rooms?ids={THIRD},presence-empty,{ROOM},{THIRD}")
    assert answer.status == 200
    assert answer.json()["rooms"] == [
        {"room": THIRD, "members": 0, "connections": 1},
        {"room": "presence-empty", "members": 0, "connections": 0},
        {"room": ROOM, "members": 2, "connections": 3},
    ]
    listed = ask(server, "/v1/rooms").json()["rooms"]
    assert [room["room"] for room in listed] == [ROOM, OTHER, THIRD], "asking makes no room"


def test_ids_may_be_escaped_or_come_in_parts_and_none_are_no_rooms(server: Server) -> None:
    assert names(ask(server, f"/v1/rooms?ids={ROOM}%2C{OTHER}&ids={THIRD}")) == [ROOM, OTHER, THIRD]
    assert names(ask(server, "/v1/rooms?ids=a~b:c._-")) == ["a~b:c._-"]
    assert names(ask(server, "/v1/rooms?ids=")) == []


def names(answer: Answer) -> list[str]:
    """The rooms of an answer."""
    return [room["room"] for room in answer.json()["rooms"]]


def test_a_thousand_ids_are_answered_and_one_more_is_not(server: Server) -> None:
    longest = [f"{number:0>128}" for number in range(1_000)]
    assert names(ask(server, f"/v1/rooms?ids={','.join(longest)}")) == longest
    too_many = ask(server, f"/v1/rooms?ids={','.join([*longest, longest[0]])}")
    assert refusal(too_many) == (400, "too_many_ids")


@pytest.mark.parametrize("ids", ["a,,b", ",", "a b", "a%00", "%FF", "é", "presence-*", "a" * 129])
def test_an_id_that_can_be_no_room_is_refused(server: Server, ids: str) -> None:
    path = f"/v1/rooms?ids={quote(ids, safe=',%')}"
    assert refusal(ask(server, path)) == (400, "bad_room")


def test_an_operator_is_refused_if_one_of_the_rooms_is_not_covered(server: Server) -> None:
    bearer = token("op", role="operator", room=[ROOM, OTHER])
    assert names(ask(server, f"/v1/rooms?ids={OTHER},{ROOM}", bearer)) == [OTHER, ROOM]
    answer = ask(server, f"/v1/rooms?ids={OTHER},{THIRD}", bearer)
    assert refusal(answer) == (403, "forbidden")
    assert names(ask(server, "/v1/rooms?ids=", bearer)) == []


def test_other_parameters_are_ignored(server: Server) -> None:
    assert names(ask(server, f"/v1/rooms?limit=1&ids={ROOM}&x")) == [ROOM]
    assert len(names(ask(server, "/v1/rooms?IDS=a&page=2"))) == 3
    assert ask(server, "/v1/users/ann?room=x").status == 200


# The largest rooms


def test_a_limit_asks_for_the_rooms_with_the_most_connections_largest_first(server: Server) -> None:
    [largest] = ask(server, "/v1/rooms?limit=1").json()["rooms"]
    assert largest == {"room": ROOM, "members": 2, "connections": 3}
    assert names(ask(server, "/v1/rooms?limit=999999")) == [ROOM, OTHER, THIRD]
    bearer = token("op", role="operator", room=[OTHER, THIRD])
    assert names(ask(server, "/v1/rooms?limit=1", bearer)) == [OTHER], "of those that are its own"


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1.5", "1000000", "٣"])
def test_a_limit_that_is_no_number_of_rooms_is_refused(server: Server, limit: str) -> None:
    assert refusal(ask(server, f"/v1/rooms?limit={quote(limit)}")) == (400, "bad_limit")


def test_a_room_that_can_be_none_is_not_looked_for(server: Server) -> None:
    assert refusal(ask(server, "/v1/rooms/a%2Fusers%2Fann")) == (400, "bad_room")
    assert refusal(ask(server, "/v1/rooms/a/users")) == (404, "not_found")
