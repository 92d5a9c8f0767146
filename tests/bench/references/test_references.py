"""A server to compare with is worth nothing if it loses something, or does another job."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.bench.machine import two_cores
from tests.bench.references import REFERENCES
from tests.bench.server import running
from tests.bench.stage import Bench
from tests.bench.tokens import token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.alone

MEMBERS = 20
ROOM = "presence-acme"
PATIENCE_S = 5
VERIFYING = [key for key in REFERENCES if not key.startswith("c-")]


class Client:
    """A member that has been welcomed."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.welcome = self.hears()

    def says(self, kind: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **fields}, separators=(",", ":")))

    def hears(self) -> dict[str, Any]:
        """Take the next message, without what depends on the time."""
        message: dict[str, Any] = json.loads(self.connection.recv(PATIENCE_S))
        assert next(iter(message)) == "type"
        assert "seq" not in message or list(message)[-1] == "seq"
        for entry in [message, *message.get("users", [])]:
            entry.pop("joinedAt", None)
        return message

    def leaves(self) -> None:
        self.connection.close()

    def vanishes(self) -> None:
        self.connection.socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(key: str) -> Iterator[Callable[..., Client]]:
    """Start a server; what is given dials it, and is done with before the server ends."""
    with running(REFERENCES[key].command(), two_cores()[0]) as server, ExitStack() as connections:

        def dial(user: str, made_of: str | None = None) -> Client:
            address = f"ws://127.0.0.1:{server.port}/parties/presence/{ROOM}"
            target = f"{address}?_pk=pk-{user}&token={made_of or token(user, ROOM)}"
            return Client(connections.enter_context(connect(target, compression=None)))

        yield dial


def entry(user: str, **fields: Any) -> dict[str, Any]:
    here = {"userId": user, "userName": user.title(), "userImage": None, "currentPath": ""}
    return {**here, "status": "online", "role": "commenter", **fields}


def snapshot(seq: int, *users: dict[str, Any]) -> dict[str, Any]:
    return {"type": "presence_snapshot", "users": list(users), "seq": seq}


@pytest.mark.parametrize("key", REFERENCES)
def test_a_small_room_loses_nothing(key: str) -> None:
    bench = Bench(command=REFERENCES[key].command())
    with bench.stage(1, 2 * MEMBERS) as stage:
        stage.generator.run(f"join {MEMBERS}")  # a loss would be raised
        for in_flight in (1, 8):
            assert stage.generator.run(f"fanout {in_flight} 150").updates > 1
        assert stage.generator.run(f"join {MEMBERS}").connections == 2 * MEMBERS


@pytest.mark.parametrize("key", REFERENCES)
def test_members_hear_of_each_other(key: str) -> None:
    with serving(key) as dial:
        ann = dial("ann")
        remaining = ann.welcome.pop("expiresIn")
        assert 3_590_000 < remaining <= 3_600_000
        assert ann.welcome == {
            "type": "welcome",
            "version": 1,
            "userId": "ann",
            "connectionId": "pk-ann",
            "role": "commenter",
            "observe": False,
            "pingInterval": 10_000,
        }
        assert ann.hears() == snapshot(1, entry("ann"))
        bob = dial("bob")
        assert bob.hears() == snapshot(2, entry("ann"), entry("bob"))
        assert ann.hears() == {"type": "user_joined", **entry("bob"), "seq": 2}
        bob.leaves()
        assert ann.hears() == {"type": "user_left", "userId": "bob", "reason": "closed", "seq": 3}
        bob = dial("bob")
        assert bob.hears()["seq"] == 4
        assert ann.hears()["type"] == "user_joined"
        bob.vanishes()
        assert ann.hears() == {"type": "user_left", "userId": "bob", "reason": "timeout", "seq": 5}


@pytest.mark.parametrize("key", REFERENCES)
def test_members_hear_what_each_does(key: str) -> None:
    with serving(key) as dial:
        ann, bob = dial("ann"), dial("bob")
        for message in (ann.hears(), ann.hears(), bob.hears()):
            assert message["seq"] in (1, 2)
        place = {"currentPath": '/a "b" {é', "resourceType": "doc", "resourceId": "7"}
        ann.says("presence_update", **place, versionId=None)
        changed = {"type": "presence_changed", **entry("ann", **place), "seq": 3}
        assert ann.hears() == bob.hears() == changed
        ann.says("cursor_update", cursor={"at": {"x": 1}})
        moved = {"type": "cursor_changed", "userId": "ann", "cursor": {"at": {"x": 1}}}
        assert ann.hears() == bob.hears() == moved
        carl = dial("carl")
        there = entry("ann", **place, cursor={"at": {"x": 1}})
        assert carl.hears() == snapshot(4, there, entry("bob"), entry("carl"))
        assert ann.hears()["type"] == bob.hears()["type"] == "user_joined"
        ann.says("cursor_update", cursor=None)
        assert ann.hears() == bob.hears() == {**moved, "cursor": None}
        ann.says("presence_update", currentPath="/b")
        changed = {"type": "presence_changed", **entry("ann", currentPath="/b"), "seq": 5}
        assert ann.hears() == bob.hears() == changed
        bob.says("ping")
        assert bob.hears() == {"type": "pong"}


@pytest.mark.parametrize("key", VERIFYING)
def test_a_token_that_another_key_signed_is_refused(key: str) -> None:
    claims = jwt.decode(token("ann", ROOM), options={"verify_signature": False})
    forged = jwt.encode(claims, "another secret of at least 32 bytes", algorithm="HS256")
    with serving(key) as dial, pytest.raises((ConnectionClosed, InvalidStatus)):
        dial("ann", forged)


@pytest.mark.parametrize("key", REFERENCES)
def test_a_signal_ends_it_without_a_fault(key: str) -> None:
    with running(REFERENCES[key].command(), two_cores()[0]) as server:
        os.kill(server.pid, signal.SIGTERM)
        ended = os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        assert ended
        assert (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)
