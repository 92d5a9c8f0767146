"""TLS between a socket and its connection: the protocol of the one, the transport of the other.

uvloop's own shows a socket only after its handshake, so that a silent one escapes every limit; it
does not say what is queued below it, reads on while it is told not to, and knows no half-close.
Here what holds for plain sockets holds by construction: it is the same transport underneath.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from presence_server.core.rate import Budget
from presence_server.gateway.intake import READ_SIZE
from presence_server.gateway.ports import Scheduler

if TYPE_CHECKING:
    from presence_server.gateway.connection import Connection

Failed = Callable[["Connection", str], object]
"""Is told of each handshake that failed, and why."""

MAX_RECORD: Final = 16_384
"""What one record holds (RFC 8446 §5.1): more at a time would only stay in OpenSSL's buffer."""

NOISE: Final = 20_480
"""Bytes that held no data, before they are looked at: more than a record that is not all there."""
NOISE_PER_S: Final = 4_096.0
NOISE_BURST: Final = 40_960.0
"""What may come of it: an update of keys costs 27 bytes to send and 20 µs to answer."""
RECORD_HEAD: Final = 64
"""What a record with data may have besides (RFC 8446 §5.2: 22 bytes, and padding)."""

_VIEW: Final = memoryview(bytearray(READ_SIZE))
"""All share one buffer: what was read is taken at once."""

_IS_HTTP: Final = "HTTP_REQUEST"
_NOT_TLS: Final = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 36\r\n\r\nTLS is spoken here: https:// or wss:"
)

_NOBODY: Final = cast("Connection", asyncio.BufferedProtocol())


class TlsStream(asyncio.Transport, asyncio.BufferedProtocol):
    """One socket whose bytes are encrypted; `connection` gets it as its transport at once.

    What is written before the handshake is over is dropped.
    """

    __slots__ = (
        "_added",
        "_connection",
        "_failed",
        "_incoming",
        "_is_ended",
        "_is_held",
        "_is_open",
        "_lower",
        "_noise",
        "_noise_budget",
        "_outgoing",
        "_scheduler",
        "_tls",
        "_wrap",
    )

    def __init__(
        self,
        connection: "Connection",
        context: ssl.SSLContext,
        scheduler: Scheduler,
        failed: Failed,
    ) -> None:
        self._connection = connection
        self._wrap = context.wrap_bio
        self._scheduler = scheduler
        self._failed = failed
        self._incoming: ssl.MemoryBIO
        self._outgoing: ssl.MemoryBIO
        self._lower: asyncio.Transport
        self._tls: ssl.SSLObject | None = None  # until something comes
        self._is_open = False
        self._is_ended = False
        self._is_held = False
        self._added = 0
        self._noise = 0
        self._noise_budget: Budget | None = None

    # Called by the socket's transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted: it counts from now on, and so does its time."""
        self._lower = cast("asyncio.Transport", transport)
        self._connection.connection_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to."""
        return _VIEW

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt what came; after our end of the stream nothing matters but the peer's."""
        if self._is_ended:
            return
        tls = self._tls or self._begin()
        self._incoming.write(_VIEW[:nbytes])
        if self._is_open or self._shake_hands(tls):
            self._noise += nbytes
            self._take(tls)
            if self._noise > NOISE:
                self._charge()

    def eof_received(self) -> None:
        """Nothing more will come, with or without a word before it."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        connection, self._connection = self._connection, _NOBODY
        self._is_open, self._is_ended = False, True
        self._tls = None
        connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer reads slower than it is written to."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Everything was taken."""
        self._connection.resume_writing()

    # Called by the connection

    def write(self, data: Any) -> None:
        """Encrypt and send."""
        tls = self._tls
        if tls is None or not self._is_open or self._is_ended:
            return
        try:
            sealed = self._seal(tls, data)
        except ssl.SSLError:  # the peer began a handshake and left it there: nothing can be sent
            self.abort()
            return
        self._added += len(sealed) - len(data)
        self._lower.write(sealed)

    def write_eof(self) -> None:
        """Half-close: the peer hears that nothing follows, in TLS and in TCP."""
        if self._is_ended:
            return
        if self._tls is None or not self._is_open:
            self.abort()
            return
        self._is_ended = True
        with contextlib.suppress(ssl.SSLError):  # the peer has not said so yet
            self._tls.unwrap()
        self._flush()
        self._lower.write_eof()

    def abort(self) -> None:
        """Cut."""
        self._is_ended = True
        self._lower.abort()

    def is_closing(self) -> bool:
        """Whether it is on its way out."""
        return self._lower.is_closing()

    def pause_reading(self) -> None:
        """Hand on nothing, and read nothing."""
        self._is_held = True
        self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Hand on what was left, then what comes."""
        if self._is_held:
            self._is_held = False
            self._lower.resume_reading()
            self._scheduler.call_soon(self._go_on)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to pause and to resume."""
        self._lower.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that the kernel has not taken."""
        return self._lower.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`tls_added` is how many bytes were written beyond those that it was given."""
        return self._added if name == "tls_added" else self._lower.get_extra_info(name, default)

    # How

    def _begin(self) -> ssl.SSLObject:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._wrap(self._incoming, self._outgoing, server_side=True)
        return self._tls

    def _shake_hands(self, tls: ssl.SSLObject) -> bool:
        """Go on with the handshake; whether it is over."""
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._refuse(error)
        else:
            self._is_open = True
            self._flush()
        return self._is_open

    def _take(self, tls: ssl.SSLObject) -> None:
        """Hand on all that can be read, unless the connection has enough of it."""
        incoming, connection = self._incoming, self._connection
        try:
            while (incoming.pending or tls.pending()) and not self._is_held:
                buffer = connection.get_buffer(-1)
                size = cast("int", tls.read(len(buffer), buffer))
                if not size:
                    self._hear_end()
                    return
                self._noise = max(0, self._noise - size - RECORD_HEAD)
                connection.buffer_updated(size)
                if self._is_ended:
                    return
        except ssl.SSLWantReadError:
            pass  # a record that is not all there
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def _charge(self) -> None:
        """Cut who sends handshakes, updates of keys, alerts without end: no limit sees them."""
        if self._noise_budget is None:
            self._noise_budget = Budget(NOISE_PER_S, NOISE_BURST)
        if not self._noise_budget.take(self._scheduler.time(), self._noise):
            self.abort()
        self._noise = 0

    def _hear_end(self) -> None:
        """The peer said in TLS that nothing follows; as after a FIN, we close."""
        self._connection.eof_received()
        if not self._is_ended:
            self.write_eof()
            self._lower.close()

    def _go_on(self) -> None:
        if self._tls is not None and not self._is_ended:
            self._take(self._tls)

    def _refuse(self, error: ssl.SSLError) -> None:
        """Say why with an alert, or to those who speak HTTP as they do; then hang up."""
        self._is_ended = True
        self._failed(self._connection, (error.reason or "unknown").lower().replace("_", " "))
        if error.reason == _IS_HTTP:
            self._lower.write(_NOT_TLS)
        else:
            self._flush()
        self._lower.close()

    def _flush(self) -> None:
        """Send what TLS itself has to say."""
        if self._outgoing.pending:
            sealed = self._outgoing.read()
            self._added += len(sealed)
            self._lower.write(sealed)

    def _seal(self, tls: ssl.SSLObject, data: Any) -> bytes:
        if len(data) <= MAX_RECORD:
            tls.write(data)
            return self._outgoing.read()
        return b"".join(self._records(tls, memoryview(data)))

    def _records(self, tls: ssl.SSLObject, data: memoryview) -> Iterator[bytes]:
        for at in range(0, len(data), MAX_RECORD):
            tls.write(data[at : at + MAX_RECORD])
            yield self._outgoing.read()
