"""`presence-server top`."""

import asyncio
import signal
import time
from collections import deque
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final, Protocol

import click
import httpx

from presence_server.commands import operator, output, shapes
from presence_server.commands.dashboard import plain
from presence_server.commands.operator import NoAnswer, Target
from presence_server.commands.overview import Overview, overview
from presence_server.commands.scraping import reading
from presence_server.load.readings import Between, Reading

WINDOW_S: Final = 30.0
"""What quantiles are taken over, and refusals counted in; the loop's lag has 60 values in it."""
ROOMS: Final = 10
_ENDS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""After all of these the terminal is given back; SIGQUIT is Ctrl-\\."""
_EPILOG: Final = """\
It asks the admin listener of a server that runs, by the settings or --url; only the rooms need the
admin key. Quantiles are of the last 30 seconds, all rates those of the last interval. What was
refused is counted by reason too, in the last 30 seconds or else since the start. While the server
is away it goes on asking. In a pipe, or with --once, it prints one overview and ends.

\b
Examples:
  presence-server top
  presence-server top --url http://10.0.0.7:8788 --interval 5
  presence-server top --once | mail -s presence ops@example.com
  presence-server top --json | jq -c '[.connections, .lagP99, .refused]'
"""


def _finite(_context: click.Context, _option: click.Parameter, seconds: float) -> float:
    """What is no number is in no range either, but click lets it pass."""
    if isnan(seconds):
        raise click.BadParameter("this is no number")
    return seconds


@click.command("top", epilog=_EPILOG, short_help="Watch a server that runs.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    callback=_finite,
    default=1.0,
    help="how often to ask  [1]",
)
@click.option("--once", is_flag=True, help="print one overview after one interval, then end")
@click.option(
    "--json", "wants_json", is_flag=True, help="write a JSON object a line, for each interval"
)
@operator.options
def command(
    interval: float,
    once: bool,
    wants_json: bool,
    url: str | None,
    admin_key: str | None,
    config: str | None,
) -> None:
    """Show connections, users, rates, lag and the biggest rooms of a server, live: q or Ctrl-C
    quits.
    """
    target = operator.target(url, admin_key, config)
    if wants_json:
        asyncio.run(_watch(target, interval, _Lines(), once=once))
    elif once or not output.can_draw():
        asyncio.run(_watch(target, interval, _Page(target.url), once=True))
    else:
        asyncio.run(_live(target, interval))


class View(Protocol):
    """Something that shows overviews."""

    @property
    def rooms(self) -> int:
        """How many rooms it has space for."""

    def show(self, now: Overview) -> None:
        """Show how it stands."""

    def miss(self, trouble: str) -> None:
        """Say that the server is away."""


class _Lines:
    """A JSON object a line."""

    rooms = ROOMS

    def show(self, now: Overview) -> None:
        self._tell(now.as_json())

    def miss(self, trouble: str) -> None:
        self._tell({"error": trouble})

    def _tell(self, said: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        output.tell([output.as_json({"time": at, **said})])


class _Page:
    """One overview, in plain text."""

    rooms = ROOMS

    def __init__(self, url: str) -> None:
        self._url = url

    def show(self, now: Overview) -> None:
        output.tell(plain(now, self._url, time.time()))

    def miss(self, trouble: str) -> None:
        raise NoAnswer(trouble)


class _Watcher:
    """Asks a server, and remembers as much of its past as quantiles need."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._readings: deque[Reading] = deque()

    async def look(self, rooms: int) -> Overview | None:
        """How it stands; None the first time, when there is nothing to compare with.

        Raises:
            NoAnswer: while the server is away.

        """
        before = self._readings[-1] if self._readings else None
        await self._read()
        not_ready = await operator.not_ready(self._client)
        if before is None:
            return None
        last = Between(before, self._readings[-1])
        longer = Between(self._readings[0], self._readings[-1])
        try:
            said = await operator.query(self._client, f"/v1/rooms?limit={rooms}", shapes.Rooms)
        except NoAnswer as error:
            return overview(last, longer, not_ready, [], error.format_message())
        return overview(last, longer, not_ready, said["rooms"][:rooms] if said else [])

    async def _read(self) -> None:
        now = await reading(self._client)
        self._readings.append(now)
        while self._readings[0].at < now.at - WINDOW_S and len(self._readings) > 2:
            self._readings.popleft()


async def _watch(target: Target, interval: float, view: View, *, once: bool) -> None:
    """Look again and again, and show it; `once` ends it with what comes first.

    Raises:
        NoAnswer: if that is none.

    """
    async with operator.client(target) as client:
        watcher = _Watcher(client)
        while True:
            began = time.monotonic()
            try:
                now = await watcher.look(view.rooms)
            except NoAnswer as error:
                if once:
                    raise
                view.miss(error.format_message())
            else:
                if now is not None:
                    view.show(now)
                    if once:
                        return
            await asyncio.sleep(max(0.0, began + interval - time.monotonic()))


async def _live(target: Target, interval: float) -> None:
    """The same on a screen, until somebody says stop."""
    from presence_server.commands.screen import Screen

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in _ENDS:
        loop.add_signal_handler(number, stop.set)
    screen = Screen(target.url, stop)
    tasks = [
        asyncio.create_task(work)
        for work in (_watch(target, interval, screen, once=False), screen.run(), stop.wait())
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
