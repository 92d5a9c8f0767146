"""The thread that writes: the only one that changes the database.

It takes batches in one transaction a second, or for every 500 facts. Where a transaction fails it
begins again with the connection and the lock, after a while, for ever: batches are kept until they
are taken, and one that was taken already changes nothing.
"""

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from sqlalchemy import Engine

from presence_server.core.backoff import delay_s
from presence_server.history.backlog import Backlog
from presence_server.history.facts import Answer, Batch, Ready, Taken
from presence_server.history.failures import failures, trouble
from presence_server.history.fold.rules import Rules
from presence_server.history.jobs import Job, Jobs
from presence_server.history.setup import Setup
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.database import WriterLock, check_place, prepare
from presence_server.history.store.engine import writer as writing_engine
from presence_server.history.store.taker import Taker

FIRST_S: Final = 0.5
MOST_S: Final = 10.0
"""Between two tries, at first and at most."""
LAST_TRIES_S: Final = 0.25
STUCK_S: Final = 120.0
"""Nothing that is done between two looks at the queue takes so long, but for a migration."""

Result = TypeVar("Result")


class Writer:
    """Call `start` once, `put` and `submit` from any thread, `finish` when nothing comes any more.

    `answer` is called from the thread. `ended` is done when it has ended: with all it was told in
    the database, or with its own fault.
    """

    def __init__(self, setup: Setup, answer: Callable[[Answer], object]) -> None:
        self.ended: Future[None] = Future()
        self._setup = setup
        self._answer = answer
        self._come: queue.SimpleQueue[Batch | Job | None] = queue.SimpleQueue()
        self._backlog = Backlog()
        self._jobs = Jobs()
        self._is_ending = threading.Event()
        self._has_heard_end = False
        self._is_ready = False
        self._failures = 0
        self._busy_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Have a batch taken."""
        self._come.put(batch)

    def submit(self, work: Callable[[Engine], Result], after: int = 0) -> "Future[Result]":
        """Have something done between two transactions, with the engine that writes.

        It waits until all batches up to the number `after` are taken.
        """
        future: Future[Result] = Future()
        job = Job(work, future, after)  # type: ignore[arg-type] # what it returns is its own
        self._come.put(job)
        return future

    def finish(self) -> None:
        """Take what there is at once, and end."""
        self._is_ending.set()
        self._come.put(None)

    def is_stuck(self, now: float) -> bool:
        """Whether something takes so long that it may never end; `now` is monotonic."""
        since = self._busy_since
        return since is not None and now - since > STUCK_S

    # The thread, and its tries

    def _run(self) -> None:
        try:
            while not self._is_over:
                self._try()
                while not self._come.empty():
                    self._receive(self._come.get())
        except BaseException as fault:
            self.ended.set_exception(fault)
            raise
        self.ended.set_result(None)

    @property
    def _is_over(self) -> bool:
        return self._has_heard_end and not self._backlog and not self._jobs

    def _try(self) -> None:
        """Write, for as long as that goes well."""
        try:
            with WriterLock(self._setup.address):
                prepare(self._setup.address)
                engine = writing_engine(self._setup.address)
                try:
                    self._write(engine)
                finally:
                    self._busy_since = None
                    engine.dispose()
        except failures() as error:
            self._failures += 1
            self._answer(trouble(error))
            chance = random.random()  # noqa: S311 - jitter
            self._rest(delay_s(self._failures, FIRST_S, MOST_S, chance))

    def _rest(self, seconds: float) -> None:
        """Wait; at the end for a moment only, as there is not much time left."""
        if self._is_ending.wait(seconds):
            time.sleep(min(seconds, LAST_TRIES_S))

    # One try

    def _write(self, engine: Engine) -> None:
        self._busy_since = time.monotonic()
        setup = self._setup
        taker = Taker(engine, Rules(setup.half_life_days, setup.session_idle_ms, setup.guest_key))
        care = Care(engine, Keeping(setup.ledger_days, setup.activity_days, setup.guest_key))
        self._begun(taker.begin(setup.run))
        while not self._is_over:
            self._busy_since = None
            is_care_due = not self._is_ending.is_set() and care.due(_wall_ms())
            self._gather(may_wait=not is_care_due)
            self._busy_since = time.monotonic()
            check_place(setup.address)
            if self._backlog and self._is_time:
                self._take(taker)
            self._do_jobs(engine)
            if is_care_due:
                care.step(_wall_ms())

    def _begun(self, number: int) -> None:
        """The database is there, and has taken all up to `number`: maybe more than was known."""
        if not self._is_ready:
            self._is_ready = True
            self._answer(Ready(number))
        elif number > self._backlog.taken:
            self._answer(Taken(number))
        self._backlog.let_go(number)

    def _gather(self, *, may_wait: bool) -> None:
        """Take in what has come; wait for more, unless there is something to do."""
        while not self._is_time and not self._jobs.is_any_due(self._backlog.taken):
            pause_s = self._backlog.pause_s(time.monotonic()) if may_wait else 0.0
            try:
                self._receive(self._come.get(timeout=pause_s))
            except queue.Empty:
                return

    @property
    def _is_time(self) -> bool:
        """Whether to write what waits, or, at the end, to wait for nothing more."""
        awaited = self._jobs.awaited(self._backlog.taken)
        is_awaited = awaited is not None and self._backlog.has(awaited)
        is_due = self._backlog.pause_s(time.monotonic()) == 0.0
        return self._has_heard_end or is_awaited or is_due

    def _receive(self, item: Batch | Job | None) -> None:
        if isinstance(item, Batch):
            self._backlog.add(item)
        elif isinstance(item, Job):
            self._jobs.add(item)
        else:
            self._has_heard_end = True

    def _take(self, taker: Taker) -> None:
        """One transaction."""
        batches = self._backlog.next()
        taker.take(batches)
        number = batches[-1].number
        self._failures = 0
        self._backlog.committed(number, time.monotonic())
        self._answer(Taken(number))

    def _do_jobs(self, engine: Engine) -> None:
        self._jobs.do_due(engine, self._backlog.taken)
        if self._has_heard_end and not self._backlog:
            self._jobs.cancel()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
