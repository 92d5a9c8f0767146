"""People who come and go, and a target that takes what is posted, or does not; time is a number."""

import itertools
import json
from typing import Any, NamedTuple

from presence_server.webhook.courier import Answer, Courier, Post, Result
from presence_server.webhook.ledger import NEVER, Ledger
from tests.webhook.receiver import Receiver

EPOCH_MS = 1_800_000_000_000
OK = Answer(Result.OK, 204)


class Outcome(NamedTuple):
    """What becomes of a request, and whether the receiver has taken it all the same."""

    answer: Answer
    is_taken: bool = False


TAKEN = Outcome(OK, is_taken=True)


class Change(NamedTuple):
    """The last time that somebody came or went, or a room was occupied or vacated."""

    is_in: bool
    at: float


class Story:
    """A ledger, a courier, a receiver, and what is true."""

    def __init__(self, debounce_s: float = 3.0, capacity: int = 10_000) -> None:
        self.now = 1_000.0
        self.true: dict[str, set[str]] = {}
        self.receiver = Receiver()
        self.ledger = Ledger(debounce_s, capacity)
        numbers = itertools.count(1)
        self.courier = Courier(self.ledger, "boot-1", lambda: f"msg_{next(numbers)}", lambda: 1.0)
        self.post: Post | None = None
        self.tries: list[Post] = []
        self._changes: dict[tuple[str, str | None], Change] = {}
        self._seen: set[str] = set()
        self._vacated: set[str] = set()
        self._is_unsure = False

    @property
    def now_ms(self) -> int:
        """UTC milliseconds."""
        return EPOCH_MS + round(self.now * 1000)

    # What happens

    def join(self, room: str, user: str) -> None:
        """Somebody comes; nothing if already there."""
        users = self.true.setdefault(room, set())
        if user not in users:
            if not users:
                self._changes[room, None] = Change(is_in=True, at=self.now)
            users.add(user)
            self._changes[room, user] = Change(is_in=True, at=self.now)
            self.ledger.joined(room, user, self.now, self.now_ms)

    def leave(self, room: str, user: str) -> None:
        """Somebody goes; nothing if not there."""
        users = self.true.get(room, set())
        if user in users:
            users.discard(user)
            self._changes[room, user] = Change(is_in=False, at=self.now)
            if not users:
                del self.true[room]
                self._changes[room, None] = Change(is_in=False, at=self.now)
            self.ledger.left(room, user, "closed", self.now, self.now_ms)

    def end(self) -> None:
        """There is nobody any more."""
        self.true.clear()
        self._changes = {key: Change(is_in=False, at=self.now) for key in self._changes}
        self.ledger.everybody_left(self.now, self.now_ms)

    def wait(self, seconds: float) -> None:
        """Time passes; what there is to send is on its way then."""
        self.now += seconds
        self.send()

    def send(self) -> None:
        """Send, if there is something to send and nothing on its way."""
        if self.post is None:
            self.post = self.courier.next(self.now, self.now_ms)
            if self.post is not None:
                self.tries.append(self.post)
                self._check_new(self.post)

    def answer(self, outcome: Outcome) -> None:
        """What is on its way is answered; nothing if nothing is."""
        if self.post is None:
            return
        dropped, post = self.courier.dropped, self.post
        if outcome.is_taken:
            self.receiver.take(post.id, post.body)
        self._is_unsure |= outcome.answer.may_have_arrived
        self.courier.answered(outcome.answer, self.now)
        if self.courier.dropped > dropped and self._is_unsure:
            self.receiver.is_strict = False
        if self.courier.dropped > dropped:
            self._vacated.clear()
        if self.courier.dropped > dropped or outcome.answer.result is Result.OK:
            self._is_unsure = False
        self.post = None

    def go_on(self, outcome: Outcome = TAKEN) -> bool:
        """Let time pass until the next request, and answer it; false if there is none."""
        self.send()
        if self.post is None:
            wake_at = self.courier.wake_at()
            if wake_at == NEVER:
                return False
            self.wait(max(0.0, wake_at - self.now))
        self.answer(outcome)
        return True

    def settle(self) -> None:
        """The target is well again; everything is told."""
        for _ in range(10_000):
            if not self.go_on():
                return
        raise AssertionError("it never comes to rest")

    # What it is told

    def take(self) -> list[tuple[Any, ...]]:
        """What was told since the last time, in short."""
        events, self.receiver.events = self.receiver.events, []
        return [
            (event["type"], *filter(None, [event.get("userId")]), event["members"])
            for event in events
        ]

    def _check_new(self, post: Post) -> None:
        """What is told is true, and has lasted."""
        if post.id in self._seen:
            return
        self._seen.add(post.id)
        for event in json.loads(post.body)["events"]:
            change = self._changes[event["room"], event.get("userId")]
            assert change.is_in == (event["type"] in ("room_occupied", "user_joined"))
            assert self.now >= change.at + self.ledger.debounce_s
            self._check_order(event)

    def _check_order(self, event: dict[str, Any]) -> None:
        """Nothing is told of a room between its being vacated and occupied."""
        if event["type"] == "room_occupied":
            self._vacated.discard(event["room"])
        assert event["room"] not in self._vacated
        if event["type"] == "room_vacated":
            self._vacated.add(event["room"])
