"""What a server wrote, read as strictly as it should have been written. It shares no code with it.

Nothing here is lenient: a frame that a browser might forgive is `Broken`.
"""

import json
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

TEXT: Final = 0x81
DEFLATED_TEXT: Final = 0xC1
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A

STATUSES: Final = frozenset({101, 200, 400, 404, 405, 408, 414, 426, 431, 501, 505})
UNDERSTOOD: Final = frozenset({200, 404, 405, 426})
"""What answers a request that was read to its end: to HEAD without a body (RFC 9110 §9.3.2)."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Broken(Exception):
    """A promise was not kept: `promise` names the check that saw it."""

    def __init__(self, promise: str, what: object) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


class Reading(NamedTuple):
    """All that one peer got. `status` is None before there was a whole answer."""

    status: int | None = None
    messages: tuple[bytes, ...] = ()
    close: tuple[int, str] | None = None
    is_whole: bool = True

    def parsed(self) -> list[dict[str, Any]]:
        """The messages as JSON."""
        return [_json(message) for message in self.messages]


def read(raw: bytes, *, is_head: bool = False) -> Reading:
    """What `raw`, all that the server wrote to one peer so far, says; `is_head` if it was asked so.

    Raises:
        Broken: if it is no answer, or anything but frames follows it, or anything a Close.

    """
    head, end, rest = raw.partition(b"\r\n\r\n")
    if not raw:
        return Reading()
    match = _STATUS_LINE.match(head + end)
    if not end or match is None or int(match[1]) not in STATUSES:
        raise Broken("the_answer_is_http", raw[:200])
    status = int(match[1])
    if status != 101:
        length = _LENGTH.search(head + end)
        wanted = 0 if is_head and status in UNDERSTOOD else int(length[1]) if length else -1
        if length is None or len(rest) != wanted:
            raise Broken("an_answer_has_the_length_that_it_says", raw[:400])
        return Reading(status)
    return _read_frames(rest, is_deflated=b"permessage-deflate" in head)


def _read_frames(data: bytes, *, is_deflated: bool) -> Reading:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if is_deflated else None
    messages: list[bytes] = []
    close: tuple[int, str] | None = None
    end = 0
    for first, payload, end in _frames(data):  # noqa: B007 - looked at when there are no more
        if close is not None:
            raise Broken("nothing_follows_a_close", (close, first, payload[:80]))
        if first == TEXT:
            messages.append(payload)
        elif first == DEFLATED_TEXT and inflater is not None:
            messages.append(inflater.decompress(payload + b"\x00\x00\xff\xff"))
        elif first == CLOSE:
            close = (int.from_bytes(payload[:2]), payload[2:].decode())
        elif first not in (PING, PONG) or len(payload) > 125:
            raise Broken("the_server_sends_whole_frames", (first, payload[:80]))
    if close is not None and end != len(data):
        raise Broken("nothing_follows_a_close", data[end:][:80])
    return Reading(101, tuple(messages), close, end == len(data))


def _frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """First byte and payload of each whole frame, and where it ends (RFC 6455 §5.2)."""
    at = 0
    while len(data) - at >= 2:
        first, second = data[at], data[at + 1]
        if second > 127:
            raise Broken("the_server_masks_nothing", data[at : at + 40])
        extra = {126: 2, 127: 8}.get(second, 0)
        start = at + 2 + extra
        size = int.from_bytes(data[at + 2 : start]) if extra else second
        if len(data) < start + size:
            return
        at = start + size
        yield first, data[start:at], at


@lru_cache(maxsize=1_024)
def _json(text: bytes) -> dict[str, Any]:
    try:
        message = json.loads(text.decode(), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise Broken("every_message_is_json", (error, text[:200])) from None
    if not isinstance(message, dict):
        raise Broken("every_message_is_json", text[:200])
    return message


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
