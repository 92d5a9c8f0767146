"""One socket: bytes to messages and back, from its first byte to its last.

The protocol is in `wire`; flow control, deadlines and the peer's pulse are here. A connection
leaves its room when a Close frame is received or sent, not when the transport is gone, and nothing
follows a Close.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF, Event

from presence_server.core.close_codes import ABNORMAL, Close, EndReason, end_reason
from presence_server.core.errors import KeyUnknown, Refused
from presence_server.gateway.early import TIMEOUT_S, Early
from presence_server.gateway.frames import PING_FRAME
from presence_server.gateway.intake import READ_BUFFER, READ_VIEW, READ_VIEW_DEFLATED, Intake
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.parts import Parts
from presence_server.gateway.ports import NEVER
from presence_server.gateway.pulse import Beat, Pulse
from presence_server.gateway.reception import Reception
from presence_server.gateway.upgrade import Upgrade
from presence_server.gateway.wire import Wire

if TYPE_CHECKING:
    from presence_server.gateway.session import Session


class Connection(asyncio.BufferedProtocol):
    """The asyncio protocol of one socket. All share one buffer: what was read is taken at once."""

    __slots__ = (
        "_deadline",
        "_early",
        "_intake",
        "_is_close_sent",
        "_is_ended",
        "_parts",
        "_pulse",
        "_reception",
        "_wire",
        "outbox",
        "session",
        "visit_at",
    )

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._wire = Wire(reception.context.options.max_message)
        self._early: Early | None = None  # unless its token waits for its key
        self._parts: Parts | None = None
        self._intake: Intake
        self._is_ended = False
        self._is_close_sent = False
        self._deadline = NEVER
        self._pulse: Pulse
        self.visit_at = NEVER
        self.outbox: Outbox
        self.session: Session | None = None

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of the handshake."""
        context = self._reception.context
        stream = cast("asyncio.Transport", transport)
        stream.set_write_buffer_limits(high=context.options.buffer_limit, low=0)
        self.outbox = Outbox(stream)
        self._intake = Intake(self.outbox)
        now = context.clocks.monotonic()
        self._pulse = Pulse(now + context.clocks.random() * context.options.ping_interval)
        self._set_deadline(context.options.handshake_timeout)
        self._reception.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to."""
        return READ_VIEW_DEFLATED if self.outbox.is_deflated else READ_VIEW

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came: a request, then frames."""
        self._pulse.heard = True
        context, wire = self._reception.context, self._wire
        context.metrics.bytes_received.value += nbytes
        received = wire.receive(READ_BUFFER[:nbytes])
        for piece in received:
            if not isinstance(piece, bytes):
                self._take_other(piece)
            elif self.session is not None and not self._is_ended:
                self.session.handle(piece)
            elif self._early is not None:
                self._take_frame(Frame(Opcode.TEXT, piece))
        if wire.library is not None:
            self._send_pending()
            if wire.close_sent is not None:
                # The client closed, or broke the protocol; what we closed has ended already.
                self._end(wire.close_sent, "closed")
        self._intake.took(received, nbytes, context)

    def eof_received(self) -> None:
        """Nothing more will come; without a Close frame before it, this is a loss."""
        if self.session is not None and self._wire.close_sent is None:
            self._end(ABNORMAL, None)
            self.outbox.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The socket is gone; without a Close frame before it, so is the client."""
        self._deadline = NEVER
        self._end(ABNORMAL, None)
        self._reception.lost(self)
        if self.session is not None and not self.session.is_seated:
            self.session = None
        self._wire.release()

    def pause_writing(self) -> None:
        """The client reads slower than the room speaks: hear nothing more from it meanwhile."""
        self.outbox.paused = True
        self._intake.hold()
        if self.session is None or self._is_ended:
            return  # a deadline is set
        context = self._reception.context
        now, timeout = context.clocks.monotonic(), context.options.pong_timeout
        self._pulse.paused(now, self.outbox.flushed, timeout)
        self.visit_by(now + timeout)
        self.session.paused()

    def resume_writing(self) -> None:
        """Everything was taken."""
        self.outbox.paused = False
        self._pulse.resumed()
        if self.session is not None:
            self.session.resumed()
        self._intake.read_again()

    # Called by the gateway, the session, the room, the wheel

    def peer(self) -> str:
        """The address of the other end; empty where there is none."""
        address = self.outbox.transport.get_extra_info("peername")
        return str(address[0]) if address else ""

    def close(self, code: Close, reason: str) -> None:
        """Send a Close; the seat is given up at once, the socket when the client agrees.

        Does nothing on a connection that is closing or gone.
        """
        self._close(code, reason, end_reason(code))

    def dismiss(self, code: Close, reason: str) -> None:
        """Close, and give up the seat even if the socket is gone already (leave grace)."""
        self.close(code, reason)
        if self.session is not None:
            self.session.end(end_reason(code))

    def visit_by(self, at: float) -> None:
        """Have `visit` called at `at` or before."""
        self._reception.wheel.schedule(self, at)

    def visit(self, now: float) -> float:
        """Do what is due: deadlines, pings, the token's end."""
        if self._deadline == NEVER and self.session is not None and not self._is_ended:
            due = self.session.visit(now)
            if not self._is_ended:
                due = min(due, self._beat(now))
            if not self._is_ended:
                return due
        elif now >= self._deadline:
            self._give_up()
        return self._deadline

    # In

    def _take_other(self, piece: Upgrade | Event) -> None:
        if isinstance(piece, Frame):
            self._take_frame(piece)
        elif isinstance(piece, Upgrade):
            self._take_upgrade(piece)
        elif isinstance(piece, Request):
            self._take_request(piece)

    def _take_upgrade(self, upgrade: Upgrade) -> None:
        extensions = self._reception.agree_on(upgrade.extensions)
        self.outbox.is_deflated = extensions is not None
        self.outbox.put_ahead(self._wire.open(upgrade, extensions))
        self._enter(upgrade)

    def _take_request(self, request: Request) -> None:
        # What was said before there is a handshake gets no answer: a pong would come before it.
        self._wire.to_send()
        response = self._reception.respond(request)
        if self._wire.is_ended:
            self._answer_last(response)
            return
        self._wire.answer(request, response)
        if self._wire.is_open:
            self._send_pending()
            try:
                self._enter(Upgrade.of(request))
            except Refused as refused:
                self._refuse(refused, None)
            # The library's parser holds on to the request for life: 2 KB, and the token in it.
            request.headers.clear()
            request.path = ""

    def _enter(self, upgrade: Upgrade, *, may_wait: bool = True) -> None:
        try:
            self.session = self._reception.admit(self, upgrade)
        except KeyUnknown as unknown:
            if may_wait:
                self._wait(upgrade, unknown)
            else:
                self._refuse(unknown.refusal(), upgrade)
        except Refused as refused:
            self._refuse(refused, upgrade)
        else:
            self._deadline = NEVER
            self.visit_by(self._pulse.due(0.0, 0.0))

    def _wait(self, upgrade: Upgrade, unknown: KeyUnknown) -> None:
        self.outbox.flush()
        self._set_deadline(TIMEOUT_S)
        context = self._reception.context
        waiter = context.verifier.learn(unknown, self._decide)
        self._early = Early(upgrade, waiter, context.options.max_message)

    def _decide(self) -> None:
        """The key that was missing is known, or can't be had: let the client in, or not."""
        early, self._early = self._early, None
        assert early is not None  # noqa: S101 - nobody is called who does not wait
        self._enter(early.upgrade, may_wait=False)
        for frame in early.said:
            self._take_frame(frame)
        self._intake.read_again()

    def _answer_last(self, response: Response | None) -> None:
        """Bytes that came with the request have ended the connection before it began."""
        if response is None:
            self.outbox.transport.abort()
        else:
            self.outbox.write(response.serialize())
            self._finish()

    def _refuse(self, refused: Refused, upgrade: Upgrade | None) -> None:
        delay = self._reception.refusal_delay(self, refused, upgrade)
        if delay > 0:
            self.outbox.flush()
            context = self._reception.context
            self._set_deadline(delay + context.options.close_timeout)
            context.scheduler.call_later(delay, self.close, refused.code, refused.reason)
        else:
            self.close(refused.code, refused.reason)

    def _take_frame(self, frame: Frame) -> None:
        if self._early is not None:
            self._early.keep(frame, self, self._intake)
        elif self.session is None or self._is_ended:
            return
        elif frame.opcode is Opcode.PONG:
            self._take_pong()
        elif frame.opcode in DATA_OPCODES:
            if self._parts is None:
                self._parts = Parts()
            now = self._reception.context.clocks.monotonic()
            self._parts.take(frame, self.session, self, now)

    def _take_pong(self) -> None:
        context = self._reception.context
        round_trip = self._pulse.ponged(context.clocks.monotonic())
        if round_trip is not None:
            context.metrics.ping_seconds.observe(round_trip)

    # Out

    def _beat(self, now: float) -> float:
        options = self._reception.context.options
        interval = options.ping_interval * (0.8 + 0.2 * self._reception.context.clocks.random())
        flushed, timeout = self.outbox.flushed, options.pong_timeout
        beat = self._pulse.beat(now, flushed, interval, timeout)
        if beat is Beat.PING and not self.outbox.paused:
            self.outbox.write(PING_FRAME)
        elif beat is Beat.CUT_SILENT and not self.outbox.paused:
            self._close(Close.TIMEOUT, "no sign of life", None)
        elif beat in (Beat.CUT_SILENT, Beat.CUT_STALLED):
            # A Close would only queue behind what isn't read.
            self._reception.context.metrics.cut_slow.inc()
            self._end(Close.TIMEOUT, None)
            self.outbox.transport.abort()
        return self._pulse.due(now, timeout)

    def _close(self, code: Close, reason: str, leave: EndReason | None) -> None:
        if self._is_ended or not self._wire.is_open:
            return
        self._wire.close(code, reason)
        self._send_pending()
        self._end(code, leave)
        self._set_deadline(self._reception.context.options.close_timeout)
        self._intake.read_again()

    def _end(self, code: int, leave: EndReason | None) -> None:
        """Give up the seat, once; without a reason to leave the client is lost (leave grace)."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._early is not None:
            self._early.waiter.cancel()
            self._early = None
        self._reception.ended(self, code)
        if self.session is None:
            return
        if leave is None:
            self.session.lose()
        else:
            self.session.end(leave)

    def _send_pending(self) -> None:
        """Write what the library has to say; once our Close is out, only the end."""
        pending = self._wire.to_send()
        if not pending:
            return
        data = b"" if self._is_close_sent else b"".join(pending)
        if data:
            self.outbox.write(data)
        self._is_close_sent = self._wire.close_sent is not None
        if SEND_EOF in pending and not self.outbox.transport.is_closing():
            self._finish()

    def _finish(self) -> None:
        """Half-close: the peer reads what is on its way, then closes, or we do."""
        if self._wire.is_gibberish:
            # The library hangs up on what isn't HTTP; a person debugging wants a word.
            self.outbox.write(self._wire.reproof())
        self.outbox.transport.write_eof()
        self._set_deadline(self._reception.context.options.close_timeout)

    def _set_deadline(self, delay: float) -> None:
        self._deadline = self._reception.context.clocks.monotonic() + delay
        self.visit_by(self._deadline)

    def _give_up(self) -> None:
        if self._wire.is_connecting:
            self._reception.never_asked(self)
            self._wire.reject(HTTPStatus.REQUEST_TIMEOUT, "the request did not end\n")
            self._send_pending()
        else:
            self._deadline = NEVER
            self.outbox.transport.abort()
