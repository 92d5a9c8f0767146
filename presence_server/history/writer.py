"""The thread that writes: the only one that changes the database.

It takes batches in one transaction a second, or for every 500 facts. Where a transaction fails it
begins again with the connection and the lock, after a while, for ever: batches are kept until they
are taken, and one that was taken already changes nothing.
"""

import itertools
import queue
import random
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from presence_server.history.backoff import delay_s
from presence_server.history.facts import MAX_FACTS, Answer, Batch, Ready, Taken, Trouble
from presence_server.history.fold.rules import Rules
from presence_server.history.setup import Setup
from presence_server.history.store.care import Care, Keeping
from presence_server.history.store.database import (
    Occupied,
    Unusable,
    WriterLock,
    check_place,
    classify,
    prepare,
)
from presence_server.history.store.engine import writer as writing_engine
from presence_server.history.store.taker import Taker

COMMIT_S: Final = 1.0
MOST_S: Final = 10.0
"""Between two tries."""
LAST_TRIES_S: Final = 0.25
MOST_FACTS: Final = 2_000
"""Of one transaction, where so many wait: each costs less then."""
MAX_BATCHES: Final = 100
"""Of one transaction, more or less: those without facts are many after a long wait."""
STUCK_S: Final = 120.0
"""Nothing that is done between two looks at the queue takes so long, but for a migration."""

Result = TypeVar("Result")


class _Job(NamedTuple):
    work: Callable[[Engine], object]
    future: "Future[object]"
    after: int


class _End(NamedTuple):
    """Nothing comes after it."""


class Writer:
    """Call `start` once, `put` and `submit` from any thread, `finish` when nothing comes any more.

    `answer` is called from the thread. `ended` is done when it has ended: with all it was told in
    the database, or with its own fault.
    """

    def __init__(self, setup: Setup, answer: Callable[[Answer], object]) -> None:
        self.ended: Future[None] = Future()
        self._setup = setup
        self._answer = answer
        self._come: queue.SimpleQueue[Batch | _Job | _End] = queue.SimpleQueue()
        self._batches: deque[Batch] = deque()
        self._facts = 0
        self._jobs: deque[_Job] = deque()
        self._is_ending = threading.Event()
        self._has_heard_end = False
        self._taken: int | None = None
        self._failures = 0
        self._committed_at = 0.0
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
        job = _Job(work, future, after)  # type: ignore[arg-type] # what it returns is its own
        self._come.put(job)
        return future

    def finish(self) -> None:
        """Take what there is at once, and end."""
        self._is_ending.set()
        self._come.put(_End())

    def is_stuck(self, now: float) -> bool:
        """Whether something takes so long that it may never end; `now` is monotonic."""
        since = self._busy_since
        return since is not None and now - since > STUCK_S

    # The thread

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
        return self._has_heard_end and not self._batches and not self._jobs

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
            self._rest(delay_s(self._failures, MOST_S, random.random()))  # noqa: S311 - jitter

    def _rest(self, seconds: float) -> None:
        """Wait; at the end for a moment only, as there is not much time left."""
        if self._is_ending.wait(seconds):
            time.sleep(min(seconds, LAST_TRIES_S))

    def _write(self, engine: Engine) -> None:
        self._busy_since = time.monotonic()
        setup = self._setup
        taker = Taker(engine, Rules(setup.half_life_days, setup.session_idle_ms, setup.guest_key))
        care = Care(engine, _keeping(setup))
        self._begun(taker.begin(setup.run))
        while not self._is_over:
            self._busy_since = None
            is_due = not self._is_ending.is_set() and care.due(_wall_ms())
            self._gather(may_wait=not is_due)
            self._busy_since = time.monotonic()
            check_place(setup.address)
            if self._is_time:
                self._take(taker)
            self._do_what_can_be(engine)
            if is_due:
                care.step(_wall_ms())

    def _begun(self, number: int) -> None:
        """The database is there, and has taken all up to `number`: maybe more than was known."""
        if self._taken is None:
            self._answer(Ready(number))
        elif number > self._taken:
            self._answer(Taken(number))
        # A file that was restored has taken less; what it lacks is not here any more.
        self._let_go(max(number, self._taken or 0))

    def _gather(self, *, may_wait: bool) -> None:
        """Take in what has come; wait for more, unless there is something to do."""
        while not self._is_time and not any(map(self._can_be_done, self._jobs)):
            try:
                self._receive(self._come.get(timeout=self._pause() if may_wait else 0))
            except queue.Empty:
                return

    @property
    def _is_time(self) -> bool:
        """Whether a transaction is due."""
        if not self._batches:
            return self._has_heard_end
        is_much = self._facts >= MAX_FACTS or len(self._batches) >= MAX_BATCHES
        return is_much or self._is_awaited or self._has_heard_end or self._pause() == 0

    @property
    def _is_awaited(self) -> bool:
        """Whether something waits for the last of the batches that are here, or an earlier one."""
        held = (job.after for job in self._jobs if not self._can_be_done(job))
        return any(number <= self._batches[-1].number for number in held)

    def _pause(self) -> float:
        """How long the next transaction can wait."""
        if not self._batches:
            return COMMIT_S
        return max(0.0, self._committed_at + COMMIT_S - time.monotonic())

    def _receive(self, item: "Batch | _Job | _End") -> None:
        if isinstance(item, Batch):
            self._batches.append(item)
            self._facts += len(item.facts)
        elif isinstance(item, _Job):
            self._jobs.append(item)
        else:
            self._has_heard_end = True

    def _take(self, taker: Taker) -> None:
        """One transaction."""
        facts = itertools.accumulate(len(batch.facts) for batch in self._batches)
        count = sum(1 for sum_ in facts if sum_ <= MOST_FACTS)
        batches = list(itertools.islice(self._batches, max(1, count)))
        if batches:
            taker.take(batches)
            self._committed_at = time.monotonic()
            self._failures = 0
            self._let_go(batches[-1].number)
            self._answer(Taken(batches[-1].number))

    def _let_go(self, number: int) -> None:
        self._taken = number
        while self._batches and self._batches[0].number <= number:
            self._facts -= len(self._batches.popleft().facts)

    def _do_what_can_be(self, engine: Engine) -> None:
        for job in [job for job in self._jobs if self._can_be_done(job)]:
            self._jobs.remove(job)
            self._do(job, engine)
        if self._has_heard_end and not self._batches:  # what the others wait for never comes
            while self._jobs:
                self._jobs.popleft().future.cancel()

    def _can_be_done(self, job: _Job) -> bool:
        return job.after <= (self._taken or 0) or job.future.cancelled()

    def _do(self, job: _Job, engine: Engine) -> None:
        if job.future.set_running_or_notify_cancel():
            with _Told(job.future):
                job.future.set_result(job.work(engine))


class _Told:
    """What fails within is the trouble of who waits for the future."""

    def __init__(self, future: "Future[object]") -> None:
        self._future = future

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._future.set_exception(error)
        return isinstance(error, Exception)


def failures() -> tuple[type[Exception], ...]:
    """What a database does; psycopg may be there or not."""
    psycopg = sys.modules.get("psycopg")
    driver = () if psycopg is None else (psycopg.Error,)
    return (SQLAlchemyError, OSError, Occupied, Unusable, sqlite3.Error, *driver)


def trouble(error: BaseException) -> Trouble:
    """What the server is told of a failure: nothing that a client said."""
    if isinstance(error, Occupied):
        return Trouble("taken")
    if isinstance(error, Unusable):
        return Trouble(error.trouble, str(error))
    driver = getattr(error, "orig", error)
    codes = (getattr(driver, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return Trouble(classify(error), next(filter(None, codes), None))


def _keeping(setup: Setup) -> Keeping:
    return Keeping(setup.ledger_days, setup.activity_days, setup.guest_key)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
