"""The gateway: all its parts put together, and its connections from first to last."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from websockets.http11 import Request, Response

from presence_server.core.close_codes import ABNORMAL, Close
from presence_server.core.errors import KeyUnknown, Limit, Refused, too_many
from presence_server.core.room import Room
from presence_server.core.seats import Seat
from presence_server.gateway.addresses import Addresses
from presence_server.gateway.connection import Connection
from presence_server.gateway.deflate import agreement
from presence_server.gateway.door import Door, Ticket
from presence_server.gateway.drain import drain
from presence_server.gateway.fanout import Fanout
from presence_server.gateway.http import Handler, Site
from presence_server.gateway.journal import Journal
from presence_server.gateway.lag import LoopLag
from presence_server.gateway.ports import Listener, Options
from presence_server.gateway.rooms import Rooms, dismiss
from presence_server.gateway.session import Context, Session
from presence_server.gateway.upgrade import Upgrade
from presence_server.gateway.wheel import Wheel

HOLD_MIN_S: Final = 1.0
HOLD_MAX_S: Final = 3.0

_REASONS: Final = {
    Close.BAD_REQUEST: "path",
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
        self.lag = LoopLag()
        self._addresses = Addresses()
        self._journal = Journal()
        self._inside = 0
        self._connections: set[Connection] = set()
        context.metrics.watch(
            connections=lambda: len(self._connections),
            max_connections=lambda: self.context.options.max_connections,
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
        self._door = Door(self.context.verifier, options.allowed_origins)

    def abort(self) -> None:
        """Cut every socket that is still open; who still has a seat is told nothing any more."""
        for live in self.rooms.live():
            live.silence()
            for seat in live.room.seats():
                _session_on(seat).end("server_stopped")
        for connection in [*self._connections]:
            connection.outbox.transport.abort()

    # What connections ask

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._connections.add(connection)
        options = self.context.options
        if len(self._connections) > options.max_sockets:
            # Even to refuse it properly needs the descriptor that the admin listener may need.
            self._turn_away(connection, Limit.DESCRIPTORS)
            connection.outbox.transport.abort()
            self._journal.no_sockets(len(self._connections))
        elif self._addresses.matter(options) and not self._addresses.accept(
            connection, connection.peer(), options
        ):
            self._turn_away(connection, Limit.ADDRESS_CONNECTIONS)
            connection.outbox.transport.abort()

    def lost(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        self._inside -= connection.session is not None
        self._addresses.leave(connection)
        self._journal.socket_closed(len(self._connections), self.context.options)
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
            self._journal.forwarded(peer, upgrade, options, now)
            self._addresses.arrive(connection, peer, upgrade.forwarded_for, options, now)
        try:
            ticket = self._door.check(upgrade, self.context.clocks.wall())
        except KeyUnknown:
            self._check_may_wait(connection)
            raise
        try:
            session = self._let_in(connection, ticket)
        except Refused as refused:
            why = refused.limit or _REASONS[refused.code]
            self.rooms.refused(ticket.room_id, ticket.claims.identity, why)
            raise
        self._addresses.enter(connection)
        self._inside += 1
        self.context.metrics.accepted.inc()
        self._journal.entered(connection, options, now)
        return session

    def ended(self, connection: Connection, code: int) -> None:
        """A connection gives up its seat, if it has one: a Close came or went, or it was lost."""
        session = connection.session
        if session is not None or code != ABNORMAL:
            self.context.metrics.count_close(code)
        if session is not None:
            now = self.context.clocks.monotonic()
            self._journal.ended(connection, session, code, self.context.options, now)

    def never_asked(self, connection: Connection) -> None:
        """The request of a connection did not come to an end in time."""
        self._turn_away(connection, "handshake")

    def not_secured(self, connection: Connection, why: str) -> None:
        """A connection and we did not agree on TLS, or it spoke none."""
        self.context.metrics.refused.labels("tls").inc()
        self._journal.refused(f"tls: {why}", connection.peer, self.context.options)

    def refusal_delay(
        self, connection: Connection, refused: Refused, upgrade: Upgrade | None
    ) -> float:
        """Seconds to hold the closing of a refused connection; counts the refusal.

        Only failed authentications are slowed, and only they: a valid token from the same address
        is never affected.
        """
        metrics, clocks = self.context.metrics, self.context.clocks
        if refused.code is not Close.UNAUTHORIZED:
            reason = refused.limit or _REASONS[refused.code]
            self._turn_away(connection, reason, refused, upgrade)
            return 0.0
        self._turn_away(connection, refused.reason, refused, upgrade)
        if not self._addresses.is_failing(connection, connection.peer(), clocks.monotonic()):
            return 0.0
        metrics.refusals_held.inc()
        return HOLD_MIN_S + (HOLD_MAX_S - HOLD_MIN_S) * clocks.random()

    # How

    def _let_in(self, connection: Connection, ticket: Ticket) -> Session:
        """Seat a connection whose ticket is good, unless a removal or a limit is in its way."""
        claims = ticket.claims
        user_id, issued_at = claims.identity.user_id, claims.issued_at
        if self.rooms.removals.refuses(ticket.room_id, user_id, issued_at):
            raise Refused(Close.REMOVED, "token is from before a removal")
        limit = self._exceeded(connection, ticket)
        if limit is not None and not self._is_takeover(ticket):
            raise too_many(limit)
        return self._seat(connection, ticket)

    def _seat(self, connection: Connection, ticket: Ticket) -> Session:
        live = self.rooms.get(ticket.room_id)
        connection_id = ticket.connection_id or self.context.clocks.new_id()
        seat, events, replaced = live.join(connection, ticket.claims.identity, connection_id)
        session = Session(connection, live, seat, self.context)
        held = {}
        if replaced is not None:
            held = _session_on(replaced).give_up_held()
            dismiss([replaced], Close.TAKEN_OVER, "taken over by the same connection id")
        live.publish(events)
        session.start(ticket.claims, counts=ticket.counts)
        session.inherit(held)
        return session

    def _turn_away(
        self,
        connection: Connection,
        reason: str,
        refused: Refused | None = None,
        upgrade: Upgrade | None = None,
    ) -> None:
        """Count a refusal, and tell the log."""
        self.context.metrics.refused.labels(reason).inc()
        self._journal.refused(reason, connection.peer, self.context.options, refused, upgrade)

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


def _session_on(seat: Seat) -> Session:
    """The session that sits there."""
    holder = seat.holder
    assert isinstance(holder, Connection)  # noqa: S101 - what `join` was given
    assert holder.session is not None  # noqa: S101 - it has a seat
    return holder.session
