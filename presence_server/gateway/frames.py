"""Whole WebSocket frames from the server, ready for any connection.

A server's frames carry no mask and, without compression, nothing of the connection they go to
(RFC 6455 §5.1): one encoded frame serves a whole room.
"""

from struct import Struct
from typing import Final

from websockets.frames import Frame, Opcode

# First byte FIN and TEXT, second the length, or 126 or 127 where it follows (RFC 6455 §5.2).
_SHORT: Final = Struct("!BB").pack
_MEDIUM: Final = Struct("!BBH").pack
_LONG: Final = Struct("!BBQ").pack
_TEXT: Final = 0x81


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one text frame."""
    size = len(payload)
    if size < 126:
        return _SHORT(_TEXT, size) + payload
    if size < 65_536:
        return _MEDIUM(_TEXT, 126, size) + payload
    return _LONG(_TEXT, 127, size) + payload


PING_FRAME: Final = Frame(Opcode.PING, b"").serialize(mask=False)
