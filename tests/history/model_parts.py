"""What the naive model keeps in its lists."""

from dataclasses import dataclass, field
from typing import Any

DAY = 24 * 60 * 60 * 1000
FIVE_MINUTES = 5 * 60 * 1000

User = tuple[str, str, bool]
"""Room, id or pseudonym, whether a guest."""
Version = tuple[str, str, str, str]
"""Room, type, id, version."""
Rows = dict[str, Any]


@dataclass
class OpenTab:
    """A tab that is there."""

    user: User
    sees: Version | None = None


@dataclass
class Span:
    """From the first tab that looks to the last that does no more."""

    opens: list[int]
    end: int | None = None
    ended_by: str | None = None


@dataclass
class Viewing:
    """A row of the ledger."""

    user: User
    version: Version
    began: int
    end: int | None = None
    ended_by: str | None = None
    opens: list[int] = field(default_factory=list)
    active: int = 0
    since: int | None = None

    def times(self) -> list[int]:
        """When something happened in it."""
        return [self.began, *self.opens, *([] if self.end is None else [self.end])]


@dataclass
class Happened:
    """Something that the trail may tell of."""

    at: int
    room: str
    what: str
    user: User | None
    detail: str | None
