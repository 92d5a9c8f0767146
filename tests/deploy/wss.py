"""Clients over TLS: a WebSocket from any address of the loopback, and bytes as they are.

One thread each: OpenSSL's connections must not be read and written by two at once.
"""

import contextlib
import json
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from tests.support.peer import HOST, SOON_S, secure

Json = dict[str, Any]

_LOGGER = logging.getLogger("tests.wss")
_LOGGER.setLevel(logging.WARNING)  # the library tells of each frame otherwise


def dial(port: int, trust: Path, source: str = HOST) -> ssl.SSLSocket:
    """A TLS connection from an address of the loopback."""
    plain = socket.create_connection((HOST, port), SOON_S, source_address=(source, 0))
    return secure(plain, trust)


class Client:
    """A WebSocket over TLS. It answers pings while it is waited for."""

    def __init__(
        self,
        port: int,
        target: str,
        trust: Path,
        *,
        source: str = HOST,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._messages: deque[Json] = deque()
        uri = parse_uri(f"wss://{HOST}:{port}{target}")
        self._ws = ClientProtocol(uri, max_size=None, logger=_LOGGER)
        self._socket = dial(port, trust, source)
        request = self._ws.connect()
        request.headers.update(headers or {})
        self._ws.send_request(request)
        self._write()
        while self._ws.state is self._ws.state.CONNECTING and not self._ws.handshake_exc:
            self._read()
        if self._ws.handshake_exc:
            self._socket.close()
            raise self._ws.handshake_exc

    def close(self) -> None:
        """Say goodbye, and don't wait for an answer."""
        if self._ws.state is self._ws.state.OPEN:
            self._ws.send_close(1000)
            self._write()
        self._socket.close()

    def send(self, **message: Any) -> None:
        """Send a message."""
        self._ws.send_text(json.dumps(message).encode())
        self._write()

    def next(self, kind: str) -> Json:
        """Wait for the next message of that type."""
        while True:
            while not self._messages:
                assert self._read(), f"no {kind}, but the end"
            message = self._messages.popleft()
            if message["type"] == kind:
                return message

    def linger(self, seconds: float) -> None:
        """Do nothing but answer pings."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                assert self._read(left), "it ended"

    def end(self) -> tuple[int, str]:
        """Wait for its end; code and reason of the Close that came, 1006 if none did."""
        while self._read():
            pass
        close = self._ws.close_rcvd
        return (1006, "") if close is None else (close.code, close.reason)

    def _read(self, seconds: float = SOON_S) -> bool:
        """Read once; whether there can be more."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(65_536)
        except (ConnectionError, ssl.SSLEOFError):
            data = b""
        if data:
            self._ws.receive_data(data)
        else:
            self._ws.receive_eof()
        for event in self._ws.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._messages.append(json.loads(bytes(event.data)))
        self._write()
        return bool(data)

    def _write(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for data in self._ws.data_to_send():
                self._socket.sendall(data)


def exchange(port: int, data: bytes, trust: Path) -> bytes:
    """Send bytes over TLS on a connection of their own; all that comes back until it ends."""
    answer = b""
    with dial(port, trust) as connection, contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        connection.sendall(data)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer
