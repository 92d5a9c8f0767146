"""An admitted connection: what its client may say, and what becomes of it."""

from functools import partial
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace
from websockets.typing import BytesLike

from presence_server.core import codec, messages
from presence_server.core.claims import LEEWAY_S, Claims
from presence_server.core.clocks import Clocks
from presence_server.core.close_codes import Close, EndReason
from presence_server.core.codec import Command, Mark, Move, Ping, Point, Renew, Resync
from presence_server.core.errors import BadMessage, ErrorCode, KeyUnknown, TokenRefused
from presence_server.core.faults import Faults
from presence_server.core.permissions import Permission, may
from presence_server.core.rate import Budget
from presence_server.core.seats import Seat, Tab
from presence_server.gateway.frames import text_frame
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.ports import NEVER, Options, Scheduler, Timer, Verifier
from presence_server.gateway.rooms import LiveRoom
from presence_server.metrics import Metrics

COST: Final[dict[type[Command], float]] = {
    Move: 1.0,
    Mark: 1.0,
    Point: 0.4,
    Renew: 10.0,  # a signature is verified
    Resync: 1.0,
    Ping: 1.0,
}
SAID: Final = frozenset({Move, Mark, Point})
"""What changes the room: only a member may say it, and the latest of each is never lost."""

Held = dict[type[Command], tuple[Command, float]]

MAX_WARNING_S: Final = 60.0
MIN_WAIT_S: Final = 0.001
_PONG: Final = text_frame(codec.encode(messages.Pong()))


class Context(NamedTuple):
    """What every session works with."""

    options: Options
    clocks: Clocks
    scheduler: Scheduler
    verifier: Verifier
    metrics: Metrics


class Link(Protocol):
    """The connection below a session."""

    outbox: Outbox

    def close(self, code: Close, reason: str) -> None:
        """Send a Close frame, once; the session is told `end` before this returns."""

    def visit_by(self, at: float) -> None:
        """Have `Session.visit` called at `at` or before."""


class Session:
    """One seat in one room and the client that sits on it."""

    __slots__ = (
        "_awaited",
        "_budget",
        "_context",
        "_expires_at",
        "_faults",
        "_held",
        "_is_attached",
        "_link",
        "_live",
        "_seat",
        "_warn_at",
        "is_seated",
    )

    def __init__(self, link: Link, live: LiveRoom, seat: Seat, context: Context) -> None:
        self._link = link
        self._live = live
        self._seat = seat
        self._context = context
        self._budget = Budget(context.options.rate, context.options.burst)
        self._faults: Faults | None = None
        self._held: Held = {}
        self._awaited: Timer | None = None  # the key of a token that it was sent
        self._is_attached = True
        self.is_seated = True
        self._expires_at = 0.0
        self._warn_at = NEVER

    @property
    def room_id(self) -> str:
        """The room that it is in."""
        return self._live.room_id

    @property
    def seat(self) -> Seat:
        """Its seat, which may have been given up."""
        return self._seat

    # Its life

    def start(self, claims: Claims, *, counts: bool) -> None:
        """Welcome the client; it gets its snapshot at the end of the room's next flush, or the
        number of the room's members with the welcome if it `counts`.
        """
        expires_in = self._accept(claims)
        identity = self._seat.identity
        welcome = messages.Welcome(
            version=messages.VERSION,
            user_id=identity.user_id,
            connection_id=self._seat.connection_id,
            role=identity.profile.role,
            observe=identity.observe,
            expires_in=expires_in,
            ping_interval=round(self._context.options.ping_interval * 1000),
        )
        frame = text_frame(codec.encode(welcome))
        outbox, fanout = self._link.outbox, self._live.fanout
        outbox.put_ahead(frame)
        self._context.metrics.count_sent("welcome", len(frame))
        if counts:
            fanout.count_for(outbox)
            return
        if not fanout.is_rested():
            outbox.flush()
        fanout.owe(outbox, "join")

    def give_up_held(self) -> Held:
        """What the client said last and had no budget for: its successor is to `inherit` it."""
        held, self._held = self._held, {}
        return held

    def inherit(self, held: Held) -> None:
        """Take over what the one before had no budget for; call it after `start`."""
        if held and isinstance(self._seat, Tab):
            self._held = held
            self._release()

    def end(self, reason: EndReason) -> None:
        """Leave the room: a Close frame was received or sent."""
        self._detach()
        self._leave(reason)

    def lose(self) -> None:
        """The client is gone without a Close: leave the room when the grace is over."""
        self._detach()
        grace = self._context.options.leave_grace
        if grace > 0 and self.is_seated:
            self._context.scheduler.call_later(grace, self._leave, "timeout")
        else:
            self._leave("timeout")

    def paused(self) -> None:
        """The client's buffer is full."""
        self._live.fanout.paused(self._link.outbox)

    def resumed(self) -> None:
        """The client's buffer is empty."""
        self._live.fanout.resumed(self._link.outbox)

    def visit(self, now: float) -> float:
        """Warn of the token's end, and end with it; returns when to come again."""
        if now >= self._expires_at:
            self._link.close(Close.UNAUTHORIZED, "token_expired")
            return NEVER
        if now >= self._warn_at:
            self._warn_at = NEVER
            remaining = max(0, round((self._expires_at - LEEWAY_S - now) * 1000))
            self._send(messages.TokenRefreshRequired(expires_in=remaining))
        return min(self._warn_at, self._expires_at)

    def _detach(self) -> None:
        self._await(None)
        self._is_attached = False
        self._live.fanout.drop(self._link.outbox)

    def _leave(self, reason: EndReason) -> None:
        if self.is_seated:
            self.is_seated = False
            self._held.clear()
            self._live.leave(self._seat, reason)

    def _accept(self, claims: Claims) -> int:
        """Turn `exp` into a monotonic deadline; returns what remains in milliseconds."""
        clocks = self._context.clocks
        now = clocks.monotonic()
        remaining = claims.expires_at - clocks.wall()
        ahead = min(MAX_WARNING_S, max(0.0, remaining) / 3) * (0.5 + 0.5 * clocks.random())
        self._expires_at = now + remaining + LEEWAY_S
        self._warn_at = now + remaining - ahead
        self._link.visit_by(self._warn_at)
        return max(0, round(remaining * 1000))

    # What the client says

    def handle(self, raw: BytesLike) -> None:
        """Take one text message."""
        now = self._context.clocks.monotonic()
        try:
            command = codec.decode(raw)
        except UnicodeDecodeError:
            self._link.close(Close.INVALID_UTF8, "text that is not UTF-8")
            return
        except BadMessage as bad:
            self.complain(bad, now)
            return
        kind = type(command)
        self._context.metrics.count_received(kind)
        if kind in SAID:
            self._hear(kind, command, now)
        elif self._budget.take(now, COST[kind]):
            self._answer(command)
        else:
            self._advise(ErrorCode.RATE_LIMITED, "too fast: this one was dropped", kind, now)

    def complain(self, bad: BadMessage, now: float) -> None:
        """Tell the client what it did wrong, and close when it won't stop."""
        self._context.metrics.errors.labels(bad.code.value).inc()
        if self._faults is None:
            self._faults = Faults()
        if self._faults.note(bad.code, bad.of, now):
            error = messages.Error(code=bad.code, message=bad.message)
            if bad.of is not None:
                error.of = bad.of
            self._send(error)
        if self._faults.is_enough:
            self._link.close(Close.BAD_REQUEST, "too many errors")

    def _advise(self, code: ErrorCode, message: str, kind: type[Command], now: float) -> None:
        self.complain(BadMessage(code, message, codec.TYPE_OF[kind]), now)

    def _hear(self, kind: type[Command], command: Command, now: float) -> None:
        """Take what changes the room; over the rate the latest of each type waits."""
        if not isinstance(self._seat, Tab):
            self._advise(ErrorCode.NOT_A_MEMBER, "an observer is not in the room", kind, now)
        elif not self._held and self._budget.take(now, COST[kind]):
            self._apply(command, now)
        else:
            if not self._held:
                self._release_in(self._budget.wait(now, COST[kind]))
            self._held.pop(kind, None)
            self._held[kind] = (command, now)
            self._advise(ErrorCode.RATE_LIMITED, "too fast: the latest is kept", kind, now)

    def _release_in(self, delay: float) -> None:
        self._context.scheduler.call_later(max(delay, MIN_WAIT_S), self._release)

    def _release(self) -> None:
        """Apply what waits, in the order in which it was last said, as the budget allows."""
        now = self._context.clocks.monotonic()
        for kind in [*self._held]:
            if not self._budget.take(now, COST[kind]):
                self._release_in(self._budget.wait(now, COST[kind]))
                return
            command, said_at = self._held.pop(kind)
            self._apply(command, said_at)

    def _apply(self, command: Command, said_at: float) -> None:
        tab = self._seat
        assert isinstance(tab, Tab)  # noqa: S101 - for the type checker: `_hear` has looked
        room = self._live.room
        role = tab.identity.profile.role
        if isinstance(command, Point):
            if may(role, Permission.CURSOR):
                self._live.publish(room.point(tab, command.cursor))
            else:
                self._advise(ErrorCode.FORBIDDEN, f"a {role} has no cursor", Point, said_at)
        elif isinstance(command, Move):
            place = command.place
            if place.activity is not None and not may(role, Permission.ACTIVITY):
                place = replace(place, activity=None)
                self._advise(ErrorCode.FORBIDDEN, f"a {role} has no activity", Move, said_at)
            self._live.publish(room.move(tab, place, said_at - command.idle_s))
        elif isinstance(command, Mark):
            self._live.publish(room.mark(tab, command.status, said_at - command.idle_s))

    def _answer(self, command: Command) -> None:
        if isinstance(command, Ping):
            self._link.outbox.write(_PONG)
            self._context.metrics.count_sent("pong", len(_PONG))
        elif isinstance(command, Resync):
            self._live.fanout.owe(self._link.outbox, "resync")
        elif isinstance(command, Renew):
            self._renew(command.token)

    def _await(self, key: Timer | None) -> None:
        """Wait for this key and for no other."""
        if self._awaited is not None:
            self._awaited.cancel()
        self._awaited = key

    def _renew(self, token: str, *, may_wait: bool = True) -> None:
        now, verifier = self._context.clocks.monotonic(), self._context.verifier
        self._await(None)
        try:
            claims = verifier.verify(token, self._context.clocks.wall())
        except TokenRefused as refusal:
            if may_wait and isinstance(refusal, KeyUnknown):
                again = partial(self._renew, token, may_wait=False)
                self._await(verifier.learn(refusal, again))
                return
            code = ErrorCode(refusal.fault)
            self.complain(BadMessage(code, "the old token stays in force", "token_refresh"), now)
            return
        new, old = claims.identity, self._seat.identity
        is_same = (new.user_id, new.observe, new.anon) == (old.user_id, old.observe, old.anon)
        if not is_same or not claims.covers(self._live.room_id):
            message = "a new token is for the same user, kind and room"
            self.complain(BadMessage(ErrorCode.TOKEN_MISMATCH, message, "token_refresh"), now)
            return
        if self._live.refuses(claims):
            self._link.close(Close.REMOVED, "token is from before a removal")
            return
        self._live.publish(self._live.room.renew(self._seat, new))
        self._send(messages.TokenRefreshed(expires_in=self._accept(claims)))

    def _send(self, message: messages.Message) -> None:
        if not self._is_attached:
            return  # what waited for the rate is applied after a loss, but told to nobody
        frame = text_frame(codec.encode(message))
        self._link.outbox.write(frame)
        self._context.metrics.count_sent(str(message.__struct_config__.tag), len(frame))
