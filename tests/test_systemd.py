"""What a service manager is told, on a real socket of the kind that systemd has."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from presence_server.systemd import Manager
from tests.support.peer import SOON_S, pump
from tests.support.server import (
    PROGRAM,
    SECRET,
    START_S,
    STOP_S,
    Server,
    environment,
    free_port,
    get,
)

WATCHDOG_S = 0.6
HANGS = f"""
import os, signal, socket, sys, time
from presence_server.cli import main

def hang(*_):
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.connect(os.environ["NOTIFY_SOCKET"])
    told.send(b"HANGS=1")
    time.sleep({2 * WATCHDOG_S})
    told.send(b"TURNS=1")

signal.signal(signal.SIGUSR1, hang)
main(sys.argv[2:])
"""
"""The program, but SIGUSR1 blocks its loop: not its threads, and the socket hears when."""


class Listening:
    """The manager's end."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def next(self, seconds: float = SOON_S) -> dict[str, str]:
        """The assignments of one datagram; fails if none comes."""
        self._socket.settimeout(seconds)
        return dict(line.split("=", 1) for line in self._socket.recv(4_096).decode().split("\n"))

    def next_with(self, name: str) -> dict[str, str]:
        """The next one that says this."""
        while name not in (said := self.next()):
            pass
        return said

    def is_silent(self, seconds: float = 0) -> bool:
        """Whether nothing is said, for so long."""
        try:
            self.next(seconds or 0.001)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        """Be gone."""
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def listening(path: str) -> Iterator[Listening]:
    listening = Listening(path)
    yield listening
    listening.close()


def manager(environment: dict[str, str]) -> Manager:
    return Manager(environment, os.getpid())


# Who is told


@pytest.mark.parametrize("named", ["", "vsock:2:1234", "relative/path"])
def test_without_a_socket_of_its_kind_nobody_is_told(named: str) -> None:
    nobody = manager({"NOTIFY_SOCKET": named, "WATCHDOG_USEC": "1000000"})
    assert not nobody.is_there
    nobody.ready("1 connections")
    nobody.beat("2 connections")
    nobody.stopping(1)


def test_an_abstract_socket_has_no_file() -> None:
    name = f"presence-test-{os.getpid()}"
    listening = Listening("\0" + name)
    told = manager({"NOTIFY_SOCKET": "@" + name})
    told.ready("here")
    assert listening.next() == {"READY": "1", "STATUS": "here"}
    told.close()
    listening.close()


def test_a_manager_that_is_gone_or_full_stops_nothing(path: str, listening: Listening) -> None:
    told = manager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"})
    began = time.monotonic()
    for _ in range(2_000):
        told.beat("busy")
    listening.close()
    told.beat("alone")
    told.stopping(1)
    assert time.monotonic() - began < SOON_S
    told.close()


# The watchdog


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [("600000", "", 0.2), ("600000", None, 0.2), ("60000000", "", 5.0), ("1", "", 0.1)],
    ids=["of anybody", "of this process", "long", "too short"],
)
def test_a_sign_of_life_comes_well_before_half_the_time(
    path: str, listening: Listening, usec: str, pid: str | None, interval: float
) -> None:
    watched = str(os.getpid()) if pid is None else pid
    told = manager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": usec, "WATCHDOG_PID": watched})
    assert told.interval == pytest.approx(interval)
    told.ready("idle")
    told.beat("idle")
    told.beat("1 connections")
    assert "READY" in listening.next()
    assert listening.next() == {"WATCHDOG": "1"}
    assert listening.next() == {"WATCHDOG": "1", "STATUS": "1 connections"}
    told.close()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "600000", "WATCHDOG_PID": "1"},
    ],
)
def test_who_is_not_watched_gives_no_sign_but_a_status(
    path: str, listening: Listening, more: dict[str, str]
) -> None:
    told = manager({"NOTIFY_SOCKET": path, **more})
    told.beat("1 connections")
    told.beat("1 connections")
    assert listening.next() == {"STATUS": "1 connections"}
    assert listening.is_silent()
    told.close()


# The server


def test_the_server_tells_of_its_life(tmp_path: Path, path: str, listening: Listening) -> None:
    keys = tmp_path / "keys"
    keys.write_text(SECRET)
    variables = {
        "PRESENCE_JWT_KEY_FILE": str(keys),
        "NOTIFY_SOCKET": path,
        "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
    }
    limits = ("--drain-seconds", "0.5", "--close-timeout", "1.5")
    with Server(*limits, variables=variables, under=(sys.executable, "-c", HANGS)) as server:
        assert listening.next()["READY"] == "1"
        ann = server.enter("ann")
        while listening.next_with("STATUS")["STATUS"] != "1 connections, 1 rooms":
            pass
        for _ in range(4):
            assert listening.next() == {"WATCHDOG": "1"}
        check_reload(server, listening)
        keys.write_text("short")
        check_reload(server, listening)
        keys.write_text(SECRET)
        check_hang(server, listening)
        server.terminate()
        stopping = listening.next_with("STOPPING")
        assert stopping["EXTEND_TIMEOUT_USEC"] == "3000000"
        pump([ann], lambda: ann.is_gone)
        assert server.wait() == 0


def check_reload(server: Server, listening: Listening) -> None:
    """Whatever comes of it, a reload has a beginning and an end."""
    before = time.monotonic()
    server.process.send_signal(signal.SIGHUP)
    began = int(listening.next_with("RELOADING")["MONOTONIC_USEC"]) / 1e6
    assert before <= began <= time.monotonic()
    assert listening.next()["READY"] == "1"


def check_hang(server: Server, listening: Listening) -> None:
    """A loop that does not turn gives no sign of life until it turns again."""
    server.process.send_signal(signal.SIGUSR1)
    listening.next_with("HANGS")
    assert listening.next() == {"TURNS": "1"}
    assert listening.next_with("WATCHDOG")


def test_the_port_is_open_when_it_is_ready(path: str, listening: Listening) -> None:
    variables = {"PRESENCE_JWT_SECRET": SECRET, "NOTIFY_SOCKET": path}
    port = free_port()
    flags = ["--port", str(port), "--admin-port", "0"]
    server = subprocess.Popen(
        [PROGRAM, "serve", *flags], stdout=subprocess.DEVNULL, env=environment(variables)
    )
    try:
        assert listening.next(START_S)["READY"] == "1"
        assert get(port, "/healthz").status == 200
    finally:
        server.terminate()
        server.wait(STOP_S)
