"""One member on its socket: upgrades, answers pings, keeps its account."""

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, cast

from websockets.utils import generate_key

from presence_server.core.close_codes import ABNORMAL, Close
from presence_server.load import told, wire
from presence_server.load.account import Account
from presence_server.load.plan import Member
from presence_server.load.told import Batch, Message

if TYPE_CHECKING:
    from presence_server.load.crowd import Crowd

NORMAL: Final = 1000
RESYNC: Final = b'{"type":"resync"}'


class Stage(Enum):
    """How far a connection has come."""

    DIALLING = auto()
    UPGRADED = auto()
    IN = auto()
    CLOSING = auto()
    GONE = auto()


class Connection(asyncio.Protocol):
    """A member's connection; `crowd` hears what becomes of it."""

    def __init__(self, crowd: "Crowd", member: Member, request: bytes, key: str) -> None:
        self.member = member
        self.account = Account()
        self.deliveries = 0
        """Updates of members, its own included, that it was told."""
        self.stage = Stage.DIALLING
        self.dialled_at = crowd.now()
        self._crowd = crowd
        self._request = request
        self._key = key
        self._rest = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    def of(cls, crowd: "Crowd", member: Member, token: str) -> "Connection":
        """A connection that is about to be dialled."""
        key, target = generate_key(), crowd.plan.request_target(member)
        return cls(
            crowd, member, wire.request(crowd.plan.target.authority, target, key, token), key
        )

    # What it does

    def say(self, payload: bytes) -> None:
        """Send a message."""
        self._write(wire.text(payload))

    def resync_if_due(self, now: float) -> None:
        """Ask for a snapshot where one is missing."""
        if self.account.must_ask(now):
            self.say(RESYNC)

    def close(self) -> None:
        """Say goodbye: the server's Close ends it."""
        if self.stage in (Stage.IN, Stage.UPGRADED):
            self.stage = Stage.CLOSING
            self._write(wire.close(NORMAL))
        else:
            self.abort()

    def abort(self, code: int = ABNORMAL, why: str = "") -> None:
        """Cut it; without a reason that is no fault of the server's."""
        if not why:
            self.stage = Stage.CLOSING
        self._end(code, why)
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # What it hears

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        if self.stage is Stage.GONE:
            self._transport.abort()
        else:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Read what comes; mostly it is a chunk that another member was told, too."""
        self._crowd.bytes += len(data)
        try:
            if self.stage is Stage.IN and not self._rest:
                batch = self._crowd.memory.batch(data)
                if batch is not None:
                    self._events(batch)
                    return
            if self.stage is not Stage.GONE:
                self._rest += data
                self._read()
        except wire.NotWebSocket as error:
            self.abort(Close.PROTOCOL_ERROR, str(error))

    def _read(self) -> None:
        if self.stage is Stage.DIALLING:
            start = wire.end_of_answer(self._rest, self._key)
            if not start:
                return
            self.stage = Stage.UPGRADED
            del self._rest[:start]
        frames, end = wire.cut(self._rest)
        del self._rest[:end]
        pings = [payload for first, payload in frames if first == wire.PING]
        if pings:  # the latest stands for all (RFC 6455, 5.5.3)
            self._crowd.pings += len(pings)
            self._write(wire.pong(pings[-1]))
        for first, payload in frames:
            self._frame(first, payload)

    def _frame(self, first: int, payload: bytes) -> None:
        if first == wire.CLOSE:
            self._closed(*wire.read_close(payload))
        elif first == wire.TEXT and self.stage in (Stage.UPGRADED, Stage.IN):
            self._message(told.read(payload))

    def _message(self, message: Message) -> None:
        if message.type in told.NUMBERED:
            self._events(Batch(message.seq, message.seq, tuple(told.stamps([message])), ()))
        elif message.type == "cursor_changed" and message.cursor is not None:
            self._events(Batch(0, 0, (), (message.cursor.at,)))
        elif message.type == "presence_snapshot":
            self.account.snapshot(message.seq)
            if self.stage is Stage.UPGRADED:
                self.stage = Stage.IN
                self._crowd.admitted(self)
        elif message.type == "error":
            self._crowd.errors[message.code] += 1

    def _events(self, batch: Batch) -> None:
        now = self._crowd.now()
        if self.account.take(batch, now):
            self.deliveries += len(batch.updates)
            self._crowd.delivered(batch, now)
        else:
            self.resync_if_due(now)

    # How it ends

    def _closed(self, code: int, reason: str) -> None:
        if self.stage is not Stage.CLOSING:
            self._write(wire.close(NORMAL))
            self._end(code, reason)
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._end(ABNORMAL, "reset" if isinstance(exc, OSError) else "hung up without a Close")

    def _end(self, code: int, reason: str) -> None:
        stage, self.stage = self.stage, Stage.GONE
        self._rest.clear()
        if stage is not Stage.GONE:
            self._crowd.ended(self, stage, code, reason)
