"""Sockets that listen, set up so that what they accept needs no set-up of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

BACKLOG: Final = 4096
ACCEPTED_IN_A_TURN: Final = 8
NOTSENT_LOWAT: Final = 131_072
_TCP_NOTSENT_LOWAT: Final = 25  # linux/tcp.h; the socket module has no name for it before 3.12


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening TCP socket.

    Accepted sockets inherit its options (Linux). With `TCP_NOTSENT_LOWAT` the kernel takes little
    more than the peer has room for, so that our own buffer shows how far a reader is behind.

    Raises:
        OSError: if the address can't be had.

    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise OSError(f"{host}: no such host ({error})") from None
    family, kind, protocol, _, address = infos[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    return listening


async def serve(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], asyncio.BaseProtocol],
    listening: socket.socket,
) -> list[asyncio.Server]:
    """Accept connections on a socket that listens; close all of what is returned.

    Libuv accepts one connection in a turn of the loop for each handle: with a single one a herd
    waits in the backlog until those in front have given up, and are admitted all the same.
    """
    handles = [listening, *(listening.dup() for _ in range(ACCEPTED_IN_A_TURN - 1))]
    return [await loop.create_server(factory, sock=one, backlog=BACKLOG) for one in handles]


def url(listening: socket.socket, scheme: str = "http") -> str:
    """The address of a listening socket, as one would type it."""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
