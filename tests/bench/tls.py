"""What TLS costs: the server with and without it, in turn, each on the same core.

`.venv/bin/python -m tests.bench.tls [ROUNDS]`. The client, in Python on the other core, is slow:
what is counted is the server's CPU.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.machine import describe, raise_file_limit, two_cores
from tests.bench.server import DEFAULT_COMMAND, Server, running
from tests.bench.tokens import token
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
ACCEPTED = 500
WARM = 100
MEMBERS = 500
UPDATES = 200
IN_FLIGHT = 8
SETTINGS = ("--rate", "10000", "--burst", "100000", "--ping-interval", "3600")
IDLE_S = 0.3
"""How long nothing comes when everything has come."""

HEADERS = (
    "Host: bench",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
UPDATE = b'{"type":"presence_update","currentPath":"/bench/%04d"}'
MINE = b'"type":"presence_changed"'


class Cost(NamedTuple):
    """What one server took, in seconds of CPU and in bytes."""

    accept: float
    delivery: float
    memory: float


class Crowd:
    """Sockets with a seat in a room each, in one selector."""

    def __init__(self, stack: contextlib.ExitStack, port: int, trust: Path | None) -> None:
        self._stack = stack
        self._port = port
        self._tls = None if trust is None else ssl.create_default_context(cafile=trust)
        self._selector = stack.enter_context(selectors.DefaultSelector())

    def join(self, number: int, room: str) -> socket.socket:
        """Dial, and wait for the snapshot."""
        user = f"user-{number:04}"
        plain = socket.create_connection((HOST, self._port))
        one = self._tls.wrap_socket(plain, server_hostname=HOST) if self._tls else plain
        self._stack.enter_context(one)
        request = f"GET /parties/presence/{room}?_pk={user}&token={token(user, room)} HTTP/1.1"
        one.sendall("\r\n".join((request, *HEADERS, "", "")).encode())
        came = b""
        while b"presence_snapshot" not in came:
            came += one.recv(65_536)
        one.setblocking(False)
        self._selector.register(one, selectors.EVENT_READ)
        return one

    def read(self, seconds: float) -> Iterator[tuple[socket.socket, bytes]]:
        """All that comes until nothing comes for so long."""
        while ready := self._selector.select(seconds):
            for key, _ in ready:
                one = key.fileobj
                assert isinstance(one, socket.socket)
                with contextlib.suppress(*WOULD_BLOCK):
                    while data := one.recv(65_536):
                        yield one, data

    def settle(self) -> None:
        """Read until nothing comes."""
        for _ in self.read(IDLE_S):
            pass


def frame(text: bytes) -> bytes:
    """A masked frame of a short text."""
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + mask + masked


def measure_accept(server: Server, trust: Path | None) -> tuple[float, float]:
    """CPU for each connection that is let in, and its memory: rooms of ten."""
    with contextlib.ExitStack() as stack:
        crowd = Crowd(stack, server.port, trust)
        for number in range(WARM):
            crowd.join(number, f"presence-{number // 10}")
        crowd.settle()
        before, memory = server.cpu(), server.resident_bytes()
        for number in range(WARM, WARM + ACCEPTED):
            crowd.join(number, f"presence-{number // 10}")
        cpu = server.cpu().since(before)
        crowd.settle()
        return cpu / ACCEPTED, (server.resident_bytes() - memory) / ACCEPTED


def measure_fanout(server: Server, trust: Path | None) -> float:
    """CPU for each delivery in one room, so many updates under way at any moment."""
    with contextlib.ExitStack() as stack:
        crowd = Crowd(stack, server.port, trust)
        sockets = [crowd.join(number, "presence-bench") for number in range(MEMBERS)]
        crowd.settle()
        sender, sent, got = sockets[0], 0, 0
        before = server.cpu()
        for _ in range(IN_FLIGHT):
            sender.sendall(frame(UPDATE % sent))
            sent += 1
        for one, data in crowd.read(IDLE_S):
            if one is sender:
                got += data.count(MINE)
                while sent < min(UPDATES, got + IN_FLIGHT):
                    sender.sendall(frame(UPDATE % sent))
                    sent += 1
        assert got == UPDATES, f"{got} of {UPDATES} came"
        return server.cpu().since(before) / (UPDATES * MEMBERS)


def measure(core: int, flags: tuple[str, ...], trust: Path | None) -> Cost:
    """The cost of one server, freshly started for each measurement."""
    command = (*DEFAULT_COMMAND, *SETTINGS, *flags)
    with running(command, core) as server:
        accept, memory = measure_accept(server, trust)
    with running(command, core) as server:
        return Cost(accept, measure_fanout(server, trust), memory)


def main(rounds: int) -> None:
    """Print the costs, and their ratios: of each round, and the median."""
    raise_file_limit()
    core, own = two_cores()
    os.sched_setaffinity(0, {own})
    print(describe(), time.strftime("%Y-%m-%d"))
    ratios: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        cert, key = authority.issue()
        for _ in range(rounds):
            plain = measure(core, (), None)
            flags = ("--tls-cert", str(cert), "--tls-key", str(key))
            tls = measure(core, flags, authority.ca)
            for name, cost in (("plain", plain), ("TLS", tls)):
                accepted, delivered = f"{1 / cost.accept:,.0f}", f"{1 / cost.delivery:,.0f}"
                memory = f"{cost.memory / 1024:.1f} KiB"
                print(
                    f"{name:6} a CPU second: {accepted:>6} accepted, {delivered:>8} delivered; "
                    f"memory {memory} each",
                    flush=True,
                )
            ratios.append([one / other for one, other in zip(tls, plain, strict=True)])
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(
        "TLS by plain: CPU to accept ×{:.1f}, to deliver ×{:.2f}, memory ×{:.1f}".format(*medians)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
