"""What others want done with the database, between two transactions: each waits for its batch."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import NamedTuple

from sqlalchemy import Engine


class Job(NamedTuple):
    """Some work, to be done when all batches up to the number `after` are taken."""

    work: Callable[[Engine], object]
    future: Future[object]
    after: int

    def can_be_done(self, taken: int) -> bool:
        """Whether it has nothing to wait for, or nobody waits for it."""
        return self.after <= taken or self.future.cancelled()

    def do(self, engine: Engine) -> None:
        """Do it, unless it was cancelled; what comes of it is told to whoever waits."""
        if self.future.set_running_or_notify_cancel():
            with _Told(self.future):
                self.future.set_result(self.work(engine))


class Jobs:
    """Those that were not done yet. `taken` is the number of the last batch in the database."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Have one more wait."""
        self._jobs.append(job)

    def is_any_due(self, taken: int) -> bool:
        """Whether one can be done."""
        return any(job.can_be_done(taken) for job in self._jobs)

    def awaited(self, taken: int) -> int | None:
        """The number of the batch that one waits for, the first of them; None if none does."""
        return min((job.after for job in self._jobs if not job.can_be_done(taken)), default=None)

    def do_due(self, engine: Engine, taken: int) -> None:
        """Do those that can be done, in the order in which they came."""
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            if job.can_be_done(taken):
                job.do(engine)
            else:
                self._jobs.append(job)

    def cancel(self) -> None:
        """What they wait for never comes."""
        while self._jobs:
            self._jobs.popleft().future.cancel()


class _Told:
    """What fails within is the trouble of who waits for the future."""

    def __init__(self, future: Future[object]) -> None:
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
