"""All connections of a run: dials them, lets them speak, closes them, adds up what they hear."""

import asyncio
import contextlib
import ssl
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from presence_server.core.close_codes import ABNORMAL
from presence_server.load.connection import Connection, Stage
from presence_server.load.pace import Pace
from presence_server.load.plan import Member, Plan
from presence_server.load.times import Times
from presence_server.load.told import Batch, Memory

PATIENCE_S: Final = 15.0
"""From the dial to the snapshot."""
_TICK_S: Final = 0.01
_CLOSED_AT_ONCE: Final = 100


class Route(NamedTuple):
    """How to get there: an address that answered, and how to speak to it."""

    address: str
    port: int
    tls: ssl.SSLContext | None
    name: str


class Fate(NamedTuple):
    """What became of a connection that did not stay: `refused`, `failed` or `lost`, and how."""

    kind: str
    code: int
    reason: str


class Crowd:
    """The members of a run. What they count here is never set back: take differences."""

    def __init__(self, plan: Plan, route: Route, random: Random) -> None:
        self.plan = plan
        self.memory = Memory()
        self.connections: list[Connection] = []
        self.fates: Counter[Fate] = Counter()
        self.errors: Counter[str] = Counter()
        self.connected = 0
        """How many got in."""
        self.inside = 0
        """How many of those were not lost."""
        self.sent: Counter[str] = Counter()
        """Updates, by room."""
        self.cursors_sent = 0
        self.cursors = 0
        self.bytes = 0
        self.pings = 0
        self.connect = Times()
        self.latency = Times()
        self.cursor_latency = Times()
        self._open: set[Connection] = set()
        self._news = asyncio.Event()
        self.route = route
        self._random = random

    now = staticmethod(time.monotonic)

    # What connections tell

    def admitted(self, connection: Connection) -> None:
        """It has its snapshot."""
        self.connected += 1
        self.inside += 1
        self._news.set()
        self.connect.add(self.now() - connection.dialled_at)

    def delivered(self, batch: Batch, now: float) -> None:
        """It was told these."""
        for at in batch.updates:
            self.latency.add(now - at / 1e6)
        for at in batch.cursors:
            self.cursors += 1
            self.cursor_latency.add(now - at / 1e6)

    def ended(self, connection: Connection, stage: Stage, code: int, reason: str) -> None:
        """It is gone; `stage` is how far it had come."""
        self._open.discard(connection)
        self._news.set()
        if stage is Stage.IN:
            self.inside -= 1
            self.fates[Fate("lost", code, reason)] += 1
        elif stage is not Stage.CLOSING:
            kind = "refused" if code != ABNORMAL else "failed"
            self.fates[Fate(kind, code, reason)] += 1

    # How many

    @property
    def undecided(self) -> int:
        """How many were dialled and are neither in nor gone."""
        return len(self._open) - self.inside

    @property
    def open(self) -> int:
        """How many sockets there are."""
        return len(self._open)

    def deliveries(self) -> int:
        """Updates that the members were told, each of them counted."""
        return sum(connection.deliveries for connection in self.connections)

    def expected(self) -> int:
        """What that should be: each update to all of its room, but for those who are lost."""
        return sum(
            self.sent[connection.member.room_id]
            if connection.stage is Stage.IN
            else connection.deliveries
            for connection in self.connections
        )

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until something about who is in is so, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    await self._news.wait()

    # What they do

    async def dial(self, member: Member, token: str) -> None:
        """Connect one; `admitted` or `ended` tells how that went on."""
        connection = Connection.of(self, member, token)
        self.connections.append(connection)
        self._open.add(connection)
        address, port, tls, name = self.route
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    address,
                    port,
                    ssl=tls,
                    server_hostname=name if tls else None,
                )
        except TimeoutError:
            connection.abort(why="no answer to the dial")
        except OSError as error:
            connection.abort(why=(error.strerror or str(error)).lower())

    async def speak(self, seconds: float, stop: asyncio.Event) -> None:
        """Let everybody send updates and cursors for so long, or until nobody is left."""
        start = self.now()
        end = start + seconds
        count = len(self.connections)
        updates = Pace(count, self.plan.rate, start, end, self._random)
        cursors = Pace(count, self.plan.cursors, start, end, self._random)
        while (now := self.now()) < end and self.inside and not stop.is_set():
            self._take_turns(updates, cursors, now)
            await asyncio.sleep(_TICK_S)
        if not stop.is_set():
            self._take_turns(updates, cursors, end)

    def _take_turns(self, updates: Pace, cursors: Pace, now: float) -> None:
        for number in updates.due(now):
            self._update(self.connections[number])
        for number in cursors.due(now):
            self._move(self.connections[number])

    def _update(self, connection: Connection) -> None:
        if connection.stage is Stage.IN:
            room = connection.member.room_id
            self.sent[room] += 1
            connection.say(
                b'{"type":"presence_update","currentPath":"/bench/%d","data":{"at":%d}}'
                % (self.sent[room] % 1000, self.now() * 1e6)
            )

    def _move(self, connection: Connection) -> None:
        if connection.stage is Stage.IN:
            self.cursors_sent += 1
            x, y = self._random.randrange(1920), self._random.randrange(1080)
            connection.say(
                b'{"type":"cursor_update","cursor":{"x":%d,"y":%d,"at":%d}}'
                % (x, y, self.now() * 1e6)
            )

    def look_after(self) -> None:
        """Give up those who wait too long to get in, ask again for snapshots: each second."""
        now = self.now()
        for connection in [*self._open]:
            if connection.stage is Stage.IN:
                connection.resync_if_due(now)
            elif now - connection.dialled_at > PATIENCE_S and connection.stage is not Stage.CLOSING:
                connection.abort(why=f"no snapshot within {PATIENCE_S:.0f} s")

    async def close(self, patience_s: float) -> None:
        """Close everybody, and wait until the server has agreed; cut who is left after that."""
        end = self.now() + patience_s
        everybody = [*self._open]
        for start in range(0, len(everybody), _CLOSED_AT_ONCE):
            for connection in everybody[start : start + _CLOSED_AT_ONCE]:
                connection.close()
            await asyncio.sleep(_TICK_S)
        await self.until(lambda: not self._open, end - self.now())
        self.abort()

    def abort(self) -> None:
        """Cut everybody."""
        for connection in [*self._open]:
            connection.abort()
