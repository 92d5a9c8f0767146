"""The server's end of the channel: what is sent, again, and what becomes of a bad process."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import pytest

from presence_server.core.clocks import Clocks
from presence_server.history.channel import Channel
from presence_server.history.facts import Alive, Answer, Batch, Ready, Taken, Trouble
from presence_server.history.journal import AGAIN_S, Journal
from presence_server.history.launch import Child, environment
from presence_server.history.link import SILENT, WINDOW, Link
from presence_server.history.setup import Setup
from presence_server.history.waiting import Packed, Waiting
from presence_server.metrics import Metrics

SETUP = Setup("sqlite:///x", "run", "/x", 7, 86_400_000, "month", 90, 400, "info", "text")
SOON_S = 5.0


class Process:
    """A recorder process in memory: `say` what it answers, see what it was told."""

    def __init__(self, end: socket.socket) -> None:
        self.returncode: int | None = None
        self.frames: list[bytes] = []
        self.hung_up = asyncio.Event()
        self.channel = Channel(self.frames.append, self.hung_up.set)
        self.end = end
        self._over = asyncio.Event()

    def say(self, answer: Answer) -> None:
        """Answer the server."""
        self.channel.send(msgspec.msgpack.encode(answer))

    def exit(self, code: int = 0) -> None:
        """End."""
        self.returncode = code
        self.channel.abort()
        self._over.set()

    def kill(self) -> None:
        """Be ended."""
        self.exit(-9)

    async def wait(self) -> int:
        """Wait for the end."""
        await self._over.wait()
        return self.returncode or 0

    @property
    def numbers(self) -> list[int]:
        """The batches that it was told."""
        return [msgspec.msgpack.decode(frame, type=Batch).number for frame in self.frames[1:]]


class Stage:
    """A link whose processes are here."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waiting = Waiting()
        self.processes: list[Process] = []
        self.metrics = Metrics()
        self.failure: OSError | None = None
        journal = Journal(lambda: self.waiting.facts, self.time)
        clocks = Clocks(self.time, self.time, self.time, lambda: 0.0, str)
        self.link = Link(
            *(SETUP, self.waiting, self.waiting.taken, clocks, journal, self.metrics),
            launch=self._launch,
        )

    def time(self) -> float:
        """Seconds; it is what was set."""
        return self.now

    async def _launch(self, channel: Channel) -> Child:
        if self.failure is not None:
            raise self.failure
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        process = Process(theirs)
        await loop.create_unix_connection(lambda: channel, sock=ours)
        await loop.create_unix_connection(lambda: process.channel, sock=theirs)
        self.processes.append(process)
        return process

    def add(self, number: int, size: int = 10) -> None:
        """Have one more batch wait."""
        data = msgspec.msgpack.encode(Batch("x" * size, number, 1, []))
        self.waiting.add(Packed(number, 1, 1, data))
        self.link.send()

    async def process(self, count: int = 1) -> Process:
        """The latest process, once there are so many and it was told the settings."""
        await soon(lambda: len(self.processes) >= count and self.processes[-1].frames)
        return self.processes[-1]

    def has_failed(self, times: int) -> bool:
        """Whether so many transactions did."""
        return self.sample("commits_total", result="failed") == times

    def sample(self, name: str, **labels: str) -> float | None:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(f"presence_history_{name}", labels)


async def soon(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - nobody tells when it is so
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running() -> AsyncIterator[Stage]:
    """A link that was started."""
    stage = Stage()
    stage.link.start()
    yield stage
    await stage.link.stop(0.0)
    assert stage.link._task.done()
    assert all(process.returncode is not None for process in stage.processes)


# What is sent


async def test_nothing_is_sent_before_it_has_the_database_and_nothing_it_has_taken() -> None:
    async with running() as stage:
        process = await stage.process()
        for number in (1, 2, 3):
            stage.add(number)
        assert msgspec.msgpack.decode(process.frames[0], type=Setup) == SETUP
        process.say(Trouble("gone"))
        await soon(lambda: stage.sample("commits_total", result="failed"))
        assert process.numbers == []
        process.say(Ready(1))
        await soon(lambda: process.numbers == [2, 3])
        assert stage.sample("up") == 1
        process.say(Taken(3))
        await soon(lambda: not stage.waiting.facts)
        assert stage.sample("commits_total", result="ok") == 1


async def test_what_was_not_taken_is_sent_to_the_next_process() -> None:
    async with running() as stage:
        process = await stage.process()
        process.say(Ready(0))
        for number in (1, 2, 3):
            stage.add(number)
        await soon(lambda: process.numbers == [1, 2, 3])
        process.say(Taken(1))
        await soon(lambda: stage.waiting.facts == 2)
        process.exit(-9)
        following = await stage.process(2)
        assert stage.sample("up") == 0
        assert stage.sample("restarts_total") == 1
        following.say(Ready(2))
        await soon(lambda: following.numbers == [3])


async def test_no_more_is_on_its_way_than_a_process_may_hold() -> None:
    async with running() as stage:
        process = await stage.process()
        process.say(Ready(0))
        await soon(lambda: stage.sample("up"))
        for number in range(1, 13):
            stage.add(number, WINDOW // 4)
        await soon(lambda: len(process.numbers) == 3)
        await asyncio.sleep(0.05)
        assert process.numbers == [1, 2, 3]
        process.say(Taken(2))
        await soon(lambda: process.numbers == [1, 2, 3, 4, 5])


# What becomes of a bad one


async def test_one_of_which_nothing_is_heard_is_killed_and_one_that_lives_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("presence_server.history.link.LOOK_S", 0.05)
    async with running() as stage:
        process = await stage.process()
        for _ in range(2 * SILENT):
            process.say(Alive())
            await asyncio.sleep(0.05)
        stage.now += 3_600  # the server itself was stopped
        await asyncio.sleep(0.05)
        assert process.returncode is None
        await soon(lambda: process.returncode == -9)
        assert await stage.process(2) is not process
    said = [line.message for line in caplog.records]
    assert said == ["history: the recorder process hung, and is started again"]


async def test_without_processes_to_be_had_it_tries_again_and_the_rest_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    stage.failure = BlockingIOError(11, "Resource temporarily unavailable")
    stage.link.start()
    stage.add(1)
    await soon(lambda: "can't be started" in caplog.text)
    stage.failure = None
    process = await stage.process()
    process.say(Ready(0))
    await soon(lambda: process.numbers == [1])
    await stage.link.stop(0.0)


async def test_the_same_trouble_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "presence_server")
    async with running() as stage:
        process = await stage.process()
        for second in range(int(AGAIN_S) + 2):
            stage.now = 1_000.0 + second
            process.say(Trouble("full", "SQLITE_FULL"))
            await soon(partial(stage.has_failed, second + 1))
        process.say(Ready(0))
        process.say(Taken(1))
        await soon(lambda: stage.sample("up"))
    assert [getattr(line, "trouble", None) for line in caplog.records].count("full") == 2
    assert caplog.text.count("history: recording") == 1


def test_trouble_that_comes_and_goes_is_said_once_a_minute_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "presence_server")
    seconds = iter(range(2 * int(AGAIN_S)))
    journal = Journal(lambda: 0, lambda: float(next(seconds)))
    for _ in range(2 * int(AGAIN_S)):
        journal.trouble(Trouble("locked"))
        journal.up()
    assert [line.levelname for line in caplog.records] == ["WARNING", "INFO"] * 2


# The end


async def test_at_the_end_all_that_waits_is_sent_then_it_hangs_up_and_waits_for_the_answer() -> (
    None
):
    stage = Stage()
    stage.link.start()
    process = await stage.process()
    process.say(Ready(0))
    await soon(lambda: stage.sample("up"))
    stage.add(1)
    ending = asyncio.create_task(stage.link.stop(SOON_S))
    await soon(process.hung_up.is_set)
    stage.add(2)  # what comes after the end can't be sent, and must not fail
    assert process.numbers == [1]
    assert not ending.done()
    process.say(Taken(2))
    await soon(lambda: not stage.waiting.facts)
    process.exit()
    await ending
    assert len(stage.processes) == 1


async def test_a_process_that_never_answers_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    stage.link.start()
    process = await stage.process()
    stage.add(1)
    await stage.link.stop(0.1)
    assert process.returncode == -9
    assert "ended with facts that are not recorded" in caplog.text


async def test_nor_does_one_that_does_not_even_die(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_server.history.link.GRACE_S", 0.05)
    monkeypatch.setattr(Process, "kill", lambda _: None)
    stage = Stage()
    stage.link.start()
    process = await stage.process()
    await asyncio.wait_for(stage.link.stop(0.0), SOON_S)
    assert process.returncode is None
    process.exit()
    await asyncio.sleep(0)


async def test_one_that_dies_at_the_end_is_started_again_for_what_is_left() -> None:
    stage = Stage()
    stage.link.start()
    process = await stage.process()
    process.say(Ready(0))
    stage.add(1)
    await soon(lambda: process.numbers == [1])
    ending = asyncio.create_task(stage.link.stop(SOON_S))
    await soon(process.hung_up.is_set)
    process.exit(-9)
    following = await stage.process(2)
    following.say(Ready(1))
    await soon(following.hung_up.is_set)
    following.exit()
    await ending
    assert not stage.waiting.facts


def test_the_process_gets_none_of_the_servers_secrets() -> None:
    variables = {"PRESENCE_JWT_SECRET": "s", "presence_history": "h", "NOTIFY_SOCKET": "/n"}
    kept = {"PATH": "/bin", "PGPASSFILE": "/p"}
    assert environment({**variables, **kept}) == kept


def test_frames_come_whole_however_they_are_cut() -> None:
    frames: list[bytes] = []
    channel = Channel(frames.append, lambda: None)
    sent = [b"", b"a", b"b" * 300, b"c" * 70_000]
    stream = b"".join(len(one).to_bytes(4, "big") + one for one in sent)
    for size in (1, 7, 4_096, len(stream)):
        frames.clear()
        for at in range(0, len(stream) if size > 1 else 400, size):
            channel.data_received(stream[at : at + size])
        if size == 1:
            channel.data_received(stream[400:])
        assert frames == sent
