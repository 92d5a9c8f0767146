"""An unmodified partysocket from npm, run by Node.js, against the real server."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.support.partysocket import Json, PartySocket
from tests.support.peer import pump
from tests.support.server import Server
from tests.support.server import token as server_token

Open = Callable[..., "PartySocket"]
NUMBERS = count()


def token(user: str, **claims: Any) -> str:
    """A token for all rooms of these tests."""
    return server_token(user, **{"room": "presence-*"} | claims)


@pytest.fixture(scope="module", params=[(), ("--compression",)], ids=["plain", "compressed"])
def one_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(*request.param) as server:
        yield server


@pytest.fixture
def server(one_server: Server) -> Server:
    """The server, with a room where nobody has been yet."""
    one_server.room = f"presence-{next(NUMBERS)}"
    return one_server


@pytest.fixture
def open_socket(server: Server) -> Iterator[Open]:
    """Opens partysockets, to the test's room unless told otherwise."""
    sockets: list[PartySocket] = []

    def open_one(**options: Any) -> PartySocket:
        sockets.append(PartySocket(server.port, **{"room": server.room} | options))
        return sockets[-1]

    yield open_one
    for socket in sockets:
        socket.stop()


def test_it_joins_and_sees_others_and_its_own_changes(server: Server, open_socket: Open) -> None:
    witness = server.enter("witness")
    ann = open_socket()
    snapshot = ann.enter(token("ann", name="Ann"))
    assert [user["userId"] for user in snapshot["users"]] == ["witness", "ann"]
    ann.order(send={"type": "presence_update", "currentPath": "/plan", "data": {"é": 1}})
    mine = ann.message("presence_changed")
    assert (mine["userId"], mine["userName"], mine["currentPath"]) == ("ann", "Ann", "/plan")
    assert mine["data"] == {"é": 1}
    pump([witness], lambda: witness.sees("ann", "/plan"))
    witness.update("/elsewhere")
    theirs = ann.message("presence_changed")
    assert (theirs["userId"], theirs["currentPath"]) == ("witness", "/elsewhere")
    assert theirs["seq"] == mine["seq"] + 1
    ann.order(send={"type": "ping"})
    assert ann.message("pong") == {"type": "pong"}


def test_its_close_is_a_leave(server: Server, open_socket: Open) -> None:
    witness = server.enter("witness")
    ann = open_socket()
    ann.enter(token("ann"))
    ann.order(close=[1000, "bye"])
    pump([witness], witness.left)
    assert witness.left() == [("ann", "closed")]


def test_what_was_said_before_it_was_open_is_not_lost(server: Server, open_socket: Open) -> None:
    ann = open_socket()
    ann.next("dial")
    ann.order(send={"type": "presence_update", "currentPath": "/first"})
    ann.order(token=token("ann"))
    snapshot = ann.message("presence_snapshot")
    witness = server.enter("witness")
    pump([witness], lambda: witness.sees("ann", "/first"))
    assert snapshot["users"][0]["currentPath"] in ("", "/first")


def test_its_default_party_and_a_users_own_pk_are_no_obstacle(
    server: Server, open_socket: Open
) -> None:
    witness = server.enter("witness")
    ann = open_socket(party="main", id="own-id")
    ann.next("dial")
    ann.order(token=token("ann"))
    assert ann.next("open")["pk"] == "own-id"
    assert ann.message("welcome")["connectionId"] == "own-id"
    pump([witness], lambda: "ann" in witness.users)


def test_it_comes_back_after_a_restart_with_the_same_id_and_a_fresh_token(
    server: Server, open_socket: Open
) -> None:
    ann = open_socket()
    ann.next("dial")
    ann.order(token=token("ann", name="Ann before"))
    before = ann.message("welcome")["connectionId"]
    server.stop()
    closed = ann.next("close")
    assert (closed["code"], closed["reason"]) == (1012, "server is restarting")
    ann.next("dial")
    server.start()
    ann.order(token=token("ann", name="Ann after"))
    while (message := ann.next("message")["message"])["type"] != "welcome":
        pass
    assert message["connectionId"] == before
    snapshot = ann.message("presence_snapshot")
    assert [user["userName"] for user in snapshot["users"]] == ["Ann after"]


@pytest.mark.parametrize(
    ("options", "claims", "code", "reason"),
    [
        ({}, {"key": "another secret of thirty-two bytes"}, 4401, "token_invalid"),
        ({}, {"ttl": -60}, 4401, "token_expired"),
        ({}, {"room": "other-*"}, 4403, "token is for another room"),
        ({"party": "chat"}, {}, 4404, "no such party"),
        ({"room": "presence acme"}, {}, 4400, "bad room id"),
    ],
)
def test_a_refusal_is_seen_as_its_own_code(
    open_socket: Open, options: Json, claims: Json, code: int, reason: str
) -> None:
    ann = open_socket(stopOn=[code], **options)
    ann.next("dial")
    ann.order(token=token("ann", **claims))
    closed = ann.next("close")
    assert (closed["code"], closed["reason"]) == (code, reason)


def test_a_refused_one_gets_in_with_the_next_token(open_socket: Open) -> None:
    ann = open_socket()
    ann.next("dial")
    ann.order(token=token("ann", ttl=-60))
    assert ann.next("close")["reason"] == "token_expired"
    snapshot = ann.enter(token("ann"))
    assert [user["userId"] for user in snapshot["users"]] == ["ann"]


def test_the_same_id_takes_over_and_nobody_sees_it(server: Server, open_socket: Open) -> None:
    witness = server.enter("witness")
    old = open_socket(id="tab", stopOn=[4409])
    old.enter(token("ann"))
    old.order(send={"type": "presence_update", "currentPath": "/here"})
    old.message("presence_changed")
    new = open_socket(id="tab")
    snapshot = new.enter(token("ann"))
    assert old.next("close")["code"] == 4409
    assert [user["currentPath"] for user in snapshot["users"]] == ["", "/here"]
    new.order(send={"type": "presence_update", "currentPath": "/there"})
    pump([witness], lambda: witness.sees("ann", "/there"))
    assert witness.left() == []
    assert witness.types().count("user_joined") == 1
