"""The whole gateway in memory, and clients that speak real WebSocket bytes to it."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from presence_client.store import PresenceStore
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from presence_server.core.claims import Expected
from presence_server.core.clocks import Clocks
from presence_server.core.room import RoomLimits
from presence_server.gateway.gateway import Gateway
from presence_server.gateway.http import Handler
from presence_server.gateway.keys import secret_key
from presence_server.gateway.ports import Listener, Options
from presence_server.gateway.session import Context
from presence_server.gateway.tokens import JwtVerifier
from presence_server.metrics import Metrics
from tests.support.loop import FakeLoop
from tests.support.transport import FakeTransport

SECRET = "a-secret-for-tests,-of-forty-eight-bytes,-no-less"
ROOM = "presence-acme"
EPOCH = 1_800_000_000.0

OPTIONS = Options(
    room=RoomLimits(members=1_000, connections_per_user=8, connections=20_000),
    max_connections=10_000,
    max_sockets=20_000,
    user_total=1_000,
    address_connections=0,
    address_attempts=0,
    trusted_proxies=(),
    overload_lag=0.0,
    max_message=16_384,
    buffer_limit=65_536,
    ping_interval=10.0,
    pong_timeout=15.0,
    handshake_timeout=10.0,
    close_timeout=5.0,
    leave_grace=0.0,
    rate=100.0,
    burst=200.0,
    allowed_origins=("*",),
    compression=False,
    log_connections="none",
)


class World:
    """One gateway, one clock. `wall_offset` moves the wall clock alone."""

    def __init__(
        self,
        options: Options = OPTIONS,
        *,
        seed: int = 1,
        listeners: Sequence[Listener] = (),
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        self.loop = FakeLoop()
        self.wall_offset = EPOCH - self.loop.now
        self.random = random.Random(seed)
        self.clocks = Clocks(
            monotonic=self.loop.time,
            wall=self.wall,
            stopwatch=self.loop.time,
            random=self.random.random,
            new_id=lambda: f"generated-{self.random.randrange(10**9)}",
        )
        self.metrics = Metrics()
        verifier = JwtVerifier([secret_key(SECRET)], Expected())
        context = Context(options, self.clocks, self.loop, verifier, self.metrics)
        self.gateway = Gateway(context, handlers, listeners)
        self.clients: list[Client] = []

    def wall(self) -> float:
        """UTC seconds."""
        return self.loop.now + self.wall_offset

    def token(self, user: str, *, ttl: float = 3600, **claims: Any) -> str:
        """A token for `ROOM`, valid for `ttl` seconds from now; claims replace or add."""
        now = int(self.wall())
        payload = {"sub": user, "room": ROOM, "exp": int(now + ttl), **claims}
        return jwt.encode(payload, SECRET, algorithm="HS256")

    def dial(
        self,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        peer: str = "127.0.0.1",
        deflate: bool = False,
    ) -> "Client":
        """Open a connection and send an upgrade request for `target`, whatever it is."""
        client = Client(self, target, headers or {}, peer, deflate=deflate)
        self.clients.append(client)
        return client

    def join(
        self,
        user: str,
        pk: str | None = None,
        *,
        room: str = ROOM,
        settle: bool = True,
        deflate: bool = False,
        members: str | None = None,
        **claims: Any,
    ) -> "Client":
        """Dial as `user` with a fresh token; `settle` lets the loop turn afterwards.

        `deflate` offers compression, and compresses what is sent if it is agreed on; `members` is
        what the address says of them.
        """
        query = {"_pk": pk or f"pk-{user}", "token": self.token(user, **claims)}
        if members is not None:
            query["members"] = members
        target = f"/parties/presence/{quote(room, safe='')}?{urlencode(query)}"
        client = self.dial(target, deflate=deflate)
        client.user = user
        if settle:
            self.settle()
        return client

    def settle(self) -> None:
        """Let the loop come to rest, flushes that gather included."""
        self.loop.advance(0.02)

    def users(self, room: str = ROOM) -> dict[str, Any]:
        """The room's own map: what every client should hold."""
        entries = self.gateway.rooms.entries(room)
        return {entry["userId"]: entry for entry in json.loads(entries or b"[]")}


class Client:
    """One socket to the gateway: a WebSocket client, its messages, and the map it makes of them.

    It answers pings and closes, as a browser does, unless `is_silent`.
    """

    def __init__(
        self,
        world: World,
        target: str,
        headers: Mapping[str, str],
        peer: str,
        *,
        deflate: bool = False,
    ) -> None:
        self.world = world
        self.user = ""
        self.messages: list[dict[str, Any]] = []
        self.store = PresenceStore()
        self.is_silent = False
        self.raw = bytearray()
        self.response: Response | None = None
        self._fragments = bytearray()
        offers = [ClientPerMessageDeflateFactory()] if deflate else None
        uri = parse_uri(f"ws://presence.test{target}")
        self._ws = ClientProtocol(uri, extensions=offers, max_size=None)
        self.transport = FakeTransport(world.loop, self._receive, self._hang_up, peer)
        self.connection = world.gateway.connection()
        self.transport.attach(self.connection)
        request = self._ws.connect()
        request.headers.update(headers)
        self._ws.send_request(request)
        self._flush()

    # What it says

    def send(self, message: object) -> None:
        """Send a message as JSON, or a string as it is."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        self.send_frame(Frame(Opcode.TEXT, text.encode()))

    def send_frame(self, frame: Frame) -> None:
        """Send any frame."""
        self.transport.send(frame.serialize(mask=True, extensions=self._ws.extensions))

    def send_raw(self, data: bytes) -> None:
        """Send any bytes."""
        self.transport.send(data)

    def update(self, path: str, **fields: Any) -> None:
        """Send a `presence_update`."""
        self.send({"type": "presence_update", "currentPath": path, **fields})

    def point(self, cursor: object) -> None:
        """Send a `cursor_update`."""
        self.send({"type": "cursor_update", "cursor": cursor})

    def mark(self, status: str, **fields: Any) -> None:
        """Send a `status_update`."""
        self.send({"type": "status_update", "status": status, **fields})

    def close(self, code: int = 1000) -> None:
        """Close as a browser does: without a handshake behind it, by hanging up."""
        if self._ws.state is OPEN:
            self._ws.send_close(code)
            self._flush()
        else:
            self.vanish()

    def vanish(self) -> None:
        """Be gone for TCP too, without a Close."""
        self.transport.lose()

    # What it saw

    @property
    def users(self) -> dict[str, Any]:
        """The map that it holds."""
        return dict(self.store.members)

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason of the Close frame that it got."""
        close = self._ws.close_rcvd
        return None if close is None else (close.code, close.reason)

    def types(self) -> list[str]:
        """The types of all messages so far."""
        return [message["type"] for message in self.messages]

    @property
    def is_gone(self) -> bool:
        """Whether its socket is closed."""
        return self.transport.is_lost

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last time."""
        taken, self.messages = self.messages, []
        return taken

    def errors(self) -> list[tuple[str, str | None]]:
        """Code and type of every error so far."""
        return [(m["code"], m.get("of")) for m in self.messages if m["type"] == "error"]

    # How

    def _receive(self, data: bytes) -> None:
        self.raw += data
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame):
                self._take(event)
        if not self.is_silent:
            self._flush()
        else:
            self._ws.data_to_send()

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments += frame.data
            if frame.fin:
                message = json.loads(bytes(self._fragments))
                self._fragments.clear()
                self.messages.append(message)
                self.store.receive(message, self.world.loop.now)
                self._resync_if_due()

    def _resync_if_due(self) -> None:
        if self.store.due(self.world.loop.now):
            self.world.loop.call_soon(self.send, {"type": "resync"})

    def _hang_up(self) -> None:
        if not self.is_silent:
            self.world.loop.call_soon(self.transport.lose)

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self.world.loop.call_soon(self.transport.send, data)
