"""One WebSocket, from its opening to its close."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from presence_client.backoff import Backoff
from presence_client.changes import Change
from presence_client.close_codes import ABNORMAL, Closing
from presence_client.dial import DialError, TokenSource, fetch
from presence_client.own_state import OwnState, encode
from presence_client.store import Message, PresenceStore
from presence_client.timing import Timing

_LOG: Final = logging.getLogger("presence_client")

WELCOME_S: Final = 15.0
SEND_S: Final = 15.0


class Link:
    """Reads one connection into the store, and tells the server what the client says of itself.

    You must await `run()` once; it leaves no task behind. The connection stays yours to close.
    """

    def __init__(
        self,
        ws: ClientConnection,
        *,
        store: PresenceStore,
        own: OwnState,
        token: TokenSource,
        timing: Timing,
        on_welcome: Callable[[Message], None],
        on_change: Callable[[Change], None],
    ) -> None:
        self._ws = ws
        self._store = store
        self._own = own
        self._token = token
        self._timing = timing
        self._on_welcome = on_welcome
        self._on_change = on_change
        self._may_speak = False
        self._speaking = asyncio.Lock()
        self._chores: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> Closing:
        """Read until the connection ends, or nobody welcomes us; return how it did."""
        try:
            async with self._timing.timeout(WELCOME_S) as patience:
                while True:
                    await self._receive(await self._ws.recv(), patience)
        except ConnectionClosed as closed:
            got = closed.rcvd
            return Closing(got.code, got.reason) if got else Closing(ABNORMAL, "connection lost")
        except TimeoutError:
            return Closing(ABNORMAL, "no welcome in time")
        finally:
            self._may_speak = False
            await self._drop_chores()

    async def flush(self) -> None:
        """Send what is owed of our own state, in order. Before the welcome nothing is sent."""
        async with self._speaking:
            while self._may_speak and (message := self._own.take(self._timing.now())):
                await self._send(message)

    async def _receive(self, frame: str | bytes, patience: asyncio.Timeout) -> None:
        message = _decode(frame)
        was_lost = self._store.resync_at is not None
        change = self._store.receive(message, self._timing.now())
        if change is not None:
            self._on_change(change)
        if self._store.resync_at is not None and not was_lost:
            self._start("resync", self._resync())
        match message.get("type"):
            case "welcome":
                patience.reschedule(None)
                await self._welcomed(message)
            case "token_refresh_required" if callable(self._token):
                self._start("token", self._refresh_token())
            case "error":
                await self._take_error(message)

    async def _welcomed(self, message: Message) -> None:
        self._on_welcome(message)
        self._own.owe_all()
        self._may_speak = message.get("observe") is not True
        await self.flush()

    async def _take_error(self, message: Message) -> None:
        _LOG.warning("the server says: %s %s", message.get("code"), message.get("message"))
        if message.get("code") == "token_mismatch":  # we are somebody else by now
            await self._ws.close(reason="token_mismatch")

    async def _resync(self) -> None:
        while (at := self._store.resync_at) is not None:
            if self._store.due(self._timing.now()):
                await self._send({"type": "resync"})
            else:
                await self._timing.sleep(at - self._timing.now())

    async def _refresh_token(self) -> None:
        """Send a new token as soon as there is one; until then the old one runs on."""
        backoff = Backoff(self._timing.uniform)
        while True:
            try:
                token = await fetch(self._token, self._timing)
            except DialError as error:
                delay = backoff.next()
                _LOG.info("%s; trying again in %.1f s", error, delay, exc_info=True)
                await self._timing.sleep(delay)
            else:
                await self._send({"type": "token_refresh", "token": token})
                return

    async def _send(self, message: Message) -> None:
        """Send, or do nothing on a connection that is gone: `run` is told of that itself."""
        try:
            async with self._timing.timeout(SEND_S):
                await self._ws.send(encode(message))
        except ConnectionClosed:
            self._may_speak = False
        except TimeoutError:  # a full buffer keeps the keepalive from finding out
            self._may_speak = False
            self._ws.transport.abort()

    def _start(self, name: str, chore: Coroutine[Any, Any, None]) -> None:
        """Do something beside the reading; it takes the place of an earlier one of that name."""
        if name in self._chores:
            self._chores[name].cancel()
        self._chores[name] = asyncio.create_task(chore)

    async def _drop_chores(self) -> None:
        for chore in self._chores.values():
            chore.cancel()
        if self._chores:
            await asyncio.wait(self._chores.values())


def _decode(frame: str | bytes) -> Message:
    """The message of a frame; an empty one, which means nothing to anybody, for anything else."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
