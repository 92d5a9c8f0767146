"""The WebSocket protocol of one connection: bytes to messages, without I/O.

It is that of websockets' `ServerProtocol`, with two shortcuts for what nearly all clients send
nearly always: a plain upgrade request (see `upgrade`), and whole text messages, which need to be
cut out and unmasked, and no more. The library gets everything else, a whole frame at a time, and
is asked for the first time when there is something else: most connections live without it.
"""

import logging
from collections.abc import Sequence
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from websockets.exceptions import InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN, Event
from websockets.server import ServerProtocol

from presence_server.gateway.deflate import inflate, inflater
from presence_server.gateway.frames import (
    COMPRESSED,
    MAX_CONTROL,
    WHOLE_PONG,
    WHOLE_TEXT,
    frame_end,
    unmask,
)
from presence_server.gateway.upgrade import Upgrade, may_become_plain, read_upgrade

MAX_REQUEST: Final = 32_768

Received = bytes | Event | Upgrade
"""Bytes are a whole text message; an event is a frame of any other kind, or a request."""

_PONG: Final = Frame(Opcode.PONG, b"")
_FIN: Final = 0x80
_CONTROL: Final = 0x8
"""The first of the opcodes that are not parts of messages (RFC 6455 §5.2)."""

# websockets logs request lines at DEBUG, and a request line holds a token: never let it.
_LOGGER = logging.getLogger("presence_server.websocket")
_LOGGER.setLevel(logging.WARNING)


class _Reader(Enum):
    """Who reads what comes."""

    REQUEST = auto()
    """We do, while it may become a plain upgrade request."""
    FRAMES = auto()
    """We do, frame by frame."""
    LIBRARY = auto()
    """The library, and it stays so."""


class Wire:
    """One connection's protocol. Write `to_send` after each call that may have made it speak."""

    __slots__ = (
        "_in_message",
        "_is_deflated",
        "_max_message",
        "_reader",
        "_request_size",
        "_rest",
        "library",
    )

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._reader = _Reader.REQUEST
        self.library: ServerProtocol | None = None  # as long as nothing needed it
        self._rest = bytearray()
        self._in_message = False
        self._is_deflated = False
        self._request_size = 0

    # Its state

    @property
    def is_connecting(self) -> bool:
        """Whether there was no handshake yet, nor a refusal of one."""
        if self.library is None:
            return self._reader is _Reader.REQUEST
        return self.library.state is CONNECTING and not self.library.eof_sent

    @property
    def is_open(self) -> bool:
        """Whether messages may go either way: there was a handshake, and no Close."""
        if self.library is None:
            return self._reader is _Reader.FRAMES
        return self.library.state is OPEN

    @property
    def is_ended(self) -> bool:
        """Whether the last word was said: nothing may follow but the end of the stream."""
        return self.library is not None and self.library.eof_sent

    @property
    def close_sent(self) -> int | None:
        """The code of the Close that was sent, by us or in answer to the client's."""
        sent = self.library.close_sent if self.library else None
        return sent.code if sent else None

    @property
    def is_gibberish(self) -> bool:
        """Whether what came instead of a request was no HTTP, so that it had no answer."""
        return self.library is not None and isinstance(self.library.handshake_exc, InvalidMessage)

    # What comes

    def receive(self, data: bytearray) -> Sequence[Received]:
        """Take bytes as they come; returns what they complete."""
        if self._rest:
            data = self._rest + data
            self._rest = bytearray()
        if self._reader is _Reader.FRAMES:
            return self._cut(data)
        if self._reader is _Reader.REQUEST:
            if len(data) <= MAX_REQUEST and may_become_plain(data):
                self._rest = data
                return ()
            upgrade = read_upgrade(data) if len(data) <= MAX_REQUEST else None
            if upgrade is not None:
                return (upgrade,)
        return self._leave_to_library(data)

    def _cut(self, data: bytearray) -> Sequence[Received]:
        """Cut whole frames out of `data`; a text that is not all there waits for its rest."""
        received: list[Received] = []
        at, size = 0, len(data)
        while at < size and self._reader is _Reader.FRAMES:
            end = frame_end(data, at, self._max_message)
            first = data[at]
            is_compressed = first == COMPRESSED and self._is_deflated
            if not end or (end > size and first != WHOLE_TEXT and not is_compressed):
                break
            if end > size:
                self._rest = data[at:]
                return received
            if first == WHOLE_TEXT and not self._in_message:
                received.append(unmask(data, at, end))
            elif is_compressed and not self._in_message:
                text = inflate(unmask(data, at, end), self._max_message)
                received += self._pass_on(data[at:end]) if text is None else (text,)
            elif first == WHOLE_PONG and not self._in_message and end - at <= MAX_CONTROL:
                received.append(_PONG)
            else:
                received += self._pass_on(data[at:end])
            at = end
        if at < size:
            received += self._leave_to_library(data[at:])
        return received

    def _pass_on(self, frame: bytearray) -> Sequence[Event]:
        """Have the library judge one whole frame."""
        library = self._ask_library()
        library.receive_data(frame)
        if library.state is not OPEN:
            self._reader = _Reader.LIBRARY
        elif frame[0] & 0xF < _CONTROL:
            self._in_message = frame[0] < _FIN
        return library.events_received()

    def _leave_to_library(self, data: bytearray) -> Sequence[Event]:
        """Have the library read this and all that follows."""
        library = self._ask_library()
        self._reader = _Reader.LIBRARY
        library.receive_data(data)
        events = library.events_received()
        if not events and library.state is CONNECTING:
            self._limit_request(len(data))
        return events

    def _limit_request(self, size: int) -> None:
        """Answer a request that does not end: the library alone would take a megabyte."""
        self._request_size += size
        if self._request_size > MAX_REQUEST and not self.is_ended:
            self.reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large\n")

    # What is said

    def to_send(self) -> list[bytes]:
        """What the library wants written; an empty piece (`SEND_EOF`) is the end of the stream."""
        return self.library.data_to_send() if self.library else []

    def open(self, upgrade: Upgrade, extensions: str | None = None) -> bytes:
        """Agree to an upgrade; returns the answer, which must be written first.

        The only extension that can be agreed on is `deflate.AGREED`.
        """
        self._reader = _Reader.FRAMES
        self._is_deflated = extensions is not None
        return upgrade.response(extensions)

    def answer(self, request: Request, response: Response | None) -> None:
        """Answer a request with `response`, or agree to an upgrade if it is a valid one."""
        library = self._ask_library()
        said = response or library.accept(request)
        if request.method == "HEAD":
            said.body = b""  # RFC 9110 §9.3.2; the library's refusals have one
        library.send_response(said)

    def reject(self, status: HTTPStatus, text: str) -> None:
        """Answer what came before a handshake, and end: what still comes is heard by nobody."""
        library = self._ask_library()
        library.send_response(library.reject(status, text))
        self._reader = _Reader.LIBRARY

    def reproof(self) -> bytes:
        """The answer to what is no HTTP: the library has none for it."""
        text = "not a request that is served here\n"
        return self._ask_library().reject(HTTPStatus.BAD_REQUEST, text).serialize()

    def close(self, code: int, reason: str) -> None:
        """Send a Close."""
        self._ask_library().send_close(code, reason)
        self._reader = _Reader.LIBRARY

    def release(self) -> None:
        """Let go of everything; call it when the connection is gone.

        The library's parser holds the protocol that holds it: only the collector would free them.
        """
        if self.library is not None:
            self.library.parser.close()

    def _ask_library(self) -> ServerProtocol:
        if self.library is None:
            state = CONNECTING if self._reader is _Reader.REQUEST else OPEN
            self.library = ServerProtocol(state=state, max_size=self._max_message, logger=_LOGGER)
            if self._is_deflated:
                self.library.extensions = [inflater()]
        return self.library
