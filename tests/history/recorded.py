"""A small history, and questions about it, answered on a Unix socket as the recorder does."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from presence_server.history import facts
from presence_server.history.api.app import CONNECTIONS, create_api
from presence_server.history.facts import AnyFact
from presence_server.history.fold.rules import Rules
from presence_server.history.store import engine as engines
from presence_server.history.store.database import prepare
from presence_server.history.store.erase import erase_user
from presence_server.history.store.taker import Taker
from tests.support.peer import HOST
from tests.support.server import eventually

Result = TypeVar("Result")

ROOM: Final = "presence-acme"
OTHER: Final = "presence-other"
KIND: Final = "document"
REF: Final = "plan-7"
GUEST: Final = "a guest"
FORMULA: Final = "=HYPERLINK(1)"
DAY: Final = 20_414
"""2025-11-22."""
AT: Final = DAY * 86_400_000 + 43_200_000
AS_OF: Final = AT + 100_000
NOW: Final = AS_OF + 700


def viewing(user: str, tab: int, *, room: str = ROOM, is_guest: bool = False) -> list[AnyFact]:
    """A user looks at version 2 of a document for five seconds."""
    is_in = (room, user, is_guest, tab)
    return [
        facts.Opened(AT, *is_in, role="viewer"),
        facts.Moved(AT, *is_in, role="viewer", kind=KIND, id=REF, version="2", is_away=False),
        facts.Ended(AT + 5_000, *is_in, reason="closed"),
    ]


def fill(engine: Engine) -> None:
    """Ann, a guest, one called as a formula, and one who was erased viewed a document."""
    taker = Taker(engine, Rules(7, 86_400_000, "month"))
    taker.begin("a run")
    happened = [
        *viewing("ann", 1),
        *viewing(GUEST, 2, is_guest=True),
        *viewing(FORMULA, 3),
        *viewing("gone", 4),
        *viewing("bob", 1, room=OTHER),
    ]
    happened.sort(key=lambda fact: fact.at)
    taker.take([facts.Batch("a run", 1, AS_OF, happened)])
    erase_user(engine, ROOM, "gone", AS_OF)


class Writer:
    """One thread that writes, as the recorder has."""

    def __init__(self, address: str) -> None:
        self.engine = engines.writer(address)
        self._thread = ThreadPoolExecutor(1)

    def submit(self, work: Callable[[Engine], Result], /) -> Future[Result]:
        """Have it done."""
        return self._thread.submit(work, self.engine)

    def close(self) -> None:
        """Be done."""
        self._thread.shutdown()
        self.engine.dispose()


class Recorded:
    """A database with that in it, and the application that is asked; a context manager."""

    def __init__(self, address: str) -> None:
        prepare(address)
        self.writer = Writer(address)
        fill(self.writer.engine)
        self.readers = engines.readers(address, CONNECTIONS)
        self.submit: Any = self.writer.submit
        self.now = NOW
        self.app = create_api(self.readers, lambda work, _: self.submit(work), lambda: self.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.readers.dispose()
        self.writer.close()

    def ask(self, path: str, **query: object) -> httpx.Response:
        """What a question is answered, in memory."""
        return ask(self.app, "GET", path, **query)


def ask(app: FastAPI, method: str, path: str, **query: object) -> httpx.Response:
    """What an application answers. Names that Python has already end with `_` here."""
    import asyncio

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://recorder") as client:
            return await client.request(method, f"/v1/history/{path}", params=query)  # type: ignore[arg-type]

    return asyncio.run(asked())


class Served:
    """An application in a thread, on a Unix socket or else on a port; a context manager."""

    def __init__(self, app: Any, path: str = "") -> None:
        self._listening = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listening.bind(path or (HOST, 0))
        self.url = "" if path else f"http://{HOST}:{self._listening.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        sockets = {"sockets": [self._listening]}
        self._thread = threading.Thread(target=self._server.run, kwargs=sockets, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self._listening.close()
