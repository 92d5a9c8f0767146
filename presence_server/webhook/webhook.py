"""The webhook's one task, and what the gateway tells it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from presence_server.core.clocks import Clocks
from presence_server.core.events import Event, Joined, Left
from presence_server.metrics import Metrics
from presence_server.webhook.courier import Answer, Courier, Post, Result
from presence_server.webhook.ledger import NEVER, Ledger

LOG_EVERY_S: Final = 60.0

_LOG: Final = logging.getLogger("presence_server")


class Sender(Protocol):
    """Whatever posts."""

    async def post(self, post: Post) -> Answer:
        """Send it once; must not raise for what the target does."""

    async def close(self) -> None:
        """Hang up."""


class Webhook:
    """A listener to the gateway. Call `start` in the loop, `hurry` when the drain begins, and
    `stop` when everybody is gone; `posting` does the first and the last of it.
    """

    def __init__(self, sender: Sender, debounce_s: float, clocks: Clocks, metrics: Metrics) -> None:
        self._sender = sender
        self._clocks = clocks
        self._metrics = metrics
        self._ledger = Ledger(debounce_s)
        self._courier = Courier(
            self._ledger, clocks.new_id(), lambda: f"msg_{clocks.new_id()}", clocks.random
        )
        self._wake = asyncio.Event()
        self._is_idle = False
        self._dropped = 0
        self._log_at = -NEVER
        self._task: asyncio.Task[None]
        metrics.webhook_waiting.set_function(lambda: self._courier.waiting)

    def on_events(self, room_id: str, events: Sequence[Event], now_ms: int) -> None:
        """Note who came and went: dictionary work, on the hot path."""
        for event in events:
            if isinstance(event, Joined):
                now = self._clocks.monotonic()
                self._ledger.joined(room_id, event.entry.user_id, now, now_ms)
            elif isinstance(event, Left):
                now = self._clocks.monotonic()
                self._ledger.left(room_id, event.user_id, event.reason, now, now_ms)
            else:
                continue
            if self._is_idle:
                self._is_idle = False
                self._wake.set()

    def start(self) -> None:
        """Begin to post."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_tell)

    @contextlib.asynccontextmanager
    async def posting(self, last_s: float) -> AsyncIterator[None]:
        """Post; the end of the context, when everybody is gone, takes `last_s` at most."""
        self.start()
        try:
            yield
        finally:
            await self.stop(last_s)

    def hurry(self) -> None:
        """Hold nothing back any more: the server is going away."""
        self._courier.hurry()
        self._wake.set()

    async def stop(self, within_s: float) -> None:
        """Post what is left once, everybody's leaving included, but take no longer than that."""
        self._ledger.everybody_left(self._clocks.monotonic(), self._now_ms())
        self._courier.finish()
        self._wake.set()
        await asyncio.wait({self._task}, timeout=within_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if pending := self._courier.pending:
            _LOG.warning(
                "webhook: ended with events that were not posted", extra={"events": pending}
            )

    # How

    async def _run(self) -> None:
        try:
            while not self._courier.is_over:
                await self._step()
        finally:
            await self._sender.close()

    async def _step(self) -> None:
        """Post what there is to post, or wait until there is something."""
        post = self._courier.next(self._clocks.monotonic(), self._now_ms())
        if post is not None:
            answer = await self._sender.post(post)
            self._metrics.webhook_posts.labels(answer.result.value).inc()
            self._courier.answered(answer, self._clocks.monotonic())
            self._look_after(answer)
        elif not self._courier.is_over:
            await self._rest()

    async def _rest(self) -> None:
        """Wait for the time of the next change, or for one where there is none."""
        until = self._courier.wake_at()
        self._wake.clear()
        self._is_idle = until == NEVER
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if self._is_idle else until - self._clocks.monotonic()):
                await self._wake.wait()

    def _look_after(self, answer: Answer) -> None:
        """Count what was dropped, and tell of trouble, but once a minute at most."""
        dropped = self._courier.dropped - self._dropped
        self._dropped += dropped
        self._metrics.webhook_dropped.inc(dropped)
        now = self._clocks.monotonic()
        if (dropped or answer.result is not Result.OK) and now >= self._log_at:
            self._log_at = now + LOG_EVERY_S
            _LOG.warning(
                "webhook: requests fail, or events were dropped",
                extra={
                    "last": answer.result.value,
                    "status": answer.status,
                    "waiting": self._courier.waiting,
                    "dropped": self._dropped,
                },
            )

    def _now_ms(self) -> int:
        return round(self._clocks.wall() * 1000)


def _tell(task: asyncio.Task[None]) -> None:
    """A task that fails must not do so in silence."""
    if not task.cancelled() and (failure := task.exception()) is not None:
        _LOG.error("webhook: ended by a fault of its own", exc_info=failure)
