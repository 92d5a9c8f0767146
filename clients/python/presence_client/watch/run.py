"""Follows a client and tells a view of it, until one of them ends or somebody says stop."""

import asyncio
import signal
from asyncio import FIRST_COMPLETED, FIRST_EXCEPTION
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final, Protocol

from presence_client.changes import Change
from presence_client.client import PresenceClient
from presence_client.close_codes import Closing
from presence_client.standing import Standing

STOPS: Final = ("SIGINT", "SIGTERM")


class View(Protocol):
    """Something that shows a room."""

    async def take(self, change: Change) -> None:
        """Show a change. One at a time, in order."""

    async def stand(self, standing: Standing) -> None:
        """Show how the connection stands. May come while a change is being shown."""

    async def work(self) -> None:
        """What the view does beside; when it comes back there is nobody left to show it to."""


async def run(client: PresenceClient, view: View) -> Closing | None:
    """Show a room; return why the server refused us, or None where we stopped ourselves."""
    stopped = asyncio.Event()
    _stop_on_signals(stopped)
    async with client:
        await _wait(FIRST_COMPLETED, _show(client, view), view.work(), stopped.wait())
    return client.refusal


def _stop_on_signals(stopped: asyncio.Event) -> None:
    for name in STOPS:
        with suppress(NotImplementedError):  # Windows: there Ctrl-C is a KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(signal.Signals[name], stopped.set)


async def _show(client: PresenceClient, view: View) -> None:
    await _wait(FIRST_EXCEPTION, _changes(client, view), _standings(client, view))


async def _changes(client: PresenceClient, view: View) -> None:
    async for change in client.changes():
        await view.take(change)


async def _standings(client: PresenceClient, view: View) -> None:
    async for standing in client.standings():
        await view.stand(standing)


async def _wait(until: str, *works: Coroutine[Any, Any, object]) -> None:
    """Do several things until one or all are done; what is not done then is dropped."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=until)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
