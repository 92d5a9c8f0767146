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
TOO_MANY_FRAMES: Final = 2_048
"""More than what one read brings beyond what is enough."""


class Early:
    """What it asked for, and what it says meanwhile: to be heard when it is admitted."""

    __slots__ = ("_size", "_too_much", "said", "upgrade", "waiter")

    def __init__(self, upgrade: Upgrade, waiter: Timer, max_message: int) -> None:
        self.upgrade = upgrade
        self.waiter = waiter
        self.said: list[Frame] = []
        self._size = 0
        # More than what one read brings, unless it was compressed: that may be a hundred times it.
        self._too_much = 2 * ENOUGH_BYTES + max_message

    def keep(self, frame: Frame, link: Link, intake: Intake) -> None:
        """Keep a frame for later, if it is part of a message; with enough of them stop reading."""
        if frame.opcode in DATA_OPCODES:
            self.said.append(frame)
            self._size += len(frame.data)
        if self._exceeds(TOO_MANY_FRAMES, self._too_much):
            link.close(Close.TOO_MANY, "too much before the welcome")
        elif self._exceeds(ENOUGH_FRAMES, ENOUGH_BYTES):
            intake.hold()

    def _exceeds(self, frames: int, size: int) -> bool:
        return len(self.said) >= frames or self._size >= size
