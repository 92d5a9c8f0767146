"""Whatever happens, every client's map equals the room's, and every number is that of its members.

Real bytes of the real gateway, read by transports that stall at random offsets, reduced by the
Python client's store, which shares no code with the server.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from presence_server.core.room import RoomLimits
from tests.conftest import SOAK
from tests.support.world import OPTIONS, ROOM, Client, World

USERS = st.sampled_from(["ann", "bob", "cy", "__proto__"])
PKS = st.sampled_from(["p1", "p2", "p3"])
PATHS = st.sampled_from(["/", "/a", "/b", "/a?x=é"])
ROLES = st.sampled_from(["viewer", "commenter", "operator"])
CURSORS = st.none() | st.fixed_dictionaries({"x": st.integers(0, 3), "y": st.booleans()})
IDLE = st.none() | st.integers(0, 20_000)
UNHEARD = {"presence_snapshot", "user_joined", "presence_changed", "cursor_changed", "user_left"}
"""What one that counts never gets."""


class Convergence(RuleBasedStateMachine):
    """Clients that come, speak, stall, vanish and go, in any order."""

    clients: Bundle[Client] = Bundle("clients")
    world: World

    @initialize(grace=st.sampled_from([0.0, 3.0]), seed=st.integers(0, 99))
    def begin(self, grace: float, seed: int) -> None:
        limits = RoomLimits(members=3, connections_per_user=3, connections=7)
        options = OPTIONS._replace(leave_grace=grace, room=limits, compression=True)
        self.world = World(options, seed=seed)

    @rule(
        target=clients,
        user=USERS,
        pk=PKS,
        observe=st.sampled_from([False, False, False, True]),
        role=ROLES,
        name=st.sampled_from(["Ann", "Bob"]),
        window=st.none() | st.integers(400, 4_000),
        settle=st.booleans(),
        deflate=st.booleans(),
        members=st.sampled_from([None, None, "count"]),
    )
    def join(
        self,
        user: str,
        pk: str,
        observe: bool,
        role: str,
        name: str,
        window: int | None,
        settle: bool,
        deflate: bool,
        members: str | None,
    ) -> Client:
        client = self.world.join(
            user,
            pk,
            settle=False,
            deflate=deflate,
            members=members,
            observe=observe,
            role=role,
            name=name,
            picture=None,
            iat=self.world.wall() + 1,
        )
        client.transport.window = window
        if settle:
            self.world.loop.turn()
        return client

    @rule(client=clients, path=PATHS, idle=IDLE, activity=st.sampled_from([None, "edits"]))
    def update(self, client: Client, path: str, idle: int | None, activity: str | None) -> None:
        client.update(path, idleMs=idle, activity=activity)

    @rule(client=clients, size=st.integers(0, 1_900), count=st.integers(1, 40))
    def send_much(self, client: Client, size: int, count: int) -> None:
        for number in range(count):
            client.update("/big", data={"n": number, "fill": "x" * size})
            if number % 7 == 0:
                self.world.loop.turn()

    @rule(client=clients, path=PATHS)
    def send_too_fast(self, client: Client, path: str) -> None:
        for number in range(300):
            client.update(path, versionId=str(number))

    @rule(client=clients, cursor=CURSORS)
    def point(self, client: Client, cursor: Any) -> None:
        client.point(cursor)

    @rule(client=clients, status=st.sampled_from(["online", "away"]), idle=IDLE)
    def mark(self, client: Client, status: str, idle: int | None) -> None:
        client.mark(status, idleMs=idle)

    @rule(client=clients, role=ROLES, name=st.sampled_from(["Ann", "Zoe"]))
    def refresh_token(self, client: Client, role: str, name: str) -> None:
        user = next((m["userId"] for m in client.messages if m["type"] == "welcome"), "ann")
        token = self.world.token(user, role=role, name=name, iat=self.world.wall() + 1)
        client.send({"type": "token_refresh", "token": token})

    @rule(client=clients)
    def resync(self, client: Client) -> None:
        client.send({"type": "resync"})

    @rule(client=clients, window=st.integers(0, 3_000))
    def stall(self, client: Client, window: int) -> None:
        client.transport.window = window

    @rule(client=clients, size=st.none() | st.integers(1, 70_000))
    def read(self, client: Client, size: int | None) -> None:
        client.transport.read(size)

    @rule(client=consumes(clients))
    def close(self, client: Client) -> None:
        client.close()

    @rule(client=consumes(clients))
    def vanish(self, client: Client) -> None:
        client.vanish()

    @rule(client=consumes(clients))
    def go_silent(self, client: Client) -> None:
        client.is_silent = True

    @rule(user=USERS)
    def kick(self, user: str) -> None:
        self.world.gateway.rooms.remove_user(ROOM, user)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.006, 0.3, 1.1, 7.0, 16.0]))
    def wait(self, seconds: float) -> None:
        self.world.loop.advance(seconds)

    @rule()
    def settle(self) -> None:
        for client in self.world.clients:
            if not client.is_silent:
                client.transport.read(None)
        self.world.loop.advance(3.5)
        self.check_converged()
        self.check_counted()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.loop.advance(30)
            self.settle()

    def check_converged(self) -> None:
        truth = self.world.users()
        for client in self.world.clients:
            if is_inside(client):
                assert client.users == truth
        here = {client for client in self.world.clients if not client.is_gone}
        assert len(self.world.gateway) == len(here)

    def check_counted(self) -> None:
        """Two seconds after the last change, whoever may still be lost meanwhile."""
        number = -1
        while number != len(self.world.users()):
            number = len(self.world.users())
            self.world.loop.advance(2.1)
        for client in self.world.clients:
            if counts(client) and is_open(client):
                assert client.store.occupancy == number

    @invariant()
    def everybody_who_is_shown_has_a_connection(self) -> None:
        if hasattr(self, "world") and not self.world.gateway.context.options.leave_grace:
            members = self.world.users()
            live = {client.user for client in self.world.clients if not client.is_gone}
            assert set(members) <= live

    @invariant()
    def no_seq_is_missing_or_repeated(self) -> None:
        if hasattr(self, "world"):
            for client in self.world.clients:
                check_seq(client)
                assert client.store.resync_at is None
                assert not counts(client) or UNHEARD.isdisjoint(client.types())


def is_inside(client: Client) -> bool:
    """Whether it was admitted and nobody has closed the connection."""
    admitted = any(kind == "presence_snapshot" for kind in client.types())
    return admitted and is_open(client)


def counts(client: Client) -> bool:
    """Whether it hears numbers."""
    return client.store.occupancy is not None


def is_open(client: Client) -> bool:
    """Whether nobody has closed the connection, and it answers."""
    return client.closed is None and not client.is_gone and not client.is_silent


def check_seq(client: Client) -> None:
    """After a snapshot, events are numbered by one; a later snapshot never goes back."""
    seq: int | None = None
    for message in client.messages:
        if message["type"] == "presence_snapshot":
            assert seq is None or message["seq"] >= seq
            seq = message["seq"]
        elif "seq" in message:
            assert seq is not None
            assert message["seq"] == seq + 1
            seq += 1


TestConvergence = Convergence.TestCase
pytestmark = pytest.mark.soak
TestConvergence.settings = settings(
    max_examples=3_000 if SOAK else 150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
