"""An issuer's keys, fetched from where it serves its JWK Set: at the start, then and again, and
when a token names a key that isn't known yet.

Keys are kept while the endpoint is down, hangs or lies; a good answer replaces them all. The fetch
itself is a thread's, one at a time: what hangs there blocks neither the loop nor the end.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from presence_server.core.clocks import Clocks
from presence_server.gateway.keys import Keys
from presence_server.gateway.ports import NEVER, Scheduler, Timer
from presence_server.metrics import Metrics

INTERVAL_S: Final = 300.0
COOLDOWN_S: Final = 5.0
"""Between two fetches, however many unknown keys are asked for."""
DEADLINE_S: Final = 5.0
"""After which a fetch counts as failed, though its thread may still be at it."""
SETTLED_AT_ONCE: Final = 64
"""Waiters that are called in one turn of the loop: each may admit a connection."""

_LOG: Final = logging.getLogger("presence_server")

Outcome = Keys | str
"""What a fetch came to: keys, or why there are none."""

Fetch = Callable[[Callable[[Outcome], object]], None]
"""Begins a fetch and returns at once; hands the outcome over in the event loop, once."""


class _Waiter:
    """Somebody who waits for a key."""

    __slots__ = ("_waiters", "fetches", "is_known", "then")

    def __init__(
        self,
        is_known: Callable[[], bool],
        then: Callable[[], object],
        fetches: int,
        waiters: "dict[_Waiter, None]",
    ) -> None:
        self.is_known = is_known
        self.then = then
        self.fetches = fetches
        self._waiters = waiters
        waiters[self] = None

    def cancel(self) -> None:
        self._waiters.pop(self, None)


class Jwks:
    """When to fetch, and who waits for it. Everything here runs in the event loop."""

    def __init__(
        self, fetch: Fetch, scheduler: Scheduler, clocks: Clocks, metrics: Metrics
    ) -> None:
        self._fetch = fetch
        self._scheduler = scheduler
        self._clocks = clocks
        self._metrics = metrics
        self._on_keys: Callable[[Keys], int] | None = None
        self._waiters: dict[_Waiter, None] = {}
        self._timer: Timer | None = None
        self._due = NEVER
        self._deadline: Timer | None = None
        self._is_busy = False
        self._began = -NEVER
        self._fetches = 0
        self._failures = 0
        self._why: str | None = None  # the last fetch came to nothing

    def start(self, on_keys: Callable[[Keys], int]) -> None:
        """Begin; `on_keys` gets the keys of each good answer, and says how many it took."""
        self._on_keys = on_keys
        self._begin()

    def stop(self) -> None:
        """Fetch no more, and let nobody wait; what is under way comes to nothing."""
        self._on_keys = None
        self._cancel_timers()
        self._due = -NEVER
        self._call([*self._waiters])

    def redirect(self, fetch: Fetch) -> None:
        """Fetch from elsewhere, at once; those who wait do so for that."""
        self._fetch = fetch
        self._is_busy = False
        self._failures, self._why = 0, None
        self._cancel_timers()
        self._begin()

    def refresh(self) -> None:
        """Fetch as soon as it may be."""
        self._fetch_by(self._began + COOLDOWN_S)

    @property
    def is_failing(self) -> bool:
        """Whether the last fetch came to nothing."""
        return self._failures > 0

    def learn(self, is_known: Callable[[], bool], then: Callable[[], object]) -> Timer:
        """Have `then` called when a fetch that begins from now on is over, or the key is known.

        That takes a cooldown and a deadline at most. Cancel what is returned to hear nothing.
        """
        waiter = _Waiter(is_known, then, self._fetches, self._waiters)
        if self._on_keys is None:
            self._scheduler.call_soon(self._call, [waiter])  # it was stopped: there is none to come
        else:
            self.refresh()
        return waiter

    # When

    def _fetch_by(self, at: float) -> None:
        if at >= self._due:
            return
        self._due = at
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, at - self._clocks.monotonic())
        self._timer = self._scheduler.call_later(delay, self._begin)

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()

    def _begin(self) -> None:
        self._timer, self._due = None, NEVER
        self._began = self._clocks.monotonic()
        self._fetches += 1
        if self._is_busy:  # it hangs: that is the answer until it returns
            self._settle()
            self._fetch_by(self._began + self._pause())
            return
        self._is_busy = True
        self._deadline = self._scheduler.call_later(DEADLINE_S, self._end, "no answer in time")
        self._fetch(partial(self._returned, self._fetch))

    def _returned(self, fetch: Fetch, outcome: Outcome) -> None:
        """The thread is back, perhaps long after the deadline: keys are welcome all the same."""
        if self._on_keys is None or fetch is not self._fetch:
            return  # nobody wants to know any more
        self._is_busy = False
        if not isinstance(outcome, str):
            self._take(outcome)
        if self._deadline is not None:
            self._deadline.cancel()
            self._end(outcome)
        else:
            self._settle()

    def _end(self, outcome: Outcome) -> None:
        self._deadline = None
        is_good = not isinstance(outcome, str)
        self._metrics.jwks_fetches.labels("ok" if is_good else "failed").inc()
        if isinstance(outcome, str):
            self._failures += 1
            self._tell_trouble(outcome)
        self._settle()
        self._fetch_by(self._clocks.monotonic() + self._pause())

    def _tell_trouble(self, why: str) -> None:
        """Tell the log once, until it is another trouble."""
        if why != self._why:
            self._why = why
            _LOG.warning("no keys from the issuer's JWK Set", extra={"reason": why})

    def _pause(self) -> float:
        """Seconds to the next fetch that nobody asks for: fewer after a first failure."""
        backoff = COOLDOWN_S * 2.0 ** min(self._failures - 1, 10)
        pause = min(INTERVAL_S, backoff) if self._failures else INTERVAL_S
        return pause * (0.9 + 0.2 * self._clocks.random())

    def _take(self, keys: Keys) -> None:
        assert self._on_keys is not None  # noqa: S101 - `_returned` has looked
        room = self._on_keys(keys)
        if self._why is not None:
            _LOG.warning(
                "keys from the issuer's JWK Set again",
                extra={"keys": room, "failed_fetches": self._failures},
            )
        self._failures, self._why = 0, None
        if room < len(keys):
            _LOG.warning(
                "the issuer's JWK Set has more keys than count",
                extra={"keys": len(keys), "count": room},
            )

    # Who waits

    def _settle(self) -> None:
        """Call those whose fetch is over, and those whose key came with one that began earlier."""
        fetches = self._fetches
        self._call([w for w in self._waiters if w.fetches < fetches or w.is_known()])

    def _call(self, waiters: list[_Waiter]) -> None:
        for waiter in waiters[:SETTLED_AT_ONCE]:
            if waiter in self._waiters:
                waiter.cancel()
                waiter.then()
        if len(waiters) > SETTLED_AT_ONCE:
            self._scheduler.call_soon(self._call, waiters[SETTLED_AT_ONCE:])
