"""The recorder process by itself: what it answers, what ends it, and what does not."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from presence_server.history.facts import Alive, Answer, Batch, Moved, Opened, Ready, Taken, Trouble
from presence_server.history.launch import MODULE
from presence_server.history.setup import Setup

ROOM = "presence-acme"
START_S = 40.0
AT = 1_800_000_000_000


class Process:
    """One process, whose server this is. It is killed at the end of the context."""

    def __init__(self, folder: Path, run: str = "run") -> None:
        self.database = folder / "presence.db"
        self._folder = folder / f"questions-{time.monotonic_ns()}"
        self._run = run
        self._received = bytearray()

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700)
        self._end, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stderr=subprocess.PIPE,
            )
        self._send(
            Setup(
                *(f"sqlite:///{self.database}", self._run, str(self._folder / "q"), 7, 86_400_000),
                *("month", 90, 400, "info", "text"),
            )
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.close()
        self.process.kill()
        self.process.communicate(timeout=START_S)

    def put(self, number: int, *facts: Opened | Moved) -> None:
        """Tell it of something."""
        self._send(Batch(self._run, number, AT + number, [*facts]))

    def answer(self) -> Answer:
        """Its next answer that is more than a sign of life."""
        while True:
            self._end.settimeout(START_S)
            while (frame := self._frame()) is None:
                received = self._end.recv(65_536)
                assert received, "it has hung up"
                self._received += received
            answer: Answer = msgspec.msgpack.decode(frame, type=Answer)
            if not isinstance(answer, Alive):
                return answer

    def hang_up(self) -> None:
        """Be gone, as a server is that was killed."""
        self._end.close()

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(START_S)

    def left_behind(self) -> list[Path]:
        """What it leaves of its folder."""
        return [*self._folder.parent.glob(f"{self._folder.name}*")]

    def _frame(self) -> bytes | None:
        length = int.from_bytes(self._received[:4], "big")
        if len(self._received) < 4 + length:
            return None
        frame = bytes(self._received[4 : 4 + length])
        del self._received[: 4 + length]
        return frame

    def _send(self, message: Setup | Batch) -> None:
        data = msgspec.msgpack.encode(message)
        self._end.sendall(len(data).to_bytes(4, "big") + data)


def opened(number: int) -> Opened:
    """A tab of a user of its own."""
    return Opened(AT + number, ROOM, f"user-{number}", False, number, "viewer")


def recorded_after_trouble(process: Process, number: int) -> str:
    """Have a batch taken in spite of a trouble, which is told."""
    reason = ""
    while (answer := process.answer()) != Taken(number):
        if isinstance(answer, Trouble):
            assert answer.why == "gone"
            reason = answer.reason or ""
    return reason


def count(database: Path, table: str = "users") -> int:
    """Rows in the database."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    finally:
        connection.close()
    return rows


def test_it_takes_what_it_is_told_once_and_outlives_every_signal_but_the_last(
    tmp_path: Path,
) -> None:
    with Process(tmp_path) as first:
        assert first.answer() == Ready(0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            first.process.send_signal(number)
        first.put(1, opened(1), opened(2))
        assert first.answer() == Taken(1)
        first.process.kill()
        first.wait()
    with Process(tmp_path) as second:
        assert second.answer() == Ready(1)
        second.put(1, opened(1), opened(2))
        second.put(2, opened(3))
        while second.answer() != Taken(2):
            pass
        assert count(second.database) == 3
        assert os.getpriority(os.PRIO_PROCESS, second.process.pid) > os.getpriority(
            os.PRIO_PROCESS, 0
        )
        check_second(tmp_path)
        second.put(3, *map(opened, range(4, 400)))
        second.hang_up()
        assert second.wait() == 0
        assert count(second.database) == 399
        assert second.left_behind() == []


def check_second(folder: Path) -> None:
    """Whoever else would write to the database is told so, and waits."""
    with Process(folder, "another run") as other:
        assert other.answer() == Trouble("taken")
        other.hang_up()
        assert other.wait() == 0


def test_an_orphan_whose_database_is_locked_gives_up_after_a_while(tmp_path: Path) -> None:
    with Process(tmp_path) as orphan:
        assert orphan.answer() == Ready(0)
        lock = sqlite3.connect(orphan.database, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        orphan.put(1, opened(1))
        orphan.hang_up()
        began = time.monotonic()
        assert orphan.wait() == 1
        assert time.monotonic() - began < 30
        lock.close()
        assert orphan.left_behind() == []
        assert count(orphan.database) == 0


def test_a_database_that_can_not_be_opened_is_told_with_its_reason_and_tried_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "presence.db").mkdir()
    with Process(tmp_path) as process:
        trouble = process.answer()
        assert isinstance(trouble, Trouble)
        assert str(tmp_path) in (trouble.reason or "")
        process.put(1, opened(1))
        (tmp_path / "presence.db").rmdir()
        while isinstance(answer := process.answer(), Trouble):
            pass
        assert answer == Ready(0)
        assert process.answer() == Taken(1)


def test_a_database_that_is_removed_is_made_anew_and_what_came_since_is_in_it(
    tmp_path: Path,
) -> None:
    with Process(tmp_path) as process:
        assert process.answer() == Ready(0)
        process.put(1, opened(1))
        assert process.answer() == Taken(1)
        for path in tmp_path.glob("presence.db*"):
            path.unlink()
        process.put(2, opened(2), opened(3))
        assert "removed or replaced while in use" in recorded_after_trouble(process, 2)
        assert count(process.database) == 2
        process.put(3, opened(4))
        assert process.answer() == Taken(3)
        assert count(process.database) == 3


def test_a_copy_that_is_put_in_place_of_the_database_stays_whole_and_is_used(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy.db"
    with Process(tmp_path) as process:
        assert process.answer() == Ready(0)
        process.put(1, opened(1))
        assert process.answer() == Taken(1)
        with (
            closing(sqlite3.connect(process.database)) as one,
            closing(sqlite3.connect(copy)) as other,
        ):
            one.backup(other)
        process.put(2, *map(opened, range(2, 400)))
        assert process.answer() == Taken(2)
        copy.rename(process.database)
        process.put(3, opened(400))
        assert "removed or replaced while in use" in recorded_after_trouble(process, 3)
        process.hang_up()
        assert process.wait() == 0
        assert count(process.database) == 2
        with closing(sqlite3.connect(process.database)) as one:
            assert one.execute("PRAGMA integrity_check").fetchone() == ("ok",)
