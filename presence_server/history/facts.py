"""What the server tells the recorder: facts without names, paths, cursors or data.

They are numbered batches in MessagePack (<https://msgpack.org>). A batch is taken whole or not at
all, in order, and once: the recorder keeps the number of the last one with the rows it led to.
"""

from typing import Final, Literal

import msgspec

from presence_server.core.close_codes import EndReason

MAX_FACTS: Final = 500
"""Of one batch."""

LeftBecause = EndReason | Literal["untracked"]


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """At UTC milliseconds `at` (see `clock`), in `room`. Times never go back within a run."""

    at: int
    room: str


class Opened(Fact, frozen=True, array_like=True, gc=False, tag="o"):
    """A tab of a user opened. `tab` is unique in the room while the tab is there."""

    user: str
    is_guest: bool
    tab: int
    role: str


class Moved(Fact, frozen=True, array_like=True, gc=False, tag="m"):
    """A tab is at a resource (of this `kind` and `id`) or at none, and may be away."""

    user: str
    is_guest: bool
    tab: int
    role: str
    kind: str | None
    id: str | None
    version: str | None
    is_away: bool


class Ended(Fact, frozen=True, array_like=True, gc=False, tag="e"):
    """A tab ended."""

    user: str
    is_guest: bool
    tab: int
    reason: LeftBecause


class Removed(Fact, frozen=True, array_like=True, gc=False, tag="x"):
    """An operator removed a user; `is_guest` is None if nobody was there to know it by."""

    user: str
    is_guest: bool | None


class RoomEnded(Fact, frozen=True, array_like=True, gc=False, tag="z"):
    """An operator ended the room."""


class Refused(Fact, frozen=True, array_like=True, gc=False, tag="r"):
    """Somebody with a valid token was not let in."""

    user: str
    is_guest: bool
    reason: str


class Lost(Fact, frozen=True, array_like=True, gc=False, tag="g"):
    """So many facts from `since` to `at` were dropped, of all rooms (`room` is "").

    Nothing is known of what was open at `since`: it ends there. What is there now follows as
    `Opened` and `Moved`, room by room.
    """

    since: int
    dropped: int


AnyFact = Opened | Moved | Ended | Removed | RoomEnded | Refused | Lost


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Facts in order. `number` counts from 1 within a run of the server; `at` is when it was made:
    all that happened before is in it or in one before it. One without facts says that time passes.
    """

    run: str
    number: int
    at: int
    facts: list[AnyFact]


Why = Literal["locked", "full", "gone", "other", "taken"]


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """The recorder's answer: all batches up to `number` are in the database, for good."""

    number: int


class Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    """The recorder's word that a transaction failed and will be tried again: `why` in one word of
    `locked`, `full`, `gone`, `other`, or `taken`: another process writes to the database. `reason`
    is the database's own word, such as SQLITE_FULL or 28P01, or a sentence without secrets.
    """

    why: Why
    reason: str | None = None


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The recorder's first word: it has the database and took all up to `number` of this run."""

    number: int


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The recorder's sign of life, every few seconds, whatever the database does."""


Answer = Taken | Trouble | Ready | Alive
