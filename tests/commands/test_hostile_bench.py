"""`presence-server bench` against a server that means it no good."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from websockets.utils import accept_key

from presence_server.gateway.frames import text_frame
from tests.commands.program import KEYS, call
from tests.support.peer import HOST
from tests.support.server import PROGRAM, STOP_S, environment, eventually

SNAPSHOT = text_frame(b'{"type":"presence_snapshot","users":[],"seq":0}')
IDLE = ("-n", "3", "--seconds", "1", "--ramp", "0", "--rate", "0")


def upgraded(connection: socket.socket) -> None:
    """Let a client in."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += connection.recv(65_536)
    key = re.findall(rb"Sec-WebSocket-Key: (\S+)", asked)[0].decode()
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(key).encode()
    )


def pinging(connection: socket.socket) -> None:
    """Pings without an end; nothing is read."""
    connection.sendall(SNAPSHOT)
    while True:
        connection.sendall(b"\x89\x00" * 30_000)


def announcing(connection: socket.socket) -> None:
    """A frame of a terabyte begins."""
    connection.sendall(SNAPSHOT + b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))
    while True:
        connection.sendall(b"x" * 65_536)


@contextmanager
def enemy(does: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[socket.socket]]]:
    """A server that does this to everybody: its port, and whom it let in."""
    inside: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            upgraded(connection)
            inside.append(connection)
            does(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((HOST, 0)) as listener:
        Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1], inside
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("does", "says"),
    [(pinging, "a flood of frames"), (announcing, "a frame of 1,099,511,627,776 bytes")],
)
def test_what_no_presence_server_sends_is_hung_up_on(
    does: Callable[[socket.socket], None], says: str
) -> None:
    with enemy(does) as (port, _):
        began = time.monotonic()
        ran = call("bench", f"ws://{HOST}:{port}", *IDLE)
        assert time.monotonic() - began < 8
    assert ran.code == 1
    assert says in ran.stdout + ran.stderr


@pytest.mark.parametrize("is_in", [True, False])
def test_after_ctrl_c_it_does_not_wait_long_for_who_never_agrees_to_a_close(is_in: bool) -> None:
    def let(connection: socket.socket) -> None:
        connection.sendall(SNAPSHOT if is_in else b"")
        while connection.recv(65_536):
            pass

    with enemy(let) as (port, inside):
        process = subprocess.Popen(
            [PROGRAM, "bench", f"ws://{HOST}:{port}", *IDLE[:2], "--seconds", "60", "--ramp", "0"],
            env=environment(KEYS),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            eventually(lambda: len(inside) == (3 if is_in else 1))
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            out, err = process.communicate(timeout=STOP_S)
        finally:
            process.kill()
        assert time.monotonic() - began < 8
    assert (process.returncode, err) == (130, "")
    assert ("It was ended early" in out) is is_in
