"""The gateway: all its parts put together, and its connections from first to last."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from websockets.http11 import Request, Response

from presence_server.core.close_codes import Close
from presence_server.core.errors import Limit, Refused, too_many
from presence_server.core.room import Room
from presence_server.gateway.attempts import FailedAttempts
from presence_server.gateway.connection import Connection
from presence_server.gateway.deflate import agreement
from presence_server.gateway.door import Door, Ticket
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.http import Handler, Site
from presence_server.gateway.ports import Listener
from presence_server.gateway.rooms import Rooms
from presence_server.gateway.session import Context, Session
from presence_server.gateway.upgrade import Upgrade
from presence_server.gateway.wheel import Wheel

HOLD_MIN_S: Final = 1.0
HOLD_MAX_S: Final = 3.0

_REASONS: Final = {
    Close.BAD_REQUEST: "address",
    Close.FORBIDDEN: "forbidden",
    Close.NO_SUCH_PARTY: "party",
    Close.REMOVED: "removed",
    Close.RESTART: "draining",
}


class Gateway:
    """Where sockets become members of rooms."""

    def __init__(
        self,
        context: Context,
        handlers: Mapping[str, Handler] | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.context = context
        self.wheel = Wheel(context.scheduler, context.clocks.monotonic)
        self.rooms = Rooms(context.options.room, self._new_fanout, context.clocks, listeners)
        self._on_empty: Callable[[], object] | None = None
        self._door = Door(context.verifier, context.options.allowed_origins)
        self._site = Site(handlers or {})
        self._attempts = FailedAttempts()
        self._connections: set[Connection] = set()
        context.metrics.watch(
            connections=lambda: len(self._connections),
            users=self.rooms.user_count,
            rooms=lambda: len(self.rooms),
        )

    def __len__(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    def connection(self) -> Connection:
        """The protocol for a new socket: a factory for `loop.create_server`."""
        return Connection(self)

    def drain(self, spread_s: float, on_empty: Callable[[], object]) -> None:
        """Admit nobody, and cut those who are not in yet; close every room with 1012, one by one
        within `spread_s`, all of a room in one turn; call `on_empty` when the last socket is gone.
        """
        self._on_empty = on_empty
        for connection in [*self._connections]:
            if connection.session is None:
                connection.outbox.transport.abort()
        room_ids = self.rooms.ids()
        for number, room_id in enumerate(room_ids):
            delay = spread_s * number / len(room_ids)
            self.context.scheduler.call_later(delay, self.rooms.drain, room_id)
        if not self._connections:
            on_empty()

    def abort(self) -> None:
        """Cut every socket that is still open."""
        for connection in [*self._connections]:
            connection.outbox.transport.abort()

    # What connections ask

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._connections.add(connection)

    def lost(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        if self._on_empty is not None and not self._connections:
            self._on_empty()

    def respond(self, request: Request) -> Response | None:
        """The answer to a request that is no upgrade; None for an upgrade."""
        return None if "Upgrade" in request.headers else self._site.respond(request)

    def agree_on(self, extensions: str | None) -> str | None:
        """The extensions to agree on of those that are offered: compression, if it is on."""
        return agreement(extensions) if self.context.options.compression else None

    def admit(self, connection: Connection, upgrade: Upgrade) -> Session:
        """Seat an upgraded connection.

        Raises:
            Refused: if it may not come in, or there is no place.

        """
        if self._on_empty is not None:
            raise Refused(Close.RESTART, "server is restarting")
        ticket = self._door.check(upgrade, self.context.clocks.wall())
        if len(self._connections) > self.context.options.max_connections:
            self._check_takeover(ticket)
        session = self._seat(connection, ticket)
        self.context.metrics.accepted.inc()
        return session

    def refusal_delay(self, connection: Connection, refused: Refused) -> float:
        """Seconds to hold the closing of a refused connection; counts the refusal.

        Only failed authentications are slowed, and only they: a valid token from the same address
        is never affected.
        """
        metrics, clocks = self.context.metrics, self.context.clocks
        if refused.code is not Close.UNAUTHORIZED:
            metrics.refused.labels(refused.limit or _REASONS[refused.code]).inc()
            return 0.0
        metrics.refused.labels(refused.reason).inc()
        if not self._attempts.is_too_many(connection.peer(), clocks.monotonic()):
            return 0.0
        metrics.refusals_held.inc()
        return HOLD_MIN_S + (HOLD_MAX_S - HOLD_MIN_S) * clocks.random()

    # How

    def _seat(self, connection: Connection, ticket: Ticket) -> Session:
        live = self.rooms.get(ticket.room_id)
        connection_id = ticket.connection_id or self.context.clocks.new_id()
        seat, events, replaced = live.join(connection, ticket.claims.identity, connection_id)
        session = Session(connection, live, seat, self.context)
        held = {}
        if replaced is not None:
            old = replaced.holder
            assert isinstance(old, Connection)  # noqa: S101 - what `join` was given
            assert old.session is not None  # noqa: S101 - it had a seat
            held = old.session.give_up_held()
            old.dismiss(Close.TAKEN_OVER, "taken over by the same connection id")
        live.publish(events)
        session.start(ticket.claims)
        session.inherit(held)
        return session

    def _check_takeover(self, ticket: Ticket) -> None:
        """At the limit only those come in whose old connection goes."""
        room = self.rooms.get(ticket.room_id)
        user_id, connection_id = ticket.claims.identity.user_id, ticket.connection_id
        is_known = connection_id and room.room.find(user_id, connection_id)
        room.forget_if_empty()
        if not is_known:
            raise too_many(Limit.CONNECTIONS)

    def _new_fanout(self, room: Room) -> Fanout:
        context = self.context
        return Fanout(
            room, context.options.buffer_limit, context.scheduler, context.clocks, context.metrics
        )
