"""What can happen in a room, as a reader of changes sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]
"""What the room shows of one member, as received. Never changed in place: a change is a new one."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A user is here who was not."""

    user_id: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Changed:
    """A member's entry, whole, cursor included."""

    user_id: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class CursorMoved:
    """A member's cursor; None when it is gone."""

    user_id: str
    cursor: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Left:
    """A member is gone: `closed`, `timeout`, `kicked` or `expired`."""

    user_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """The whole room. You must replace whatever you derived from earlier changes."""

    members: Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many users are here: all that a client with `members="count"` hears of the room."""

    members: int


Change = Joined | Changed | CursorMoved | Left | Reset | Counted
