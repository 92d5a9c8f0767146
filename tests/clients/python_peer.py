"""A scripted peer for the Python client, and a clock for it.

The peer is a plain WebSocket server; each connection plays the next script. Time is the test's own:
nothing here waits for a clock.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from presence_client import PresenceClient, Timing
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]
Script = Callable[["Call"], Awaitable[None]]

PEER_LOG = logging.getLogger("peer")
PEER_LOG.setLevel(logging.WARNING)  # only what the client itself logs is looked at
SOON_S = 10  # what should happen, happens long before this; a test that gets here has failed


@dataclass
class Clock:
    """Time that moves when somebody sleeps, or not before `release()` where `holding`."""

    time: float = 1000.0
    holding: bool = False
    sleeps: list[float] = field(default_factory=list)
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    patience: list[tuple[float, asyncio.Timeout]] = field(default_factory=list)

    def timing(self) -> Timing:
        return Timing(
            now=lambda: self.time,
            sleep=self.sleep,
            timeout=self.timeout,
            uniform=lambda _low, high: high,
        )

    def timeout(self, delay: float) -> asyncio.Timeout:
        """Patience that `lose_patience` ends, and nothing else within a test."""
        timeout = asyncio.timeout(3_600)
        self.patience.append((delay, timeout))
        return timeout

    def lose_patience(self) -> float:
        """Let the latest timeout run out; how long it would have been."""
        delay, timeout = self.patience[-1]
        timeout.reschedule(0)
        return delay

    async def sleep(self, delay: float) -> None:
        self.sleeps.append(delay)
        if self.holding:
            await self.permits.acquire()
        self.time += delay
        await asyncio.sleep(0)

    def release(self) -> None:
        self.permits.release()


@dataclass
class Call:
    """One connection, as the peer sees it."""

    ws: ServerConnection
    path: str
    query: dict[str, list[str]]
    closed_with: int | None = None

    async def send(self, *messages: Json) -> None:
        for message in messages:
            await self.ws.send(json.dumps(message))

    async def receive(self, count: int = 1) -> list[Json]:
        return [json.loads(await self.ws.recv()) for _ in range(count)]

    async def drop(self) -> None:
        """End without a Close frame."""
        self.ws.transport.abort()
        await self.ws.wait_closed()


@dataclass
class Peer:
    url: str
    calls: list[Call]

    def tokens(self) -> list[str]:
        return [call.query["token"][0] for call in self.calls]


@asynccontextmanager
async def peer(*scripts: Script) -> AsyncIterator[Peer]:
    """A server whose nth connection plays the nth script; one too many is refused for good."""
    calls: list[Call] = []
    faults: list[Exception] = []

    async def play(ws: ServerConnection) -> None:
        assert ws.request is not None
        parts = urlsplit(ws.request.path)
        call = Call(ws, parts.path, parse_qs(parts.query))
        calls.append(call)
        script = scripts[len(calls) - 1] if len(calls) <= len(scripts) else closes(4410)
        try:
            await script(call)
        except ConnectionClosed:
            pass
        except Exception as fault:  # noqa: BLE001 - raised below, where the test sees it
            faults.append(fault)
        finally:
            await ws.wait_closed()
            call.closed_with = ws.close_code

    async with asyncio.timeout(SOON_S), serve(play, "127.0.0.1", 0, logger=PEER_LOG) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Peer(f"ws://127.0.0.1:{port}", calls)
    assert not faults, faults


def closes(code: int, reason: str = "") -> Script:
    async def script(call: Call) -> None:
        await call.ws.close(code, reason)

    return script


def admits(*users: Json, then: Script | None = None, seq: int = 0, **welcome: Any) -> Script:
    """Welcome, a snapshot, and whatever follows; stays open unless told otherwise."""

    async def script(call: Call) -> None:
        await call.send(WELCOME | welcome, snapshot(seq, *users))
        await (then or stays)(call)

    return script


async def stays(call: Call) -> None:
    await call.ws.wait_closed()


async def drops(call: Call) -> None:
    await call.drop()


def hears(heard: list[Json], count: int, done: asyncio.Event) -> Script:
    async def script(call: Call) -> None:
        heard.extend(await call.receive(count))
        done.set()
        await call.ws.wait_closed()

    return script


WELCOME: Json = {"type": "welcome", "version": 1, "userId": "me", "observe": False}


def entry(user_id: str, **fields: Any) -> Json:
    return {"userId": user_id, "currentPath": "/"} | fields


def snapshot(seq: int, *users: Json) -> Json:
    return {"type": "presence_snapshot", "users": list(users), "seq": seq}


def joined(seq: int, user_id: str) -> Json:
    return {"type": "user_joined", "seq": seq} | entry(user_id)


def client(peer: Peer, clock: Clock | None = None, **options: Any) -> PresenceClient:
    defaults: Json = {"room": "r", "token": "t", "timing": (clock or Clock()).timing()}
    return PresenceClient(peer.url, **defaults | options)


def numbered() -> Callable[[], str]:
    """Tokens t1, t2, …: a new one for each call."""
    count = iter(range(1, 100))
    return lambda: f"t{next(count)}"


async def until(condition: Callable[[], bool]) -> None:
    """Come back when something is so; `peer` gives up on it in the end."""
    while not condition():  # noqa: ASYNC110 - what it waits for is state, which sets no event
        await asyncio.sleep(0.001)
