"""A room as a table that is painted anew when something happens. All of rich is here."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from presence_client.changes import Change
from presence_client.client import PresenceClient
from presence_client.standing import Standing
from presence_client.watch.frame import Frame, Moment, Row, frame
from presence_client.watch.room import Room

SHORTEST_S: Final = 0.1  # between two paintings
LONGEST_S: Final = 1.0  # times are in seconds
WIDE_ENOUGH: Final = 70
DIM: Final = "dim"


class Screen:
    """A view that has the whole terminal while it works, and gives it back as it was."""

    def __init__(self, client: PresenceClient, title: str) -> None:
        self._client = client
        self._title = title
        self._room = Room()
        self._standing = client.standing
        self._stood_at = time.monotonic()
        self._dirty = asyncio.Event()

    async def take(self, change: Change) -> None:
        """Show a change."""
        self._room.take(change, time.time())
        self._dirty.set()

    async def stand(self, standing: Standing) -> None:
        """Show how the connection stands."""
        self._standing, self._stood_at = standing, time.monotonic()
        self._dirty.set()

    async def work(self) -> None:
        """Paint until cancelled."""
        console = Console(highlight=False, markup=False, emoji=False)
        self._repaint_on_resize()
        with Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            while True:
                self._dirty.clear()
                live.update(paint(self._frame(console.height), console.width), refresh=True)
                await self._pause()

    def _repaint_on_resize(self) -> None:
        with suppress(NotImplementedError, AttributeError):  # Windows has no such signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._dirty.set)

    def _frame(self, height: int) -> Frame:
        moment = Moment(
            wall=time.time(),
            standing_for=time.monotonic() - self._stood_at,
            height=height,
            user_id=self._client.user_id,
        )
        return frame(self._title, self._room, self._standing, moment)

    async def _pause(self) -> None:
        await asyncio.sleep(SHORTEST_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S - SHORTEST_S):
                await self._dirty.wait()


def paint(frame: Frame, width: int) -> RenderableType:
    """A frame with its colours, one line for each of its lines however narrow it gets."""
    parts: list[RenderableType] = [_header(frame), "", _table(frame, width)]
    if frame.hidden:
        parts.append(_text(f"… and {frame.hidden} more", DIM))
    if frame.news:
        parts += ["", *(_text(line, DIM) for line in frame.news)]
    return Group(*parts)


def _header(frame: Frame) -> Text:
    standing = (f"{_dot(frame.is_live)} {frame.standing}", _colour(frame.is_live))
    header = Text.assemble((frame.title, "bold"), " · ", frame.people, " · ", standing)
    header.no_wrap, header.overflow = True, "ellipsis"
    return header


def _table(frame: Frame, width: int) -> Table:
    """The columns that say something; what was true before the connection was lost is dim."""
    style = "" if frame.is_live else DIM
    table = Table(box=None, expand=True, padding=(0, 2, 0, 0), header_style=DIM, style=style)
    columns = [column for column in COLUMNS if column.is_wanted(frame.rows, width)]
    for column in columns:
        table.add_column(
            column.title,
            ratio=column.ratio,
            width=column.width,
            no_wrap=True,
            justify="right" if column is SINCE else "left",
        )
    for row in frame.rows:
        table.add_row(*(column.cell(row) for column in columns), style=style)
    return table


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what stands in it, and how much of the width it gets."""

    title: str
    cell: Callable[[Row], Text]
    ratio: int | None = None
    width: int | None = None
    is_optional: bool = False

    def is_wanted(self, rows: list[Row], width: int) -> bool:
        """Whether there is room for it, and anything to say in it."""
        if not self.is_optional:
            return True
        return width >= WIDE_ENOUGH and any(self.cell(row).plain for row in rows)


def _user(row: Row) -> Text:
    return Text.assemble(row.name, (f" {row.id}" if row.id else "", DIM), overflow="ellipsis")


def _status(row: Row) -> Text:
    is_online = row.status == "online"
    return _text(f"{_dot(is_online)} {row.status}", _colour(is_online))


def _dot(is_good: bool) -> str:
    return "●" if is_good else "○"


def _colour(is_good: bool) -> str:
    return "green" if is_good else "yellow"


def _text(text: str, style: str = "") -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


SINCE: Final = Column("here for", lambda row: _text(row.since), width=8)
COLUMNS: Final = (
    Column("user", _user, ratio=4),
    Column("status", _status, width=8),
    Column("page", lambda row: _text(row.page), ratio=5),
    Column("activity", lambda row: _text(row.activity), ratio=3, is_optional=True),
    Column("following", lambda row: _text(row.following), ratio=3, is_optional=True),
    SINCE,
)
