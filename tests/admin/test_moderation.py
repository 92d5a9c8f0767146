"""What operators do over HTTP: remove a user, end a room, and what happens to those removed."""

import itertools
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.peer import pump
from tests.support.server import ADMIN_KEY, Answer, Server, get, token

ROOM = "presence-mod"
OTHER = "presence-mod-2"
NUMBERS = itertools.count()
GONE = (4410, "removed by an operator")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def room() -> str:
    """A room of this test alone: what was removed stays so."""
    return f"presence-{next(NUMBERS)}"


def delete(server: Server, path: str, bearer: str | None = ADMIN_KEY) -> Answer:
    """Ask the admin listener to remove something."""
    return get(server.admin_port, path, bearer, method="DELETE")


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of what was not done."""
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["message"]
    return answer.status, answer.json()["code"]


def operator(rooms: str | list[str], **claims: Any) -> str:
    """An operator's token for these rooms."""
    return token("op", role="operator", room=rooms, **claims)


def closed(server: Server, user: str, room: str, **claims: Any) -> tuple[int, str] | None:
    """How a dial ends; None if it is let in."""
    peer = server.join(user, room=room, **claims)
    pump([peer], lambda: peer.closed or "welcome" in peer.types())
    return peer.closed


# Removing


def test_the_admin_key_removes_a_user_with_all_tabs(server: Server, room: str) -> None:
    removals = server.metric("presence_removals_total", kind="user")
    people = [
        server.enter("bob", room=room),
        server.enter("ann", pk="tab-1", room=room),
        server.enter("ann", pk="tab-2", room=room),
        server.enter("ann", pk="eye", room=room, observe=True),
    ]
    answer = delete(server, f"/v1/rooms/{room}/users/ann")
    assert answer.status == 200
    assert answer.json() == {"room": room, "user": "ann", "connections": 3}
    assert answer.headers["cache-control"] == "no-store"
    pump(people, lambda: all(peer.is_gone for peer in people[1:]) and people[0].left())
    assert [peer.closed for peer in people] == [None, GONE, GONE, GONE]
    assert people[0].left() == [("ann", "kicked")]
    assert server.metric("presence_removals_total", kind="user") == removals + 1


def test_an_old_token_opens_nothing_after_it_and_a_new_one_does(server: Server, room: str) -> None:
    before = server.metric("presence_connections_refused_total", reason="removed")
    issued_at = time.time()
    assert delete(server, f"/v1/rooms/{room}/users/ann").json()["connections"] == 0
    gone = (4410, "token is from before a removal")
    assert closed(server, "ann", room, iat=issued_at) == gone
    assert closed(server, "ann", room) == gone
    assert closed(server, "ann", room, iat=time.time()) is None
    assert server.metric("presence_connections_refused_total", reason="removed") == before + 2


def test_a_user_is_removed_everywhere_by_the_admin_key_alone(server: Server) -> None:
    removals = server.metric("presence_removals_total", kind="everywhere")
    people = [server.enter("eve", room=room) for room in (ROOM, OTHER)]
    assert refusal(delete(server, "/v1/users/eve", operator("*"))) == (403, "forbidden")
    assert refusal(delete(server, "/v1/users/eve", token("eve"))) == (403, "forbidden")
    answer = delete(server, "/v1/users/eve")
    assert (answer.status, answer.json()) == (200, {"user": "eve", "connections": 2})
    pump(people, lambda: all(peer.is_gone for peer in people))
    assert [peer.closed for peer in people] == [GONE, GONE]
    assert closed(server, "eve", "presence-unseen") == (4410, "token is from before a removal")
    assert server.metric("presence_removals_total", kind="everywhere") == removals + 1


def test_a_room_is_ended_for_all(server: Server, room: str) -> None:
    removals = server.metric("presence_removals_total", kind="room")
    people = [server.enter(name, room=room) for name in ("ann", "bob")]
    answer = delete(server, f"/v1/rooms/{room}")
    assert (answer.status, answer.json()) == (200, {"room": room, "connections": 2})
    pump(people, lambda: all(peer.is_gone for peer in people))
    assert [peer.closed for peer in people] == [(4410, "the room was ended")] * 2
    assert closed(server, "cy", room) == (4410, "token is from before a removal")
    assert refusal(get(server.admin_port, f"/v1/rooms/{room}", ADMIN_KEY)) == (404, "not_found")
    assert delete(server, f"/v1/rooms/{room}").json()["connections"] == 0
    assert server.metric("presence_removals_total", kind="room") == removals + 2


def test_a_user_whose_id_looks_like_a_path_is_removed_and_nobody_else(
    server: Server, room: str
) -> None:
    names = ["a/b", "a", "users", "..", "a b?c#d", "é", "%2F", "ann\u2028", "ann"]
    people = [server.enter(name, pk=f"pk-{n}", room=room) for n, name in enumerate(names)]
    for name, peer in zip(names[:-1], people, strict=False):
        answer = delete(server, f"/v1/rooms/{room}/users/{quote(name, safe='')}")
        assert answer.json() == {"room": room, "user": name, "connections": 1}
        pump(people, lambda peer=peer: peer.is_gone)  # type: ignore[misc] # bound now
    pump(people, lambda: set(people[-1].users) == {"ann"})
    assert people[-1].closed is None


# Who may


def test_an_operator_removes_and_ends_within_the_rooms_of_the_token(server: Server) -> None:
    bearer = operator(["presence-mine", "presence-team-*"])
    for room in ("presence-mine", "presence-team-1"):
        for user in ("ann", "bob"):
            assert delete(server, f"/v1/rooms/{room}/users/{user}", bearer).status == 200
        assert delete(server, f"/v1/rooms/{room}", bearer).status == 200
        again = delete(server, f"/v1/rooms/{room}", bearer)
        assert again.status == 200, "who ended a room may look after it still"
    for path in ("/v1/rooms/presence-theirs/users/ann", "/v1/rooms/presence-theirs"):
        assert refusal(delete(server, path, bearer)) == (403, "forbidden")


@pytest.mark.parametrize(
    "path", [f"/v1/rooms/{ROOM}/users/ann", f"/v1/rooms/{ROOM}", "/v1/users/ann"]
)
def test_nobody_else_removes_anything(server: Server, path: str) -> None:
    ann = server.enter("ann", room=ROOM, pk=path)
    stranger = token("op", role="operator", room="*", key="another secret of thirty-two bytes")
    for bearer, status, code in (
        (None, 401, "token_missing"),
        (ADMIN_KEY + "x", 401, "token_invalid"),
        (stranger, 401, "token_invalid"),
        (token("op", role="operator", room="*", ttl=-60), 401, "token_expired"),
        (token("ann", room="*"), 403, "forbidden"),
        (token("ann", room="*", role="viewer"), 403, "forbidden"),
    ):
        assert refusal(delete(server, path, bearer)) == (status, code)
    ann.update("/still")
    pump([ann], lambda: ann.sees("ann", "/still"))


def test_a_removed_operator_is_no_operator_there_until_the_token_is_new(server: Server) -> None:
    old = operator([ROOM, OTHER], iat=time.time())
    assert delete(server, f"/v1/rooms/{ROOM}/users/op").status == 200
    here, there = server.enter("ann", room=ROOM), server.enter("ann", room=OTHER)
    for path in (f"/v1/rooms/{ROOM}/users/ann", f"/v1/rooms/{ROOM}"):
        assert refusal(delete(server, path, old)) == (403, "removed")
    for path in (f"/v1/rooms/{ROOM}", f"/v1/rooms?ids={OTHER},{ROOM}"):
        assert refusal(get(server.admin_port, path, old)) == (403, "removed")
    assert rooms_seen(server, "/v1/rooms", old) == {OTHER}
    assert rooms_seen(server, "/v1/users/ann", old) == {OTHER}
    assert rooms_seen(server, "/v1/users/ann", operator(ROOM, iat=time.time())) == {ROOM}
    assert delete(server, f"/v1/rooms/{OTHER}/users/ann", old).json()["connections"] == 1
    pump([here, there], lambda: there.is_gone)
    assert here.closed is None


def rooms_seen(server: Server, path: str, bearer: str) -> set[str]:
    """The rooms that a query tells of."""
    rooms = get(server.admin_port, path, bearer).json()["rooms"]
    return {room["room"] for room in rooms}


# Asked badly


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/rooms/a%2Fb", "bad_room"),
        ("/v1/rooms/a%20b/users/ann", "bad_room"),
        ("/v1/rooms/a%0A", "bad_room"),
        ("/v1/rooms/%FF", "bad_room"),
        ("/v1/rooms/" + "a" * 129, "bad_room"),
        ("/v1/rooms/*", "bad_room"),
        (f"/v1/rooms/{ROOM}/users/ann%0A", "bad_user"),
        (f"/v1/rooms/{ROOM}/users/%FF", "bad_user"),
        ("/v1/users/" + "a" * 129, "bad_user"),
        ("/v1/users/%00", "bad_user"),
    ],
)
def test_what_can_be_no_id_is_refused_to_those_who_may_ask(
    server: Server, path: str, code: str
) -> None:
    assert refusal(delete(server, path)) == (400, code)
    assert refusal(delete(server, path, None)) == (401, "token_missing")


@pytest.mark.parametrize(
    "path", ["/v1/rooms/", f"/v1/rooms/{ROOM}/users/", f"/v1/rooms/{ROOM}/", "/v1/users/", "/v1"]
)
def test_an_address_with_an_empty_part_is_none(server: Server, path: str) -> None:
    assert refusal(delete(server, path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/rooms", {"GET", "HEAD"}),
        (f"/v1/rooms/{ROOM}", {"GET", "HEAD", "DELETE"}),
        (f"/v1/rooms/{ROOM}/users/ann", {"DELETE"}),
        ("/v1/users/ann", {"GET", "HEAD", "DELETE"}),
        ("/metrics", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_is_none_is_told_which_there_are(
    server: Server, path: str, allowed: set[str]
) -> None:
    for method in ("OPTIONS", "PUT", "POST"):
        answer = get(server.admin_port, path, ADMIN_KEY, method=method)
        assert refusal(answer) == (405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allowed
    head = get(server.admin_port, path, ADMIN_KEY, method="HEAD")
    assert head.body == b""
    assert (head.status == 405) == ("HEAD" not in allowed)


def test_looking_at_a_room_or_user_removes_nobody(server: Server, room: str) -> None:
    ann = server.enter("zoe", room=room)
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        for path in (f"/v1/rooms/{room}", f"/v1/rooms/{room}/users/zoe", "/v1/users/zoe"):
            get(server.admin_port, path, ADMIN_KEY, method=method)
    ann.update("/still")
    pump([ann], lambda: ann.sees("zoe", "/still"))


def test_a_restart_forgets_removals() -> None:
    with Server() as server:
        assert delete(server, f"/v1/rooms/{ROOM}/users/ann").status == 200
        assert closed(server, "ann", ROOM) is not None
        server.stop()
        server.start()
        assert closed(server, "ann", ROOM) is None
