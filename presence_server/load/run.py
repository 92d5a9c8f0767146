"""A run from the first dial to the last Close."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Final, Protocol

from presence_server.core.close_codes import ABNORMAL, Close
from presence_server.load.crowd import PATIENCE_S, Crowd
from presence_server.load.gauge import Gauge
from presence_server.load.hints import hint
from presence_server.load.plan import Member, Plan
from presence_server.load.reach import CantLoad, find_route
from presence_server.load.readings import Reading
from presence_server.load.report import Books, Course, Report, build

SETTLE_S: Final = 10.0
"""How long to wait for what is still under way."""
QUIET_S: Final = 2.0
"""Nothing came for so long: nothing will."""
_CLOSE_S: Final = 10.0
_HURRY_S: Final = 2.0
"""After Ctrl-C: no Close was agreed to for so long, so none will be."""
_LOOK_S: Final = 0.1
_CARE_S: Final = 1.0
_AT_ONCE: Final = 8
"""Tokens that are asked for at the same time."""

TokenFor = Callable[[Member], Awaitable[str]]
Scraper = Callable[[], Awaitable[Reading]]


class Progress(Protocol):
    """Who is told how far it is."""

    def show(self, phase: str, done: float, total: float, says: str) -> None:
        """A phase, how much of it is done, and that in words."""


class Run:
    """One run of a plan. Set `stop` to have it end early, with a report of what was so far."""

    def __init__(
        self,
        plan: Plan,
        token_for: TokenFor,
        tls: ssl.SSLContext | None,
        progress: Progress,
        scraper: Scraper | None = None,
    ) -> None:
        self.stop = asyncio.Event()
        self._plan = plan
        self._token_for = token_for
        self._tls = tls
        self._progress = progress
        self._scraper = scraper
        self._readings: list[Reading] = []
        self._crowd: Crowd | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is anything to report yet."""
        return self._crowd is not None and self._crowd.connected > 0

    def abort(self) -> None:
        """Wait for nobody to agree to a Close."""
        if self._crowd is not None:
            self._crowd.abort()

    async def carry_out(self) -> Report:
        """All of it.

        Raises:
            CantLoad: if not even one connection gets in.

        """
        route = await find_route(self._plan.target, self._tls)
        crowd = self._crowd = Crowd(self._plan, route, Random())  # noqa: S311 - no secret
        care = asyncio.create_task(_care(crowd))
        try:
            return await self._measure(crowd)
        except asyncio.CancelledError:
            self.stop.set()
            raise
        finally:
            care.cancel()
            await self._close(crowd)

    async def _measure(self, crowd: Crowd) -> Report:
        first, *others = self._plan.members()
        await self._scrape()
        await self._scout(crowd, first)
        tokens = await self._tokens(others)
        with _measured() as dialling:
            await self._dial(crowd, tokens)
        await self._scrape()
        quiet = Books.of(crowd)
        with _measured() as speaking, _frozen():
            seconds = await self._speak(crowd)
        await self._scrape()
        loaded = Books.of(crowd)
        await self._settle(crowd)
        course = Course(quiet, loaded, dialling, speaking, seconds, self.stop.is_set())
        return build(crowd, course, self._readings)

    async def _close(self, crowd: Crowd) -> None:
        self._progress.show("closing", 0, 1, f"{crowd.open:,} connections")
        hurry = asyncio.create_task(self._hurry(crowd))
        try:
            await crowd.close(_CLOSE_S)
        finally:
            hurry.cancel()
        self._progress.show("closing", 1, 1, "all of them")

    async def _hurry(self, crowd: Crowd) -> None:
        """Once it is to stop, cut those who do not agree to a Close."""
        await self.stop.wait()
        left = -1
        while left != crowd.open:
            left = crowd.open
            await asyncio.sleep(_HURRY_S)
        crowd.abort()

    async def _scrape(self) -> None:
        """Ask the server for its figures; what it can't say later, when it is down, is left out."""
        if self._scraper is None:
            return
        try:
            self._readings.append(await self._scraper())
        except CantLoad:
            if not self._readings:
                raise

    async def _scout(self, crowd: Crowd, member: Member) -> None:
        """Let the first one in; what keeps it out would keep out all."""
        await crowd.dial(member, await self._token_for(member))
        await crowd.until(lambda: not crowd.undecided, 2 * PATIENCE_S)
        if not crowd.connected:
            ((_, code, reason),) = crowd.fates
            raise CantLoad(_refusal(str(self._plan.target), code, reason))

    async def _tokens(self, members: list[Member]) -> dict[Member, str]:
        found: dict[Member, str] = {}
        left = iter(members)

        async def fetch() -> None:
            for member in left:
                if self.stop.is_set():
                    return
                found[member] = await self._token_for(member)
                done = len(found)
                self._progress.show("tokens", done, len(members), f"{done:,} of {len(members):,}")

        await asyncio.gather(*(fetch() for _ in range(_AT_ONCE)))
        return found

    async def _dial(self, crowd: Crowd, tokens: dict[Member, str]) -> None:
        """Connect everybody else, evenly over the ramp, and wait until it is known who is in."""
        start, every = crowd.now(), self._plan.ramp_s / max(1, len(tokens))
        dials: set[asyncio.Task[None]] = set()
        for place, (member, token) in enumerate(tokens.items()):
            await self._wait(start + place * every - crowd.now())
            if self.stop.is_set():
                break
            task = asyncio.create_task(crowd.dial(member, token))
            dials.add(task)
            task.add_done_callback(dials.discard)
            if not place % 20:
                await self._show_dials(crowd)
        while (dials or crowd.undecided) and not self.stop.is_set():
            await self._show_dials(crowd)
            await asyncio.sleep(_LOOK_S)
        await self._show_dials(crowd)

    async def _wait(self, seconds: float) -> None:
        """Wait so long, unless it is to stop."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), seconds)

    async def _show_dials(self, crowd: Crowd) -> None:
        out = crowd.fates.total()
        asked = self._plan.connections
        says = f"{crowd.connected:,} of {asked:,}" + (f", {out:,} not in" if out else "")
        self._progress.show("connecting", crowd.connected + out, asked, says)
        await asyncio.sleep(0)

    async def _speak(self, crowd: Crowd) -> float:
        """Load it; how many seconds that was."""
        start = crowd.now()
        speaking = asyncio.create_task(crowd.speak(self._plan.seconds, self.stop))
        phase = "loading" if self._plan.rate or self._plan.cursors else "holding"
        while not speaking.done():
            done, total = min(crowd.now() - start, self._plan.seconds), self._plan.seconds
            says = f"{done:.0f} of {total:.0f} s, {crowd.inside:,} in"
            self._progress.show(phase, done, total, says)
            await asyncio.wait({speaking}, timeout=_LOOK_S)
        await speaking
        return crowd.now() - start

    async def _settle(self, crowd: Crowd) -> None:
        """Wait for what is under way, as long as there comes any."""
        start = latest = crowd.now()
        had = crowd.deliveries()
        while (missing := crowd.expected() - crowd.deliveries()) > 0 and crowd.inside:
            now, has = crowd.now(), crowd.deliveries()
            latest = now if has > had else latest
            had = has
            if now - start > SETTLE_S or now - latest > QUIET_S:
                return
            self._progress.show("settling", now - start, SETTLE_S, f"{missing:,} to come")
            await asyncio.sleep(_LOOK_S)


def _refusal(where: str, code: int, reason: str) -> str:
    """Why not even the first connection got in."""
    if code == ABNORMAL:
        return f"{where}: {reason}"
    if code == Close.PROTOCOL_ERROR:
        return f"{where} is no presence server: {reason}"
    said, advice = f"{code} {reason}".rstrip(), hint(code, reason)
    return f"{where} refused the first connection with {said}{': ' if advice else ''}{advice}"


async def _care(crowd: Crowd) -> None:
    while True:
        await asyncio.sleep(_CARE_S)
        crowd.look_after()


@contextlib.contextmanager
def _measured() -> Iterator[Gauge]:
    """What this process spends meanwhile."""
    gauge = Gauge(asyncio.get_running_loop())
    try:
        yield gauge
    finally:
        gauge.stop()


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """What is there now stays: the collector need not look at it, which would show as lag."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
