"""A client that is neither in nor refused, because its token names a key that is on its way."""

from typing import Final

from websockets.frames import DATA_OPCODES, Frame

from presence_server.core.close_codes import Close
from presence_server.gateway.intake import Intake
from presence_server.gateway.parts import Link
from presence_server.gateway.ports import Timer
from presence_server.gateway.upgrade import Upgrade

TIMEOUT_S: Final = 11.0
"""Longer than a key source takes."""
ENOUGH_FRAMES: Final = 64
ENOUGH_BYTES: Final = 16_384
TOO_MUCH: Final = 32
"""So many times what is enough: more than what one read brings beyond it."""


class Early:
    """What it asked for, and what it says meanwhile: to be heard when it is admitted."""

    __slots__ = ("_size", "said", "upgrade", "waiter")

    def __init__(self, upgrade: Upgrade, waiter: Timer) -> None:
        self.upgrade = upgrade
        self.waiter = waiter
        self.said: list[Frame] = []
        self._size = 0

    def keep(self, frame: Frame, link: Link, intake: Intake) -> None:
        """Keep a frame for later, if it is part of a message; with enough of them stop reading."""
        if frame.opcode in DATA_OPCODES:
            self.said.append(frame)
            self._size += len(frame.data)
        if self._exceeds(TOO_MUCH):
            link.close(Close.TOO_MANY, "too much before the welcome")
        elif self._exceeds(1):
            intake.hold()

    def _exceeds(self, times: int) -> bool:
        return len(self.said) >= times * ENOUGH_FRAMES or self._size >= times * ENOUGH_BYTES
