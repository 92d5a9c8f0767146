"""The server's end: keeps a recorder process running, and tells it what waits.

It is sent a batch again until it says that it is `Taken`. One that ends is started again, one that
gives no sign of life is killed first. Whatever it does, nothing here waits for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from presence_server.core.backoff import delay_s
from presence_server.core.clocks import Clocks
from presence_server.history.channel import Channel
from presence_server.history.facts import Answer, Ready, Taken, Trouble
from presence_server.history.journal import Journal
from presence_server.history.launch import Child, Launch, launch
from presence_server.history.setup import Setup
from presence_server.history.waiting import Waiting
from presence_server.metrics import Metrics

WINDOW: Final = 1_048_576
"""Bytes on their way to being taken: what the process holds in memory, at most."""
LOOK_S: Final = 5.0
"""How often it is looked whether something was heard of the process."""
SILENT: Final = 6
"""Looks, one after the other, at which nothing was: then it is killed. A clock would also count
the time in which the server itself was stopped.
"""
GRACE_S: Final = 2.0
"""In which one ends that has hung up, or was killed."""
FIRST_S: Final = 0.5
MOST_S: Final = 30.0
"""Between two starts, at first and at most."""
WELL_S: Final = 60.0
"""One that ran for so long did not fail at its start."""

_LOG: Final = logging.getLogger("presence_server")


class Link:
    """Call `start` in the loop, `send` when there is something in `waiting`, `stop` at the end.

    `taken` is called with the number up to which all is in the database.
    """

    def __init__(
        self,
        setup: Setup,
        waiting: Waiting,
        taken: Callable[[int], object],
        clocks: Clocks,
        journal: Journal,
        metrics: Metrics,
        launch: Launch = launch,
    ) -> None:
        self._launch = launch
        self._setup = msgspec.msgpack.encode(setup)
        self._waiting = waiting
        self._taken = taken
        self._clocks = clocks
        self._journal = journal
        self._metrics = metrics
        self._decode = msgspec.msgpack.Decoder(Answer).decode
        self._channel: Channel | None = None
        self._is_ready = False
        self._has_finished = False
        self._is_heard = False
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None]

    def start(self) -> None:
        """Begin; returns at once, whatever the database does."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_tell)

    def send(self) -> None:
        """Send what may be sent."""
        if self._channel is None or self._has_finished:
            return
        if self._is_ready:
            for data in self._waiting.to_send(WINDOW):
                self._channel.send(data)
        has_all = self._waiting.is_all_sent or not self._waiting.facts
        if self._ending.is_set() and has_all:
            self._has_finished = True
            self._channel.finish()

    async def stop(self, within_s: float) -> None:
        """Have it take what is left and end, but wait no longer than that."""
        self._ending.set()
        self.send()
        await asyncio.wait({self._task}, timeout=within_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._journal.lost()

    # How

    @property
    def _is_over(self) -> bool:
        return self._ending.is_set() and not self._waiting.facts

    async def _run(self) -> None:
        failures = 0
        while not self._is_over:
            began = self._clocks.monotonic()
            await self._run_one()
            ran_s = self._clocks.monotonic() - began
            failures = 1 if ran_s > WELL_S else failures + 1
            if not self._is_over:
                await self._rest(delay_s(failures, FIRST_S, MOST_S, self._clocks.random()))
                self._metrics.history_restarts.inc()

    async def _rest(self, seconds: float) -> None:
        """Wait; the end of the server shortens that, once."""
        if self._ending.is_set():
            await asyncio.sleep(seconds)
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), seconds)

    async def _run_one(self) -> None:
        """One process, from its start to its end."""
        over = asyncio.Event()
        channel = Channel(self._answered, over.set)
        try:
            child = await self._launch(channel)
        except OSError as error:
            self._journal.not_started(error)
            return
        try:
            self._begin(channel)
            await self._watch(over)
        finally:
            has_hung_up = over.is_set()
            self._end(channel)
            await _bury(child, GRACE_S if has_hung_up else 0.0)
            if has_hung_up and not self._ending.is_set():
                self._journal.ended(child.returncode)

    def _begin(self, channel: Channel) -> None:
        self._channel = channel
        self._has_finished = False
        channel.send(self._setup)
        self.send()

    def _end(self, channel: Channel) -> None:
        channel.abort()
        self._channel = None
        self._is_ready = False
        self._metrics.history_up.set(0)
        self._waiting.send_again()

    async def _watch(self, over: asyncio.Event) -> None:
        """Wait until it ends, or hangs."""
        silent = 0
        while silent < SILENT:
            self._is_heard = False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), LOOK_S)
            if over.is_set():
                return
            silent = 0 if self._is_heard else silent + 1
        self._journal.hung()

    def _answered(self, frame: bytes) -> None:
        self._is_heard = True
        answer = self._decode(frame)
        if isinstance(answer, Trouble):
            self._metrics.history_commits.labels("failed").inc()
            self._metrics.history_up.set(0)
            self._journal.trouble(answer)
        elif isinstance(answer, Ready | Taken):
            if isinstance(answer, Taken):
                self._metrics.history_commits.labels("ok").inc()
            self._is_ready = True
            self._metrics.history_up.set(1)
            self._taken(answer.number)
            self._journal.up()
            self.send()


async def _bury(child: Child, within_s: float) -> None:
    """Wait for its end, and see to it. One that waits for a broken disk does not even die."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), within_s)
    if child.returncode is None:
        child.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), GRACE_S)


def _tell(task: asyncio.Task[None]) -> None:
    """A task that fails must not do so in silence."""
    if not task.cancelled() and (failure := task.exception()) is not None:
        _LOG.error("history: ended by a fault of its own", exc_info=failure)
