"""How a cell is written: for people in few words, for programs exactly. Pure."""

from datetime import UTC, datetime
from typing import Final, Protocol

from presence_server.commands.text import clean, figure, span

PSEUDONYM: Final = 8
"""Of the 64 digits of a guest's pseudonym: enough to tell guests apart."""


class Who(Protocol):
    """A user: without an id one who was erased."""

    @property
    def user_id(self) -> str | None:
        """The id, or a guest's pseudonym."""

    @property
    def is_guest(self) -> bool:
        """Whether it is one."""


class Words(Protocol):
    """Writes what stands in cells; None is written as nothing."""

    def when(self, at: int | None) -> str:
        """A time, in UTC milliseconds."""

    def at(self, at: int) -> str:
        """A time of which it matters when exactly it was."""

    def until(self, at: int | None, still: str) -> str:
        """When something ended; without an end it is still so."""

    def lasted(self, milliseconds: int) -> str:
        """A duration."""

    def count(self, number: float) -> str:
        """A number."""

    def user(self, who: Who) -> str:
        """A user's id."""


class ForPeople:
    """Times as they are from now, which is the server's."""

    def __init__(self, now: int) -> None:
        self._now = now

    def when(self, at: int | None) -> str:
        """How long ago."""
        return "" if at is None else ago(self._now - at)

    def at(self, at: int) -> str:
        """By the clock of this place."""
        moment = datetime.fromtimestamp(max(at, 0) / 1000, UTC).astimezone()
        return f"{moment:%Y-%m-%d %H:%M:%S}"

    def until(self, at: int | None, still: str) -> str:
        """How long ago, or that it did not."""
        return still if at is None else self.when(at)

    def lasted(self, milliseconds: int) -> str:
        """In one unit."""
        return lasted(milliseconds)

    def count(self, number: float) -> str:
        """With commas."""
        return f"{number:,}" if isinstance(number, int) else figure(number)

    def user(self, who: Who) -> str:
        """The id; of a pseudonym a few digits."""
        if who.user_id is None:
            return "(erased)"
        return f"guest {clean(who.user_id)[:PSEUDONYM]}" if who.is_guest else clean(who.user_id)


class ForPrograms:
    """Times as they are written in ISO 8601, durations in seconds."""

    def when(self, at: int | None) -> str:
        """In UTC, to the millisecond."""
        if at is None:
            return ""
        moment = datetime.fromtimestamp(max(at, 0) / 1000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{max(at, 0) % 1000:03}Z"

    def at(self, at: int) -> str:
        """The same."""
        return self.when(at)

    def until(self, at: int | None, still: str) -> str:
        """In UTC, or nothing."""
        del still
        return self.when(at)

    def lasted(self, milliseconds: int) -> str:
        """In seconds, to the millisecond."""
        return f"{milliseconds / 1000:.3f}"

    def count(self, number: float) -> str:
        """As it is."""
        return str(number)

    def user(self, who: Who) -> str:
        """The id, or nothing."""
        return "" if who.user_id is None else clean(who.user_id)


def ago(milliseconds: float) -> str:
    """How long something is past."""
    text = span(milliseconds / 1000)
    return text if text == "now" else f"{text} ago"


def lasted(milliseconds: float) -> str:
    """How long something took."""
    return span(milliseconds / 1000) if milliseconds >= 1_000 else "0 s"


def kind(who: Who) -> str:
    """What there is to say of a user."""
    if who.user_id is None:
        return "erased"
    return "guest" if who.is_guest else ""
