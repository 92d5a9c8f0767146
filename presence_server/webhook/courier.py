"""What to post next, how often to try, and when to give up. Pure.

One request at a time, in order. A batch is tried ten times; then it is given up, and with it
what it said: the ledger tells the state anew. The wait between two tries grows for as long as
nothing gets through, over one batch and the next: a target that is down is asked every few minutes.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from presence_server.core.backoff import delay_s
from presence_server.webhook.backoff import FIRST_S, MAX_S
from presence_server.webhook.ledger import NEVER, Batch, Ledger
from presence_server.webhook.payload import Body, encode

BATCH: Final = 100
TRIES: Final = 10
GONE: Final = 410
GATHER_S: Final = 0.05
"""Between two requests, so that what happens meanwhile is one request and not many."""


class Result(StrEnum):
    """What became of a request."""

    OK = "ok"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"


class Answer(NamedTuple):
    """What a request came to. Only a 2xx is `OK`.

    `may_have_arrived` is false where the target can't have taken it: it said so, or never heard.
    """

    result: Result
    status: int | None = None
    retry_after_s: float = 0.0
    may_have_arrived: bool = False


class Post(NamedTuple):
    """A request: the id and the body are the same at every try."""

    id: str
    body: bytes


class Courier:
    """The way of a batch. After `next` has returned a post, `answered` must be called with what
    became of it before `next` is called again. `now` is monotonic seconds, `now_ms` UTC.

    The first post may hold no events: it tells the receiver that there is a new process.
    """

    def __init__(
        self,
        ledger: Ledger,
        boot: str,
        new_id: Callable[[], str],
        random: Callable[[], float],
    ) -> None:
        self.is_over = False
        self._ledger = ledger
        self._boot = boot
        self._new_id = new_id
        self._random = random
        self._batch: Batch = {}
        self._post: Post | None = None
        self._dropped = 0
        self._is_greeted = False
        self._is_last = False
        self._is_hurried = False
        self._may_have_arrived = False
        self._tries = 0
        self._failures = 0
        self._not_before = -NEVER

    @property
    def dropped(self) -> int:
        """How many events were dropped so far, given up or for want of room."""
        return self._dropped + self._ledger.dropped

    @property
    def waiting(self) -> int:
        """How many events wait, those on their way included."""
        return self._ledger.waiting + len(self._batch)

    @property
    def pending(self) -> int:
        """How many events there are to post, whether their turn has come or not."""
        return self._ledger.pending + len(self._batch)

    def hurry(self) -> None:
        """Hold nothing back from now on: neither for the debounce, nor after a failure just now."""
        self._is_hurried = True
        self._ledger.debounce_s = 0.0
        self._not_before = -NEVER

    def finish(self) -> None:
        """Post what there is once, then be over; the first failure ends it."""
        self.hurry()
        self._is_last = True

    def wake_at(self) -> float:
        """When `next` may have something; a time gone by if now, `NEVER` if nothing is known."""
        is_ready = self._post is not None or not self._is_greeted
        return max(self._not_before, -NEVER if is_ready else self._ledger.due_at())

    def next(self, now: float, now_ms: int) -> Post | None:
        """What to send now, if anything."""
        if now < self._not_before:
            return None
        if self._post is None:
            self._batch = self._ledger.take(now, BATCH)
            if self._batch or not self._is_greeted:
                self._begin(now_ms)
            elif self._is_last and self._ledger.due_at() == NEVER:
                self.is_over = True
        return self._post

    def answered(self, answer: Answer, now: float) -> None:
        """Take note of what became of the post."""
        if answer.result is Result.OK:
            self._ledger.delivered(self._batch)
            self._failures = 0
            self._end(-NEVER if self._is_hurried else now + GATHER_S)
            return
        self._tries += 1
        self._failures += 1
        self._may_have_arrived |= answer.may_have_arrived
        self._not_before = now + self._delay_s(answer)
        if self._tries >= TRIES or answer.status == GONE or self._is_last:
            self._give_up(now)

    # How

    def _begin(self, now_ms: int) -> None:
        body = Body(self._boot, now_ms, tuple(self._batch.values()))
        self._post = Post(self._new_id(), encode(body))
        self._tries = 0
        self._may_have_arrived = False

    def _give_up(self, now: float) -> None:
        self.is_over = self._is_last
        self._dropped += len(self._batch)
        self._ledger.given_up(self._batch, now, may_have_arrived=self._may_have_arrived)
        self._end(self._not_before)

    def _end(self, not_before: float) -> None:
        self._post = None
        self._batch = {}
        self._is_greeted = True
        self._not_before = not_before

    def _delay_s(self, answer: Answer) -> float:
        if answer.status == GONE:
            return MAX_S
        backoff_s = delay_s(self._failures, FIRST_S, MAX_S, self._random())
        return max(answer.retry_after_s, backoff_s)
