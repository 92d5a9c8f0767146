"""What facts mean: whose tab it is, and what an odd one must stand for.

A tab that is open keeps its user: a guest's pseudonym may be another by now, the tab's is not.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from presence_server.history.facts import (
    AnyFact,
    Ended,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)
from presence_server.history.fold.steps import End, Look, Note, Open, Role, Step


class Names(Protocol):
    """Numbers the rows that facts name; those that there are not yet become new ones."""

    def room(self, ref: str) -> int:
        """A room."""

    def user(self, room: int, user: str, is_guest: bool, at: int) -> int:
        """A user; a guest is the pseudonym of now."""

    def known(self, room: int, user: str) -> tuple[int, ...]:
        """Users of this id, or guests who may have it; no new ones."""

    def version(self, room: int, kind: str, ref: str, version: str) -> int:
        """A version of a resource."""


class Holder(NamedTuple):
    """Whose a tab is. A guest's `ref` is the pseudonym, an erased user's is None."""

    user: int
    ref: str | None
    is_guest: bool


Tabs = dict[tuple[int, int], Holder]
"""Who holds which tab of which room."""


class Meaning:
    """Turns facts into steps, in order. `tabs` are those that are open, and changes with them."""

    def __init__(self, names: Names, tabs: Tabs) -> None:
        self._names = names
        self._tabs = tabs

    def of(self, fact: AnyFact) -> Iterator[Step]:
        """The steps of a fact."""
        room = self._names.room(fact.room)
        match fact:
            case Moved():
                yield from self._there(fact, room)
                yield self._look(fact, room, self._tabs[room, fact.tab].user)
            case Opened():
                yield from self._opened(fact, room)
            case Ended():
                yield from self._ended(fact, room)
            case _:
                yield from self._noted(fact, room)

    def _opened(self, fact: Opened, room: int) -> Iterator[Step]:
        before = self._tabs.get((room, fact.tab))
        if before is not None and _is_same(before, fact):
            yield Role(fact.at, room, before.user, fact.role)
        else:
            yield from self._there(fact, room)

    def _there(self, fact: Opened | Moved, room: int) -> Iterator[Step]:
        """See that the tab is open, and this user's."""
        key = room, fact.tab
        before = self._tabs.get(key)
        if before is not None:
            if _is_same(before, fact):
                return
            yield End(fact.at, room, before.user, fact.tab, "closed", "left")
        user = self._names.user(room, fact.user, fact.is_guest, fact.at)
        self._tabs[key] = Holder(user, fact.user, fact.is_guest)
        yield Open(fact.at, room, user, fact.tab, fact.role)

    def _ended(self, fact: Ended, room: int) -> Iterator[Step]:
        before = self._tabs.get((room, fact.tab))
        if before is not None and _is_same(before, fact):
            del self._tabs[room, fact.tab]
            ended_by = "server_stopped" if fact.reason == "server_stopped" else "left"
            yield End(fact.at, room, before.user, fact.tab, fact.reason, ended_by)

    def _look(self, fact: Moved, room: int, user: int) -> Look:
        if fact.is_away:
            return Look(fact.at, room, user, fact.tab, None, "away")
        if fact.kind is None or fact.id is None:
            return Look(fact.at, room, user, fact.tab, None, "moved")
        version = self._names.version(room, fact.kind, fact.id, fact.version or "")
        return Look(fact.at, room, user, fact.tab, version, "moved")

    def _noted(self, fact: AnyFact, room: int) -> Iterator[Step]:
        match fact:
            case RoomEnded():
                yield Note(fact.at, room, (), "ended", None, is_known=False)
            case Refused():
                user = self._names.user(room, fact.user, fact.is_guest, fact.at)
                yield Note(fact.at, room, (user,), "refused", fact.reason, is_known=False)
            case Removed(is_guest=None):
                users = self._names.known(room, fact.user)
                yield Note(fact.at, room, users, "removed", None, is_known=True)
            case Removed(is_guest=bool(is_guest)):
                user = self._names.user(room, fact.user, is_guest, fact.at)
                yield Note(fact.at, room, (user,), "removed", None, is_known=False)


def _is_same(holder: Holder, fact: Opened | Moved | Ended) -> bool:
    """Whether the tab is still this user's. Of guests the number alone must do: an old pseudonym
    can't be told from another's.
    """
    if holder.is_guest or fact.is_guest:
        return holder.is_guest and fact.is_guest
    return holder.ref == fact.user
