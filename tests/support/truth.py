"""What is so on the server, and whether what a client was told is all of it."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.peer import Peer
from tests.support.server import ADMIN_KEY, ROOM, Server

NUMBERED: Final = ("user_joined", "presence_changed", "user_left")
DESCRIPTORS: Final = 20_000


def entries(server: Server, room: str = ROOM) -> dict[str, Any]:
    """The room's own map, as the admin listener shows it: what every client should hold."""
    answer = server.admin(f"/v1/rooms/{room}", ADMIN_KEY)
    if answer.status == 404:
        return {}
    return {entry["userId"]: entry for entry in answer.json()["users"]}


def check_order(peer: Peer) -> None:
    """Assert that after each snapshot came every later event, once and in order."""
    seq: int | None = None
    for message in peer.messages:
        if message["type"] == "presence_snapshot":
            seq = message["seq"]
        elif message["type"] in NUMBERED:
            assert seq is not None, "an event came before the first snapshot"
            seq += 1
            assert message["seq"] == seq


def events(peer: Peer) -> list[dict[str, Any]]:
    """Every numbered event that it was told of."""
    return [message for message in peer.messages if message["type"] in NUMBERED]


def snapshots(peer: Peer) -> int:
    """How many it got."""
    return peer.types().count("presence_snapshot")


def resident_bytes(server: Server) -> int:
    """Memory of the server's process that is in RAM."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """Let this process, and what it starts, have as many descriptors as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, DESCRIPTORS)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
