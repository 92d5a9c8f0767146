"""Whole WebSocket frames: those that the server sends, and where those of a client begin and end.

A server's frames carry no mask and, without compression, nothing of the connection they go to
(RFC 6455 §5.1): one encoded frame serves a whole room.
"""

from struct import Struct
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.speedups import apply_mask

WHOLE_TEXT: Final = 0x81
"""The first byte of a message in one frame: FIN and TEXT, no extension (RFC 6455 §5.2)."""
COMPRESSED: Final = 0xC1
"""The same, compressed (RFC 7692 §6)."""
WHOLE_PONG: Final = 0x8A
MAX_CONTROL: Final = 6 + 125
"""Bytes of a client's largest control frame: header, mask, payload (RFC 6455 §5.5)."""

# First byte as above, second the length, or 126 or 127 where it follows (RFC 6455 §5.2).
_SHORT: Final = Struct("!BB").pack
_MEDIUM: Final = Struct("!BBH").pack
_LONG: Final = Struct("!BBQ").pack
_MASKED: Final = 0x80
_MASKED_126: Final = 0x80 | 126


def whole_frame(first: int, payload: bytes) -> bytes:
    """`payload` as one frame that begins with the byte `first`."""
    size = len(payload)
    if size < 126:
        return _SHORT(first, size) + payload
    if size < 65_536:
        return _MEDIUM(first, 126, size) + payload
    return _LONG(first, 127, size) + payload


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one text frame."""
    return whole_frame(WHOLE_TEXT, payload)


PING_FRAME: Final = Frame(Opcode.PING, b"").serialize(mask=False)


def frame_end(data: bytearray, at: int, limit: int) -> int:
    """Where the client's frame at `at` ends; beyond `data` if it is not all there.

    0 where no frame can follow: it has no mask, which every frame of a client must have
    (RFC 6455 §5.1), or a payload of more than `limit` bytes.
    """
    size = len(data) - at
    if size < 2:
        return len(data) + 1
    second = data[at + 1]
    if second < _MASKED:
        return 0
    if second < _MASKED_126:
        return at + 6 + second - _MASKED
    header = 8 if second == _MASKED_126 else 14
    if size < header:
        return len(data) + 1
    length = int.from_bytes(data[at + 2 : at + header - 4])
    return at + header + length if length <= limit else 0


def unmask(data: bytearray, at: int, end: int) -> bytes:
    """The payload of the client's whole frame from `at` to `end`."""
    second = data[at + 1]
    start = at + (6 if second < _MASKED_126 else 8 if second == _MASKED_126 else 14)
    return apply_mask(data[start:end], data[start - 4 : start])
