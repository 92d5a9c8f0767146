"""Many people in one room, who move their cursors all the time."""

import json
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Self

from websockets.frames import Frame, Opcode

from tests.support.peer import Peer
from tests.support.server import address, get

ROOM: Final = "presence-demo"
RATE: Final = 20


def token(port: int, user: str) -> str:
    """A token of the demo, for anybody who asks."""
    answer: str = get(port, f"/demo/token?user={user}&name=Guest%20{user}").json()["token"]
    return answer


class Crowd:
    """So many guests at one page, each of whom moves a cursor 20 times a second.

    For use as a context manager; they read what they are told, and forget it.
    """

    def __init__(self, port: int, size: int, path: str, anchors: Sequence[str]) -> None:
        self._anchors = anchors
        self._over = threading.Event()
        self._peers = [
            Peer(port, address(ROOM, _pk=f"pk-{n}", token=token(port, f"g{n}")), {}, None)
            for n in range(size)
        ]
        for peer in self._peers:
            peer.send({"type": "presence_update", "currentPath": path})
        self._thread = threading.Thread(target=self._run, name="crowd")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        for peer in self._peers:
            peer.drop()

    def _run(self) -> None:
        chance = random.Random(1)
        pause = 1 / RATE / len(self._peers)
        due = time.monotonic()
        while not self._over.is_set():
            for peer in self._peers:
                peer.send_frame(Frame(Opcode.TEXT, self._cursor(chance)))
                peer.drain()
                due += pause
                time.sleep(max(0.0, due - time.monotonic()))

    def _cursor(self, chance: random.Random) -> bytes:
        anchor = chance.choice(self._anchors)
        where: dict[str, Any] = {"anchor": anchor, "dx": 0, "dy": 0}
        where |= {"x": chance.random(), "y": chance.random()}
        return json.dumps({"type": "cursor_update", "cursor": where}).encode()
