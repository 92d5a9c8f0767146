"""An overview that is painted anew on a whole terminal, which is given back as it was found."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from presence_server.commands import dashboard, output
from presence_server.commands.overview import Overview
from presence_server.commands.text import span

LINES_AROUND: Final = 15
"""All but the rooms: with the line that says how many there are more."""
LONGEST_S: Final = 1.0
QUITS: Final = b"qQ\x1b"
_LABEL: Final = 11
_QUIT: Final = "q quits"


class Screen:
    """Paints what it was shown last. `stop` is set when somebody has seen enough."""

    def __init__(self, url: str, stop: asyncio.Event) -> None:
        self._url = url
        self._stop = stop
        self._now: Overview | None = None
        self._trouble: str | None = None
        self._seen_at = time.monotonic()
        self._dirty = asyncio.Event()
        self._console = output.console()

    @property
    def rooms(self) -> int:
        """How many rooms there is space for."""
        return max(1, self._console.height - LINES_AROUND)

    def show(self, now: Overview) -> None:
        """Show how it stands."""
        self._now, self._trouble, self._seen_at = now, None, time.monotonic()
        self._dirty.set()

    def miss(self, trouble: str) -> None:
        """Say that the server is away, beside what was true before."""
        self._trouble = trouble
        self._dirty.set()

    async def run(self) -> None:
        """Paint until cancelled."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._dirty.set)
        with (
            _keys(self._press),
            Live(
                console=self._console,
                screen=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live,
        ):
            while True:
                self._dirty.clear()
                live.update(self._painted(), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST_S):
                        await self._dirty.wait()

    def _press(self, keys: bytes) -> None:
        if any(key in QUITS for key in keys):
            self._stop.set()

    def _painted(self) -> RenderableType:
        away = None if self._trouble is None else self._away(self._trouble)
        if self._now is None:
            return Text.assemble(away or f"asking {self._url} …", (f"\n\n{_QUIT}", "dim"))
        return paint(self._now, self._url, away, self._console.height)

    def _away(self, trouble: str) -> Text:
        ago = f"away for {span(time.monotonic() - self._seen_at)}: " if self._now else ""
        return Text(f"{ago}{trouble}", "red")


def paint(now: Overview, url: str, away: Text | None, height: int) -> RenderableType:
    """An overview; dim where it is no longer true, with the reason in place of the time."""
    wall = time.time()
    style = "dim" if away else ""
    header = _one_line((dashboard.title(now, url, wall), "bold"), f" · {dashboard.clock(wall)}")
    figures = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for ratio in (None, 1, None, 1):
        figures.add_column(ratio=ratio, min_width=_LABEL if ratio is None else None)
    for one, other in zip(dashboard.left(now), dashboard.right(now), strict=True):
        figures.add_row(*_pair(one), *_pair(other), style=style)
    unready = _one_line((dashboard.unready(now), "yellow"))
    lines: list[RenderableType] = [header, away or unready, figures]
    for name, value, colour in dashboard.wide(now):
        lines.append(_one_line((f"{name:<{_LABEL}}  ", "dim"), (value, colour or style)))
    return Group(*lines, "", *_rooms(now, height - LINES_AROUND, style))


def _rooms(now: Overview, most: int, style: str) -> Iterator[RenderableType]:
    if now.rooms_refused:
        yield Text(f"rooms: {now.rooms_refused}\n\n{_QUIT}", "dim")
        return
    table = output.columns(
        ("room", "members", "connections"), ("members", "connections"), ("room",)
    )
    found = [*dashboard.rooms(now)][: max(1, most)]
    for cells in found:
        table.add_row(*map(output.cell, cells), style=style)
    yield table
    hidden = now.rooms - len(found)
    yield output.cell(f"… and {hidden:,} more · {_QUIT}" if hidden > 0 else f"\n{_QUIT}", "dim")


def _pair(pair: dashboard.Pair) -> tuple[Text, Text]:
    name, value, style = pair
    return output.cell(name, "dim"), output.cell(value, style)


def _one_line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


@contextlib.contextmanager
def _keys(press: Callable[[bytes], None]) -> Iterator[None]:
    """Meanwhile hear each key as it is pressed, where there is a keyboard."""
    if not sys.stdin.isatty():
        yield
        return
    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    _never_suspend(keyboard)
    loop.add_reader(keyboard, lambda: press(os.read(keyboard, 64)))
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _never_suspend(keyboard: int) -> None:
    """Ctrl-Z would leave a shell on our screen, without a prompt."""
    mode = termios.tcgetattr(keyboard)
    mode[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(keyboard, termios.TCSADRAIN, mode)
