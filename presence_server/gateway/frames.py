"""Whole WebSocket frames from the server, ready for any connection.

A server's frames carry no mask and, without compression, nothing of the connection they go to
(RFC 6455 §5.1): one encoded frame serves a whole room.
"""

from websockets.frames import Frame, Opcode


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one text frame."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


PING_FRAME = Frame(Opcode.PING, b"").serialize(mask=False)
