"""File descriptors run out: those inside are served on, the server says so, and recovers.

Invariants: nobody inside notices; what operators look at answers while strangers take all that
clients can have; nothing stays broken when descriptors are free again.
"""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.support.peer import HOST, Peer, pump
from tests.support.server import Server, eventually

LIMIT = 80
SOCKETS = 40
CONNECTIONS = 36


@pytest.fixture
def server() -> Iterator[Server]:
    with Server("--handshake-timeout", "60", under=["prlimit", f"--nofile={LIMIT}"]) as server:
        yield server


@contextlib.contextmanager
def strangers(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Sockets that are connected and say nothing."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((HOST, port))) for _ in range(count)]


def check_served(people: list[Peer], path: str) -> None:
    """Everybody sees what anybody does."""
    people[0].update(path)
    pump(people, lambda: all(peer.sees("user-0", path) for peer in people))


def enter(server: Server, count: int) -> list[Peer]:
    """So many people, in one room."""
    return [server.enter(f"user-{number}") for number in range(count)]


def connections(server: Server) -> float | None:
    """How many there are; None if it could not say, as it may until the strangers' are closed."""
    with contextlib.suppress(ConnectionResetError):
        return server.metric("presence_connections")
    return None


def test_it_says_at_the_start_how_many_fit(server: Server) -> None:
    said = f"max_connections={CONNECTIONS} set=100000 descriptors={LIMIT}"
    eventually(lambda: said in server.stderr)


def test_who_does_not_fit_is_told_to_come_later(server: Server) -> None:
    people = enter(server, CONNECTIONS)
    late = server.join("late")
    pump([late], lambda: late.closed)
    assert late.closed == (4429, "too many connections")
    check_served(people, "/all-well")


def test_strangers_who_take_every_socket_lock_out_neither_people_nor_operators(
    server: Server,
) -> None:
    people = enter(server, 10)
    with strangers(server.port, 2 * LIMIT):
        check_served(people, "/all-well")
        eventually(lambda: server.metric("presence_connections") == SOCKETS)
        cut = server.metric("presence_connections_refused_total", reason="descriptors")
        assert cut == 2 * LIMIT + 10 - SOCKETS
        assert server.admin("/readyz").status == 200
        eventually(lambda: "no sockets are left" in server.stderr)
    eventually(lambda: server.metric("presence_connections") == 10)
    people.append(server.enter("later"))
    check_served(people, "/recovered")
    eventually(lambda: server.stderr.count("there are sockets again") == 1)
    assert server.stderr.count("no sockets are left: newcomers are cut") == 1


def test_when_really_none_is_left_those_inside_are_served_on(server: Server) -> None:
    people = enter(server, 10)
    with strangers(server.admin_port, 2 * LIMIT):
        check_served(people, "/all-well")
        with strangers(server.port, LIMIT):
            check_served(people, "/still")
    eventually(lambda: connections(server) == 10)
    people.append(server.enter("later"))
    check_served(people, "/recovered")
