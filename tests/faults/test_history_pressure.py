"""A real server whose disk is full, or whose history is read from end to end while it records."""

import http.client
import os
import shutil
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.bench.history_ledger import Plan
from tests.bench.history_rows import fill
from tests.faults.test_history_processes import KEYS, START_S, Recorded, look, settle, wait_until_up
from tests.support.peer import HOST, pump
from tests.support.server import Server, token

VIEWS = 100_000
NOTICED_S = 2.0
LAG_S = 5.0
PIECE = 65_536


class Disk:
    """A file system of eight megabytes that only a server sees; `files` is where we see it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        mount = f'mount -t tmpfs -o size=8m none {folder} && exec "$@"'
        self.under = ("unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh")
        self.files: Path

    def of(self, server: Server) -> None:
        """Look at it as the server does."""
        self.files = Path(f"/proc/{server.process.pid}/root{self._folder}")

    def fill(self) -> None:
        """Leave no room."""
        with (self.files / "ballast").open("ab", buffering=0) as ballast:
            while self._free():
                ballast.write(bytes(min(PIECE, self._free())))

    def _free(self) -> int:
        seen = os.statvfs(self.files)
        return seen.f_bavail * seen.f_bsize

    def make_room(self) -> None:
        """Take it back."""
        (self.files / "ballast").unlink()

    def copied(self, folder: Path) -> Path:
        """The database; SQLite itself takes the path of another process for our own."""
        for name in ("presence.db", "presence.db-wal"):
            shutil.copy(self.files / name, folder / name)
        return folder


@pytest.mark.proof
def test_a_full_disk_is_said_and_waited_for(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    variables = {**KEYS, "PRESENCE_HISTORY": f"sqlite:///{tmp_path}/presence.db"}
    with Server("--drain-seconds", "0", variables=variables, under=disk.under) as server:
        wait_until_up(server)
        disk.of(server)
        ann, bob = server.enter("ann"), server.enter("bob")
        settle(server)
        disk.fill()
        number = 0
        while "trouble=full" not in server.stderr:
            look(ann, number := number + 1)
            pump([ann, bob], partial(bob.sees, "ann", f"/{number}"))
        assert server.metric("presence_history_up") == 0
        disk.make_room()
        settle(server)
        assert server.metric("presence_history_dropped_total") == 0
        recorded = Recorded(disk.copied(tmp_path))
        assert recorded.rows("SELECT sum(opens) FROM views") == [(number,)]
        recorded.check()


class Export(threading.Thread):
    """Reads the whole ledger of the largest room."""

    def __init__(self, server: Server, room: str) -> None:
        super().__init__()
        self.lines = 0
        self._connection = http.client.HTTPConnection(HOST, server.admin_port, timeout=START_S)
        self._target = f"/v1/history/export/views?{urlencode({'room': room, 'format': 'ndjson'})}"
        self._bearer = token("reader", room="*", scope="history.read")

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._bearer}"}
        self._connection.request("GET", self._target, headers=headers)
        answer = self._connection.getresponse()
        while piece := answer.read(PIECE):
            self.lines += piece.count(b"\n")
        self._connection.close()


@pytest.fixture
def filled(tmp_path: Path) -> Recorded:
    """A history with a large room."""
    recorded = Recorded(tmp_path)
    plan = Plan(views=VIEWS, share=0.9, large_users=500, large_resources=500)
    fill(f"sqlite:///{recorded.path}", plan, time.time_ns() // 1_000_000 // 86_400_000 * 86_400_000)
    return recorded


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_long_export_holds_up_neither_the_writer_nor_a_room(filled: Recorded) -> None:
    (room, rows), *_ = filled.rows(
        "SELECT rooms.ref, count(*) FROM views JOIN resources ON resources.id = views.resource_id"
        " JOIN rooms ON rooms.id = resources.room_id GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    with filled.serving() as server:
        names = [f"user-{number}" for number in range(5)]
        peers = [server.enter(name) for name in names]
        export, number, lag = Export(server, room), 0, 0.0
        export.start()
        while export.is_alive():
            number += 1
            began = time.monotonic()
            for peer in peers:
                look(peer, number)
            for name in names:
                pump(peers, partial(peers[0].sees, name, f"/{number}"))
            assert time.monotonic() - began < NOTICED_S
            lag = max(lag, server.metric("presence_history_lag_seconds"))
            time.sleep(0.05)
        assert export.lines == rows > VIEWS / 2
        assert number > 5
        assert lag < LAG_S
        assert server.metric("presence_history_dropped_total") == 0
        settle(server)
        [(opens,)] = filled.rows(
            "SELECT sum(opens) FROM views WHERE resource_id IN (SELECT resources.id FROM resources"
            " JOIN rooms ON rooms.id = room_id WHERE rooms.ref = 'presence-acme')"
        )
        assert opens == 5 * number
