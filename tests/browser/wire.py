"""A stretch of network between a browser and the server, which a test can break."""

import contextlib
import socket
import struct
import threading
from typing import Final, Self

from tests.support.peer import HOST

CHUNK: Final = 65_536
TURN_S: Final = 0.02
RESET: Final = struct.pack("ii", 1, 0)

Pair = tuple[socket.socket, socket.socket]


class Wire:
    """Passes connections on to a port of the loopback, for use as a context manager.

    `cut` is what a dead network does: nothing passes, nobody is told, and it is not made good by
    `mend`, which only lets new connections through. `reset` ends all connections with a RST.
    """

    def __init__(self, port: int) -> None:
        self.dials = 0
        self._target = port
        self._is_cut = False
        self._pairs: list[Pair] = []
        self._dead: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listener = socket.create_server((HOST, 0))
        self._listener.settimeout(TURN_S)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="wire")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._listener.close()
        self.cut()
        for end in self._dead:
            end.close()

    def cut(self) -> None:
        """From here on nothing passes."""
        with self._lock:
            self._is_cut = True
            self._dead += [end for pair in self._pairs for end in pair]
            self._pairs.clear()

    def mend(self) -> None:
        """New connections pass again; the old ones stay dead."""
        with self._lock:
            self._is_cut = False

    def reset(self) -> None:
        """End every connection, on both sides, without a Close frame."""
        with self._lock:
            for pair in self._pairs:
                _reset(pair)
            self._pairs.clear()

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self._accept(self._listener.accept()[0])
            with self._lock:
                self._pairs = [pair for pair in self._pairs if self._pass_on(pair)]

    def _accept(self, client: socket.socket) -> None:
        self.dials += 1
        with self._lock:
            if self._is_cut:
                self._dead.append(client)
                return
            try:
                server = socket.create_connection((HOST, self._target), 5)
            except OSError:
                _reset((client,))
                return
            for end in (client, server):
                end.setblocking(False)
            self._pairs.append((client, server))

    def _pass_on(self, pair: Pair) -> bool:
        """Hand over what has come on either side; false once a side has ended."""
        for source, sink in (pair, pair[::-1]):
            try:
                while data := source.recv(CHUNK):
                    sink.setblocking(True)
                    sink.sendall(data)
                    sink.setblocking(False)
            except BlockingIOError:
                continue
            except OSError:
                pass
            _reset(pair)
            return False
        return True


def _reset(ends: tuple[socket.socket, ...]) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()
