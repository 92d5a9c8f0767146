"""Whoever is killed, and when: what was noted is recorded once, and nobody in a room notices."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from presence_server.history.fold.viewings import ENDS
from presence_server.history.store.check import Progress, check
from presence_server.history.store.engine import readers
from tests.support.peer import Peer, pump
from tests.support.server import ADMIN_KEY, SECRET, Server, eventually

KEYS = {"PRESENCE_JWT_SECRET": SECRET, "PRESENCE_ADMIN_KEY": ADMIN_KEY}
START_S = 40.0
NOTICED_S = 1.0

POINTS = {"server": [25, 25], "recorder": [5] * 10}
"""Of each to kill, in so many lives of a server: after each kill of its recorder it waits longer
before the next start.
"""
AT_ONCE = 2
"""Lives: most of each is spent waiting."""


class Recorded:
    """The database of a server, and the process that writes to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "presence.db"

    @contextmanager
    def serving(self, *flags: str) -> Iterator[Server]:
        """A server that records."""
        variables = {**KEYS, "PRESENCE_HISTORY": f"sqlite:///{self.path}"}
        with Server("--drain-seconds", "0", *flags, variables=variables) as server:
            wait_until_up(server)
            yield server

    def rows(self, query: str) -> list[Any]:
        """What a query finds."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def count(self, table: str) -> int:
        """How many rows there are."""
        found: int = self.rows(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
        return found

    def check(self) -> None:
        """Assert that the statistics are the ledger's, and that each join has one leave."""
        engine = readers(f"sqlite:///{self.path}")
        with engine.connect() as connection:
            found = [one for one in check(connection) if not isinstance(one, Progress)]
        engine.dispose()
        assert found == []
        trail = self.rows("SELECT user_id, what FROM activity WHERE what IN ('joined', 'left')")
        inside: dict[int, int] = {}
        for user, what in trail:
            inside[user] = inside.get(user, 0) + (1 if what == "joined" else -1)
            assert inside[user] in (0, 1), trail
        open_ones = {user for (user,) in self.rows("SELECT DISTINCT user_id FROM tabs")}
        assert {user for user, there in inside.items() if there} == open_ones


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


def wait_until_up(server: Server) -> None:
    """Wait until the database takes what is noted."""
    eventually(lambda: server.metric("presence_history_up") == 1, START_S)


def recorder_of(server: Server) -> int:
    """The pid of its recorder process."""
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "presence_server.history.process"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return int(found[0])


def is_there(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def look(peer: Peer, number: int) -> None:
    """Look at one of a few resources."""
    peer.update(f"/{number}", resourceType="doc", resourceId=f"doc-{number % 7}", versionId="v1")


def settle(server: Server) -> None:
    """Wait until all that was noted is recorded."""
    eventually(lambda: server.metric("presence_history_waiting") == 0, START_S)


def test_a_server_that_is_killed_leaves_no_orphan_and_a_wave_of_reconnects_adds_no_views(
    recorded: Recorded,
) -> None:
    with recorded.serving() as server:
        peers = [server.enter(f"user-{number}") for number in range(10)]
        for peer in peers:
            look(peer, 1)
        pump(peers, lambda: all(peers[0].sees(f"user-{number}", "/1") for number in range(10)))
        time.sleep(0.15)  # a tenth of a second is what the server itself may lose
        recorder = recorder_of(server)
        server.process.kill()
        server.wait()
        eventually(lambda: not is_there(recorder))
        assert recorded.count("views") == recorded.count("tabs") == 10
        server.start()
        wait_until_up(server)
        eventually(lambda: recorded.count("tabs") == 0)
        assert recorded.rows("SELECT DISTINCT ended_by FROM views") == [
            (ENDS.index("server_lost"),)
        ]
        for number in range(10):
            look(server.enter(f"user-{number}"), 1)
        eventually(lambda: recorded.count("tabs") == 10)
        settle(server)
        assert recorded.count("views") == 10
        assert recorded.rows("SELECT sum(views), sum(opens) FROM resources") == [(10, 20)]
        recorded.check()
        check_end(server, recorded)


def check_end(server: Server, recorded: Recorded) -> None:
    """A server that is told to stop has all recorded, and stops its recorder."""
    recorder = recorder_of(server)
    server.terminate()
    pump(server.peers[10:], lambda: all(peer.is_gone for peer in server.peers[10:]))
    assert server.wait() == 0
    assert not is_there(recorder)
    assert recorded.count("tabs") == 0
    assert recorded.rows("SELECT count(*) FROM views WHERE ended_at IS NULL") == [(0,)]
    stopped = (ENDS.index("server_stopped"),)
    assert recorded.rows("SELECT DISTINCT ended_by FROM views") == [stopped]
    recorded.check()


def test_a_recorder_that_is_killed_or_hangs_loses_nothing_and_holds_up_nobody(
    recorded: Recorded,
) -> None:
    with recorded.serving() as server:
        ann, bob = server.enter("ann"), server.enter("bob")
        for number in range(30):
            if number == 10:
                os.kill(recorder_of(server), signal.SIGSTOP)
            if number == 20:
                os.kill(recorder_of(server), signal.SIGKILL)
            began = time.monotonic()
            look(ann, number)
            pump([ann, bob], partial(bob.sees, "ann", f"/{number}"))
            assert time.monotonic() - began < NOTICED_S
        eventually(lambda: server.metric("presence_history_restarts_total") >= 1, START_S)
        wait_until_up(server)
        settle(server)
        assert recorded.rows("SELECT sum(opens) FROM views") == [(30,)]
        recorded.check()
        os.kill(recorder_of(server), signal.SIGSTOP)
        began = time.monotonic()
        server.terminate()
        pump([ann, bob], lambda: ann.is_gone and bob.is_gone)
        assert server.wait() == 0
        assert time.monotonic() - began < 8


def test_a_database_that_is_not_there_keeps_the_server_from_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "not here" / "presence.db"
    variables = {**KEYS, "PRESENCE_HISTORY": f"sqlite:///{missing}"}
    with Server("--drain-seconds", "0", variables=variables) as server:
        look(server.enter("ann"), 1)
        eventually(lambda: "history's database" in server.stderr, START_S)
        assert str(missing) in server.stderr
        assert server.metric("presence_history_up") == 0
        missing.parent.mkdir()
        wait_until_up(server)
        settle(server)


# At random points


@pytest.mark.timeout(900)
def test_whenever_one_is_killed_it_is_all_recorded_once(tmp_path: Path) -> None:
    lives = [(whom, points) for whom, lives in POINTS.items() for points in lives]
    assert sum(points for _, points in lives) == 100
    with ThreadPoolExecutor(AT_ONCE) as threads:
        begun = [
            threads.submit(live, tmp_path / str(seed), *of, seed) for seed, of in enumerate(lives)
        ]
    for life in begun:
        life.result()


def live(folder: Path, whom: str, points: int, seed: int) -> None:
    """One server with a database of its own; after each of so many kills all must be there."""
    folder.mkdir()
    recorded, chance = Recorded(folder), random.Random(seed)
    with recorded.serving() as server:
        for _ in range(points):
            live_and_die(server, recorded, whom, chance)


def live_and_die(server: Server, recorded: Recorded, whom: str, chance: random.Random) -> None:
    """Some people move about until one of the processes is killed; then it must all be there."""
    peers = [server.enter(f"user-{number}") for number in range(3)]
    until, number = time.monotonic() + chance.uniform(0, 0.7), 0
    while time.monotonic() < until:
        look(chance.choice(peers), number := number + 1)
        pump(peers, lambda: True)
    kill(server, whom)
    for peer in peers:
        peer.drop()
    wait_until_up(server)
    settle(server)
    eventually(lambda: recorded.count("tabs") == 0)
    recorded.check()
    assert server.metric("presence_history_dropped_total") == 0


def kill(server: Server, whom: str) -> None:
    """End the recorder, or the server, and start that again."""
    if whom == "recorder":
        before = server.metric("presence_history_restarts_total")
        os.kill(recorder_of(server), signal.SIGKILL)
        eventually(lambda: server.metric("presence_history_restarts_total") > before, START_S)
    else:
        recorder = recorder_of(server)
        server.process.kill()
        server.wait()
        server.start()
        eventually(lambda: not is_there(recorder), START_S)
