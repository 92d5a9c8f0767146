"""What of a room's events is noted: who opened, moved or ended a tab; what operators did. Pure.

Whoever must not be tracked leaves no trace here. Names, paths, cursors and data stay behind.
"""

from collections.abc import Callable
from typing import Any, Final

from presence_server.core import events
from presence_server.core.entry import Place
from presence_server.history.facts import (
    AnyFact,
    Ended,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)

Facts = tuple[AnyFact, ...]
_NOTHING: Final[Facts] = ()


def _opened(at: int, room: str, event: events.TabOpened) -> Facts:
    who = event.identity
    if not who.track:
        return _NOTHING
    return (Opened(at, room, who.user_id, who.anon, event.tab, who.profile.role),)


def _moved(at: int, room: str, event: events.TabMoved | events.TabRenewed) -> Facts:
    who = event.identity
    if not who.track:
        return _NOTHING
    kind, id_, version = _resource(event.place)
    is_away = event.status == "away"
    user, is_guest, role = who.user_id, who.anon, who.profile.role
    return (Moved(at, room, user, is_guest, event.tab, role, kind, id_, version, is_away),)


def _ended(at: int, room: str, event: events.TabEnded) -> Facts:
    who = event.identity
    if not who.track:
        return _NOTHING
    return (Ended(at, room, who.user_id, who.anon, event.tab, event.reason),)


def _renewed(at: int, room: str, event: events.TabRenewed) -> Facts:
    who = event.identity
    if not who.track:
        return (Ended(at, room, who.user_id, who.anon, event.tab, "untracked"),)
    opened = Opened(at, room, who.user_id, who.anon, event.tab, who.profile.role)
    return (opened, *_moved(at, room, event))


def _removed(at: int, room: str, event: events.UserRemoved) -> Facts:
    who = event.identity
    if who is None:
        return (Removed(at, room, event.user_id, None),)
    return (Removed(at, room, who.user_id, who.anon),) if who.track else _NOTHING


def _room_ended(at: int, room: str, _event: events.RoomEnded) -> Facts:
    return (RoomEnded(at, room),)


def _refused(at: int, room: str, event: events.EntryRefused) -> Facts:
    who = event.identity
    return (Refused(at, room, who.user_id, who.anon, event.reason),) if who.track else _NOTHING


def _resource(place: Place) -> tuple[str | None, str | None, str | None]:
    """What a place is at; without a type or an id that is nothing."""
    if not place.resource_type or not place.resource_id:
        return (None, None, None)
    return (place.resource_type, place.resource_id, place.version_id)


OF_TABS: Final = frozenset({events.TabOpened, events.TabMoved, events.TabEnded, events.TabRenewed})
"""What a census makes up for."""

FACTS_OF: Final[dict[type[events.Event], Callable[[int, str, Any], Facts]]] = {
    events.TabOpened: _opened,
    events.TabMoved: _moved,
    events.TabEnded: _ended,
    events.TabRenewed: _renewed,
    events.UserRemoved: _removed,
    events.RoomEnded: _room_ended,
    events.EntryRefused: _refused,
}
"""What is noted of an event of each kind, at UTC milliseconds in a room. Of others: nothing."""
