"""The gateway: all its parts put together, and its connections from first to last."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from websockets.http11 import Request, Response

from presence_server.core.close_codes import Close
from presence_server.core.errors import KeyUnknown, Limit, Refused, too_many
from presence_server.core.room import Room
from presence_server.gateway.addresses import Addresses
from presence_server.gateway.connection import Connection
from presence_server.gateway.deflate import agreement
from presence_server.gateway.door import Door, Ticket
from presence_server.gateway.drain import drain
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.http import Handler, Site
from presence_server.gateway.lag import LoopLag
from presence_server.gateway.ports import Listener, Options
from presence_server.gateway.rooms import Rooms
from presence_server.gateway.session import Context, Session
from presence_server.gateway.upgrade import Upgrade
from presence_server.gateway.wheel import Wheel

_LOG: Final = logging.getLogger("presence_server")

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
        self._door = Door(context.verifier, context.options.allowed_origins, self.rooms.removals)
        self._site = Site(handlers or {})
        self.lag = LoopLag()
        self._addresses = Addresses()
        self._is_full = False
        self._inside = 0
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
        """Admit nobody, and cut those who are not in yet; close everybody with 1012, room after
        room within `spread_s`; call `on_empty` when the last socket is gone.
        """
        self._on_empty = on_empty
        for connection in [*self._connections]:
            if connection.session is None:
                connection.outbox.transport.abort()
        drain(self.rooms.live(), spread_s, self.context.scheduler)
        if not self._connections:
            on_empty()

    def reconfigure(self, options: Options) -> None:
        """Let other options hold: limits for everybody, the rest for those who come from now on."""
        self.context = self.context._replace(options=options)
        self.rooms.limit(options.room)
        self._door = Door(self.context.verifier, options.allowed_origins, self.rooms.removals)

    def abort(self) -> None:
        """Cut every socket that is still open."""
        for connection in [*self._connections]:
            connection.outbox.transport.abort()

    # What connections ask

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._connections.add(connection)
        options = self.context.options
        if len(self._connections) > options.max_sockets:
            # Even to refuse it properly needs the descriptor that the admin listener may need.
            self.context.metrics.refused.labels(Limit.DESCRIPTORS).inc()
            connection.outbox.transport.abort()
            self._say_full(is_full=True)
        elif self._addresses.matter(options) and not self._addresses.accept(
            connection, connection.peer(), options
        ):
            self.context.metrics.refused.labels(Limit.ADDRESS_CONNECTIONS).inc()
            connection.outbox.transport.abort()

    def lost(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        self._inside -= connection.session is not None
        self._addresses.leave(connection)
        if self._is_full and len(self._connections) < self.context.options.max_connections:
            self._say_full(is_full=False)
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
            KeyUnknown: if that can't be said yet.

        """
        if self._on_empty is not None:
            raise Refused(Close.RESTART, "server is restarting")
        options, now = self.context.options, self.context.clocks.monotonic()
        if options.overload_lag and self.lag.seen_at(now) > options.overload_lag:
            raise too_many(Limit.OVERLOAD)
        if self._addresses.matter(options):
            peer = connection.peer()
            self._addresses.arrive(connection, peer, upgrade.forwarded_for, options, now)
        try:
            ticket = self._door.check(upgrade, self.context.clocks.wall())
        except KeyUnknown:
            self._check_may_wait(connection)
            raise
        limit = self._exceeded(connection, ticket)
        if limit is not None and not self._is_takeover(ticket):
            raise too_many(limit)
        session = self._seat(connection, ticket)
        self._addresses.enter(connection)
        self._inside += 1
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
        if not self._addresses.is_failing(connection, connection.peer(), clocks.monotonic()):
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
        session.start(ticket.claims, counts=ticket.counts)
        session.inherit(held)
        return session

    def _say_full(self, *, is_full: bool) -> None:
        """Tell the log once when the sockets run out, and once when there are some again."""
        if is_full is not self._is_full:
            says = (
                "no sockets are left: newcomers are cut" if is_full else "there are sockets again"
            )
            _LOG.warning("%s (%d are open)", says, len(self._connections))
        self._is_full = is_full

    def _exceeded(self, connection: Connection, ticket: Ticket) -> Limit | None:
        """The limit of the whole server that a connection is beyond, if any."""
        options = self.context.options
        if self._inside >= options.max_connections:
            return Limit.CONNECTIONS
        if self.rooms.census.of(ticket.claims.identity.user_id) >= options.user_total:
            return Limit.USER_TOTAL
        if self._addresses.is_crowded(connection, options):
            return Limit.ADDRESS_CONNECTIONS
        return None

    def _check_may_wait(self, connection: Connection) -> None:
        """Let strangers wait for a key only where sockets, and those of their address, are left.

        Raises:
            Refused: if not.

        """
        options = self.context.options
        if len(self._connections) > options.max_connections:
            raise too_many(Limit.CONNECTIONS)
        if self._addresses.is_crowded(connection, options):
            raise too_many(Limit.ADDRESS_CONNECTIONS)

    def _is_takeover(self, ticket: Ticket) -> bool:
        """Whether an old connection goes for this one: then no limit is exceeded."""
        room = self.rooms.get(ticket.room_id)
        user_id, connection_id = ticket.claims.identity.user_id, ticket.connection_id
        old = room.room.find(user_id, connection_id) if connection_id else None
        room.forget_if_empty()
        return old is not None

    def _new_fanout(self, room: Room) -> Fanout:
        context = self.context
        return Fanout(
            room, context.options.buffer_limit, context.scheduler, context.clocks, context.metrics
        )
