"""History as the server starts and stops it: what notes, and the link to the recorder process."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Final

from presence_server.core.clocks import Clocks
from presence_server.history.clock import SteadyClock, steady
from presence_server.history.folder import PrivateFolder
from presence_server.history.front import Front
from presence_server.history.journal import Journal
from presence_server.history.link import Link
from presence_server.history.recorder import Recorder, Rooms
from presence_server.history.setup import Setup
from presence_server.metrics import Metrics
from presence_server.settings import Settings, SettingsRefused

HOUR_MS: Final = 3_600_000
SOCKET: Final = "questions"


class History:
    """`recorder` is a listener to the gateway, `ask` answers the admin listener's questions.

    Make it in the loop. `recording` is its life; `close` it after that.
    """

    def __init__(self, settings: Settings, address: str, clocks: Clocks, metrics: Metrics) -> None:
        self._folder = PrivateFolder()
        setup = _setup(settings, address, str(self._folder.path / SOCKET))
        clock = SteadyClock(clocks.wall, steady)
        loop = asyncio.get_running_loop()
        journal = Journal(lambda: self.recorder.count(), clocks.monotonic)
        self.recorder = Recorder(
            *(setup.run, settings.history_buffer, clock.now_ms, loop, metrics), journal.dropped
        )
        self._link = Link(
            setup, self.recorder.waiting, self.recorder.taken, clocks, journal, metrics
        )
        self._front = Front(
            setup.questions,
            lambda result: metrics.history_queries.labels(result).inc(),
            self.recorder.noted,
        )
        self.ask = self._front.ask

    @contextlib.asynccontextmanager
    async def recording(self, rooms: Rooms, last_s: float) -> AsyncIterator[None]:
        """Record; the end of the context, when everybody is gone, takes `last_s` at most."""
        self.recorder.start(rooms, self._link)
        self._link.start()
        try:
            yield
        finally:
            self.recorder.finish()
            await self._link.stop(last_s)
            await self._front.close()

    def close(self) -> None:
        """Leave nothing behind."""
        self._folder.close()


def build(settings: Settings, clocks: Clocks, metrics: Metrics) -> History | None:
    """History, if there is a database for it.

    Raises:
        SettingsRefused: if the driver of the database is missing.

    """
    if settings.history is None:
        return None
    address = settings.history.get_secret_value()
    if address.startswith("postgresql:") and find_spec("psycopg") is None:
        raise SettingsRefused(
            "history: PostgreSQL needs psycopg: pip install 'presence-server[postgresql]'"
        )
    return History(settings, address, clocks, metrics)


def _setup(settings: Settings, address: str, questions: str) -> Setup:
    return Setup(
        address=address,
        run=secrets.token_hex(8),
        questions=questions,
        half_life_days=settings.history_half_life,
        session_idle_ms=round(settings.history_session_idle * HOUR_MS),
        guest_key=settings.history_guest_key,
        ledger_days=settings.history_ledger_days,
        activity_days=settings.history_activity_days,
        log_level=settings.log_level,
        log_format=settings.log_format,
    )
