"""Compression (RFC 7692) for a whole room at once: one deflater, whoever many get its frames.

A server's compressed frames hold nothing of the connection they go to but the bytes that went
before. So all who agreed to compression share one stream, which begins anew whenever somebody
comes in: no stream ever refers back to what came before it began. Snapshots are compressed alone,
direct replies not at all.
"""

import zlib
from collections.abc import Collection, Sequence
from typing import Final

from websockets.exceptions import InvalidHeaderFormat, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.headers import parse_extension

from presence_server.gateway.frames import COMPRESSED, whole_frame

NAME: Final = "permessage-deflate"
AGREED: Final = f"{NAME}; client_no_context_takeover"
"""Each message of the client stands alone: else its window would cost us 40 KB."""

LEVEL: Final = 3
WINDOW_BITS: Final = 13
MEMORY_LEVEL: Final = 6
"""With these a stream takes 64 KB; those of zlib's defaults, 256 KB, save 1 % more."""
MAX_OFFERS: Final = 512
"""Characters of the header with a client's offers; browsers send 50. A longer one is not read."""
MAX_SNAPSHOT: Final = 262_144
"""A larger one goes out as it is: its compression would hold the loop for milliseconds."""

_ACCEPTABLE: Final[dict[str, Collection[str | None]]] = {
    "client_no_context_takeover": (None,),
    "client_max_window_bits": (None, *map(str, range(8, 16))),
}
_SYNC: Final = b"\x00\x00\xff\xff"
"""The end of a sync flush, which is not sent but added again by the receiver (RFC 7692 §7.2.1)."""


def agreement(offers: str | None) -> str | None:
    """What to answer to the extensions that a client offers; None for no compression.

    An offer that asks the server to forget, or to look back less far, is not taken up, nor is one
    with a parameter that is unknown, repeated or out of range (RFC 7692 §7.1).
    """
    if not offers or len(offers) > MAX_OFFERS:
        return None
    try:
        parsed = parse_extension(offers)
    except InvalidHeaderFormat:
        return None
    for name, parameters in parsed:
        if name == NAME and _can_agree(parameters):
            return AGREED
    return None


def _can_agree(parameters: Sequence[tuple[str, str | None]]) -> bool:
    return len(parameters) == len(dict(parameters)) and all(
        value in _ACCEPTABLE.get(name, ()) for name, value in parameters
    )


class _Inflater(PerMessageDeflate):
    """The library's, which would keep whatever follows the end of a stream."""

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        decoded = super().decode(frame, max_size=max_size)
        decoder = getattr(self, "decoder", None)  # only while a message is incomplete
        if decoder is not None and _is_overlong(decoder):
            raise ProtocolError("data after the end of a compressed stream")
        return decoded


def inflater() -> PerMessageDeflate:
    """The library's part, for what comes in fragments or is wrong: a bomb ends with 1009."""
    return _Inflater(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )


def inflate(data: bytes, limit: int) -> bytes | None:
    """A client's compressed message; None if it can't be one of at most `limit` bytes."""
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = decoder.decompress(data + _SYNC, limit)
    except zlib.error:
        return None
    return None if decoder.unconsumed_tail or _is_overlong(decoder) else message


def _is_overlong(decoder: "zlib._Decompress") -> bool:
    """Whether more than padding follows a stream that said it was at its end (§7.2.3.4)."""
    return len(decoder.unused_data) > 2 * len(_SYNC)


class Stream:
    """The compressed stream of a room, from one newcomer to the next."""

    __slots__ = ("_deflater",)

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)

    def frame(self, payload: bytes) -> bytes:
        """The next message, for all who have had every one since the stream began."""
        deflater = self._deflater
        data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return whole_frame(COMPRESSED, data[: -len(_SYNC)])


def lone_frame(payload: bytes) -> bytes | None:
    """A message compressed by itself, for anybody; None if it is too large for that."""
    return Stream().frame(payload) if len(payload) <= MAX_SNAPSHOT else None
