"""One socket: bytes to messages and back, from its first byte to its last.

Handshake, parsing, masking and the closing handshake are those of websockets' sans-I/O protocol;
flow control, deadlines and the peer's pulse are ours. A connection leaves its room when a Close
frame is received or sent, not when the transport is gone, and nothing follows a Close.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Final, cast

from websockets.exceptions import InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN, SEND_EOF
from websockets.server import ServerProtocol
from websockets.typing import BytesLike

from presence_server.core.close_codes import TABLE, Close, LeaveReason
from presence_server.core.errors import BadMessage, ErrorCode, Refused
from presence_server.gateway.frames import PING_FRAME
from presence_server.gateway.intake import Intake
from presence_server.gateway.outbox import Outbox
from presence_server.gateway.ports import NEVER
from presence_server.gateway.pulse import Beat, Pulse
from presence_server.gateway.reception import Reception
from presence_server.gateway.session import Session

MAX_REQUEST: Final = 32_768
MAX_FRAGMENTS: Final = 64
READ_SIZE: Final = 8_192
"""Bytes taken at a time: no more than 1,400 frames, so that no flood holds the loop for long."""
ABNORMAL: Final = 1006

# websockets logs request lines at DEBUG, and a request line holds a token: never let it.
_LOGGER = logging.getLogger("presence_server.websocket")
_LOGGER.setLevel(logging.WARNING)


_READ_BUFFER = bytearray(READ_SIZE)
_READ_VIEW = memoryview(_READ_BUFFER)


class Connection(asyncio.BufferedProtocol):
    """The asyncio protocol of one socket. All share one buffer: what was read is taken at once."""

    __slots__ = (
        "_deadline",
        "_fragments",
        "_intake",
        "_is_close_sent",
        "_is_ended",
        "_pulse",
        "_reception",
        "_request_size",
        "_ws",
        "outbox",
        "peer",
        "session",
        "visit_at",
    )

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._ws = ServerProtocol(max_size=reception.context.options.max_message, logger=_LOGGER)
        self._fragments: list[BytesLike] | None = None
        self._intake: Intake
        self._is_ended = False
        self._is_close_sent = False
        self._request_size = 0
        self._deadline = NEVER
        self._pulse: Pulse
        self.visit_at = NEVER
        self.peer = ""
        self.outbox: Outbox
        self.session: Session | None = None

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of the handshake."""
        context = self._reception.context
        stream = cast("asyncio.Transport", transport)
        stream.set_write_buffer_limits(high=context.options.buffer_limit, low=0)
        address = stream.get_extra_info("peername")
        self.peer = address[0] if address else ""
        self.outbox = Outbox(stream)
        self._intake = Intake(self.outbox)
        now = context.clocks.monotonic()
        self._pulse = Pulse(now + context.clocks.random() * context.options.ping_interval)
        self._set_deadline(context.options.handshake_timeout)
        self._reception.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to."""
        return _READ_VIEW

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came: a request, then frames."""
        self._pulse.heard = True
        self._reception.context.metrics.bytes_received.inc(nbytes)
        ws = self._ws
        ws.receive_data(_READ_BUFFER[:nbytes])
        events = ws.events_received()
        for event in events:
            if isinstance(event, Frame):
                self._take_frame(event)
            elif isinstance(event, Request):
                self._take_request(event)
        self._send_pending()
        if ws.state is CONNECTING:
            self._limit_request(nbytes)
        elif ws.close_sent is not None:
            # The client closed, or broke the protocol; what we closed ourselves has ended already.
            self._end(ws.close_sent.code, "closed")
        if not self.outbox.transport.is_closing():
            self._intake.took(len(events), self._reception.context)

    def eof_received(self) -> None:
        """Nothing more will come; without a Close frame before it, this is a loss."""
        if self.session is not None and self._ws.close_sent is None:
            self._end(ABNORMAL, None)
            self.outbox.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The socket is gone; without a Close frame before it, so is the client."""
        self._deadline = NEVER
        self._end(ABNORMAL, None)
        if self.session is not None and not self.session.is_seated:
            self.session = None
        # The parser holds the protocol that holds it: without this only the collector frees them.
        self._ws.parser.close()
        self._reception.lost(self)

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

    # Called by the session, the room, the wheel

    def close(self, code: Close, reason: str) -> None:
        """Send a Close; the seat is given up at once, the socket when the client agrees.

        Does nothing on a connection that is closing or gone.
        """
        self._close(code, reason, TABLE[code].leave)

    def dismiss(self, code: Close, reason: str) -> None:
        """Close, and give up the seat even if the socket is gone already (leave grace)."""
        self.close(code, reason)
        if self.session is not None:
            self.session.end(TABLE[code].leave)

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

    def _take_request(self, request: Request) -> None:
        # What was said before there is a handshake gets no answer: a pong would come before it.
        self._ws.data_to_send()
        response = self._reception.respond(request)
        if self._ws.eof_sent:
            self._answer_last(response)
            return
        response = response or self._ws.accept(request)
        self._ws.send_response(response)
        if self._ws.state is not OPEN:
            return
        self._send_pending()
        try:
            self.session = self._reception.admit(self, request)
        except Refused as refused:
            self._refuse(refused)
            return
        self._request_size = 0
        # The library's parser holds on to the request for life: 2 KB, and the token in it.
        request.headers.clear()
        request.path = ""
        self._deadline = NEVER
        self.visit_by(self._pulse.due(0.0, 0.0))

    def _answer_last(self, response: Response | None) -> None:
        """Bytes that came with the request have ended the connection before it began."""
        if response is None:
            self.outbox.transport.abort()
        else:
            self.outbox.write(response.serialize())
            self._finish()

    def _limit_request(self, size: int) -> None:
        """Answer a request that does not end: the library alone would take a megabyte."""
        self._request_size += size
        if self._request_size > MAX_REQUEST and not self._ws.eof_sent:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._ws.send_response(self._ws.reject(status, "the request is too large\n"))
            self._send_pending()

    def _refuse(self, refused: Refused) -> None:
        delay = self._reception.refusal_delay(self, refused)
        if delay > 0:
            context = self._reception.context
            self._set_deadline(delay + context.options.close_timeout)
            context.scheduler.call_later(delay, self.close, refused.code, refused.reason)
        else:
            self.close(refused.code, refused.reason)

    def _take_frame(self, frame: Frame) -> None:
        if self.session is None or self._is_ended:
            return
        opcode = frame.opcode
        if opcode is Opcode.TEXT and frame.fin:
            self.session.handle(frame.data)
        elif opcode is Opcode.TEXT:
            self._fragments = [frame.data]
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._take_fragment(self.session, self._fragments, frame)
        elif opcode is Opcode.BINARY:
            bad = BadMessage(ErrorCode.UNSUPPORTED_DATA, "messages are text")
            self.session.complain(bad, self._reception.context.clocks.monotonic())
        elif opcode is Opcode.PONG:
            self._take_pong()

    def _take_fragment(self, session: Session, fragments: list[BytesLike], frame: Frame) -> None:
        fragments.append(frame.data)
        if frame.fin:
            self._fragments = None
            session.handle(b"".join(fragments))
        elif len(fragments) >= MAX_FRAGMENTS:
            self.close(Close.TOO_BIG, "too many fragments")

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

    def _close(self, code: Close, reason: str, leave: LeaveReason | None) -> None:
        if self._is_ended or self._ws.state is not OPEN:
            return
        self._ws.send_close(code, reason)
        self._send_pending()
        self._end(code, leave)
        self._set_deadline(self._reception.context.options.close_timeout)
        self._intake.read_again()

    def _end(self, code: int, leave: LeaveReason | None) -> None:
        """Give up the seat, once; without a reason to leave the client is lost (leave grace)."""
        if self._is_ended:
            return
        self._is_ended = True
        if self.session is not None or code != ABNORMAL:
            self._reception.context.metrics.count_close(code)
        if self.session is None:
            return
        if leave is None:
            self.session.lose()
        else:
            self.session.end(leave)

    def _send_pending(self) -> None:
        """Write what the library has to say; once our Close is out, only the end."""
        pending = self._ws.data_to_send()
        if not pending:
            return
        data = b"" if self._is_close_sent else b"".join(pending)
        if data:
            self.outbox.write(data)
        self._is_close_sent = self._ws.close_sent is not None
        if SEND_EOF in pending and not self.outbox.transport.is_closing():
            self._finish()

    def _finish(self) -> None:
        """Half-close: the peer reads what is on its way, then closes, or we do."""
        if isinstance(self._ws.handshake_exc, InvalidMessage):
            # The library hangs up on what isn't HTTP; a person debugging wants a word.
            answer = self._ws.reject(HTTPStatus.BAD_REQUEST, "not a request that is served here\n")
            self.outbox.write(answer.serialize())
        self.outbox.transport.write_eof()
        self._set_deadline(self._reception.context.options.close_timeout)

    def _set_deadline(self, delay: float) -> None:
        self._deadline = self._reception.context.clocks.monotonic() + delay
        self.visit_by(self._deadline)

    def _give_up(self) -> None:
        if self._ws.state is CONNECTING and not self._ws.eof_sent:
            late = self._ws.reject(HTTPStatus.REQUEST_TIMEOUT, "the request did not end\n")
            self._ws.send_response(late)
            self._send_pending()
        else:
            self._deadline = NEVER
            self.outbox.transport.abort()
