"""What a server's bytes say to a member, as far as a bench counts it. Pure.

All of a room are told the same, mostly in the same bytes: what was read once is remembered, so that
a thousand members cost little more than one.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from presence_server.load.wire import TEXT, NotWebSocket, cut

NUMBERED: Final = frozenset({"user_joined", "presence_changed", "user_left"})
_REMEMBERED_BYTES: Final = 8_388_608
_LARGE: Final = 65_536
"""A chunk beyond it is a snapshot, and hardly ever the same for two."""


class Stamped(Struct):
    """`data` or a cursor of ours: when it was sent, in microseconds of our clock."""

    at: int = 0


class Message(Struct):
    """What counts of any message."""

    type: str
    seq: int = 0
    code: str = ""
    data: Stamped | None = None
    cursor: Stamped | None = None


class Batch(NamedTuple):
    """Events of a room without a gap: the numbers `first` to `last`, or 0 and 0 if none has one."""

    first: int
    last: int
    updates: tuple[int, ...]
    """When those of the members' updates were sent."""
    cursors: tuple[int, ...]


_decode: Final = msgspec.json.Decoder(Message).decode


def read(payload: bytes) -> Message:
    """A message.

    Raises:
        NotWebSocket: if it is none of this protocol.

    """
    try:
        return _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NotWebSocket("a message that is none of a presence server") from None


class Memory:
    """Reads chunks that are nothing but a room's events, each different one once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Batch | None] = {}
        self._size = 0

    def batch(self, chunk: bytes) -> Batch | None:
        """The events of a chunk; None if it must be read frame by frame."""
        if len(chunk) > _LARGE:
            return None
        try:
            return self._known[chunk]
        except KeyError:
            pass
        if self._size > _REMEMBERED_BYTES:
            self._known.clear()
            self._size = 0
        self._size += len(chunk)
        found = self._known[chunk] = _events(chunk)
        return found


def _events(chunk: bytes) -> Batch | None:
    frames, end = cut(chunk)
    if end != len(chunk) or any(first != TEXT for first, _ in frames):
        return None
    messages = [read(payload) for _, payload in frames]
    numbers = [message.seq for message in messages if message.type in NUMBERED]
    cursors = [message for message in messages if message.type == "cursor_changed"]
    if len(numbers) + len(cursors) < len(messages):
        return None
    if numbers and numbers != [*range(numbers[0], numbers[0] + len(numbers))]:
        return None
    first, last = (numbers[0], numbers[-1]) if numbers else (0, 0)
    return Batch(first, last, tuple(stamps(messages)), tuple(_points(cursors)))


def stamps(messages: list[Message]) -> list[int]:
    """When the updates among these were sent."""
    return [
        message.data.at
        for message in messages
        if message.type == "presence_changed" and message.data is not None
    ]


def _points(messages: list[Message]) -> list[int]:
    return [message.cursor.at for message in messages if message.cursor is not None]
