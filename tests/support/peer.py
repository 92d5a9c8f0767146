"""WebSocket clients on bare sockets, which read only when they are told to."""

import json
import logging
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from presence_client.store import PresenceStore
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

HOST: Final = "127.0.0.1"
SOON_S: Final = 10.0
WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_LOGGER = logging.getLogger("tests.peer")
_LOGGER.setLevel(logging.WARNING)  # the library tells of each frame otherwise


def secure(plain: socket.socket, trust: Path) -> ssl.SSLSocket:
    """Speak TLS on a connected socket to one whom the authority in the file `trust` vouches for."""
    return ssl.create_default_context(cafile=trust).wrap_socket(plain, server_hostname=HOST)


class Peer:
    """A WebSocket client on a bare socket, its messages, and the map it makes of them.

    It reads, and answers pings and closes, only while it is given to `pump`.
    """

    def __init__(
        self,
        port: int,
        target: str,
        headers: Mapping[str, str],
        buffer: int | None,
        trust: Path | None = None,
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        self.store = PresenceStore()
        self.pongs = 0
        self.is_gone = False
        self.outgoing = bytearray()
        self._fragments = bytearray()
        uri = parse_uri(f"ws://presence.test{target}")
        self._ws = ClientProtocol(uri, max_size=None, logger=_LOGGER)
        self._socket = socket.socket()
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            self._socket.settimeout(SOON_S)
            self._socket.connect((HOST, port))
            if trust is not None:
                self._socket = secure(self._socket, trust)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        request = self._ws.connect()
        request.headers.update(headers)
        self._ws.send_request(request)
        self._answer()

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    # What it says

    def send(self, message: object) -> None:
        """Send a message as JSON, or a string as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.send_frame(Frame(Opcode.TEXT, text.encode()))

    def send_frame(self, frame: Frame) -> None:
        """Send any frame."""
        self.send_bytes(frame.serialize(mask=True))

    def send_bytes(self, data: bytes) -> None:
        """Send any bytes; those that the kernel does not take now go out in `pump`."""
        self.outgoing += data
        self.push()

    def update(self, path: str, **fields: Any) -> None:
        """Send a `presence_update`."""
        self.send({"type": "presence_update", "currentPath": path, **fields})

    def drop(self) -> None:
        """Close the socket, without a Close frame."""
        self.is_gone = True
        self.outgoing.clear()
        self._socket.close()

    def reset(self) -> None:
        """Be gone at once: the server gets a RST, or finds a dead connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop()

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

    def sees(self, user: str, path: str) -> bool:
        """Whether `user` is at `path`, on its map."""
        return bool(self.store.members.get(user, {}).get("currentPath") == path)

    def errors(self) -> list[str]:
        """The code of every error so far."""
        return [message["code"] for message in self.messages if message["type"] == "error"]

    def left(self) -> list[tuple[str, str]]:
        """Who left, as it was told, and why."""
        return [(m["userId"], m["reason"]) for m in self.messages if m["type"] == "user_left"]

    # How

    def push(self) -> None:
        """Give the kernel what it takes."""
        try:
            while self.outgoing:
                del self.outgoing[: self._socket.send(self.outgoing)]
        except WOULD_BLOCK:
            pass
        except ConnectionError:
            self.drop()

    def pull(self, size: int = 262_144) -> None:
        """Read once what has come."""
        try:
            data = self._socket.recv(size)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                data += self._socket.recv(size)  # `select` does not see it
        except WOULD_BLOCK:
            return
        except ConnectionError:
            data = b""
        if data:
            self._ws.receive_data(data)
        else:
            self._ws.receive_eof()
        for event in self._ws.events_received():
            if isinstance(event, Frame):
                self._take(event)
        if data:
            self._answer()
        else:
            self.drop()

    def drain(self) -> None:
        """Read what has come, and forget it unseen."""
        try:
            while self._socket.recv(262_144):
                pass
        except WOULD_BLOCK:
            return

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.pongs += 1
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments += frame.data
            if frame.fin:
                message = json.loads(self._fragments)
                self._fragments.clear()
                self.messages.append(message)
                self.store.receive(message, time.monotonic())

    def _answer(self) -> None:
        for data in self._ws.data_to_send():
            self.outgoing += data
        self.push()


def pump(peers: Sequence[Peer], until: Callable[[], object], seconds: float = SOON_S) -> None:
    """Let `peers` read and write until something is so; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for peer in _here(peers):
            selector.register(peer, selectors.EVENT_READ, peer)
        while not until():
            assert time.monotonic() < deadline, "it never came"
            for key, _ in selector.select(0.01):
                key.data.pull()
                if key.data.is_gone:
                    selector.unregister(key.fd)
            for peer in _here(peers):
                peer.push()


def _here(peers: Iterable[Peer]) -> list[Peer]:
    return [peer for peer in peers if not peer.is_gone]
