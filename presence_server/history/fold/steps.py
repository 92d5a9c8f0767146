"""Facts once it is known whom and what they are about: numbers of rows in place of ids.

Whatever made the facts odd (a tab that was never opened, one that was twice) is gone here.
"""

from typing import NamedTuple


class Open(NamedTuple):
    """A tab opened."""

    at: int
    room: int
    user: int
    tab: int
    role: str


class Role(NamedTuple):
    """A user who is there has another role, maybe."""

    at: int
    room: int
    user: int
    role: str


class Look(NamedTuple):
    """An open tab is at a version now, or looks at nothing because of `ended_by`."""

    at: int
    room: int
    user: int
    tab: int
    version: int | None
    ended_by: str


class End(NamedTuple):
    """An open tab ended."""

    at: int
    room: int
    user: int
    tab: int
    reason: str
    ended_by: str


class Note(NamedTuple):
    """A line for the trail. It is about the first of `users` who was in the session, if
    `is_known` asks for that, else about the first.
    """

    at: int
    room: int
    users: tuple[int, ...]
    what: str
    detail: str | None
    is_known: bool


Step = Open | Role | Look | End | Note


def about(step: Step) -> tuple[int, ...]:
    """The users whom a step is about."""
    return step.users if isinstance(step, Note) else (step.user,)
