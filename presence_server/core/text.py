"""Checks of what strings and objects may hold. Sizes are UTF-8 bytes."""

import re
from typing import Any, Final

import orjson

MAX_PATH: Final = 2048
MAX_PICTURE: Final = 2048
MAX_NAME: Final = 256
MAX_ACTIVITY: Final = 256
MAX_ID: Final = 128
MAX_DATA: Final = 2048
MAX_CURSOR: Final = 512
MAX_DEPTH: Final = 8

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ROOM_ID = re.compile(r"[A-Za-z0-9._:~-]{1,128}")


def byte_length(text: str) -> int:
    """The length of `text` in UTF-8 bytes. Lone surrogates can't get here: JSON refuses them."""
    return len(text) if text.isascii() else len(text.encode())


def has_control(text: str) -> bool:
    """Whether `text` holds a C0 or C1 control character (which no name, id or path needs)."""
    return _CONTROL.search(text) is not None


def is_plain(text: str, limit: int) -> bool:
    """Whether `text` is so plain that no check of it can fail: printable ASCII, no longer."""
    return len(text) <= limit and text.isascii() and text.isprintable()


def is_clean(text: str, limit: int) -> bool:
    """Whether `text` has at most `limit` bytes and no control characters."""
    return is_plain(text, limit) or (byte_length(text) <= limit and not has_control(text))


def is_room_id(text: str) -> bool:
    """Whether `text` can be the id of a room."""
    return _ROOM_ID.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether `text` can be a user's or a connection's id: 1–128 bytes, no control characters."""
    return 0 < len(text) <= MAX_ID and is_clean(text, MAX_ID)


def compact(value: dict[str, Any]) -> bytes:
    """`value` as compact JSON."""
    return orjson.dumps(value)


def depth_exceeds(value: object, limit: int) -> bool:
    """Whether objects and arrays in `value` nest deeper than `limit`; a flat object is 1 deep."""
    if isinstance(value, dict):
        children: Any = value.values()
    elif isinstance(value, list):
        children = value
    else:
        return False
    if limit <= 0:
        return True
    for child in children:
        if isinstance(child, (dict, list)) and depth_exceeds(child, limit - 1):
            return True
    return False
