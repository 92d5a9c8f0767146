"""What a watcher knows of a room: its members, and what happened last. Pure."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from presence_client.changes import Change, Changed, CursorMoved, Entry, Joined, Left, Reset
from presence_client.watch.text import clean

NEWS: Final = 5
BRIEF: Final = 30


class News(NamedTuple):
    """Something that happened, and when (seconds since the epoch)."""

    at: float
    text: str


class Room:
    """The members as far as the changes are known, and the latest news of them.

    Give it every change, in order.
    """

    def __init__(self) -> None:
        self.members: dict[str, Entry] = {}
        self.news: deque[News] = deque(maxlen=NEWS)
        self._is_known = False

    def take(self, change: Change, now: float) -> None:
        """Take in a change that came at `now` (seconds since the epoch)."""
        texts = list(self._tell(change))
        self._apply(change)
        self.news.extend(News(now, text) for text in texts)

    def _tell(self, change: Change) -> Iterator[str]:
        match change:
            case Joined(_, entry):
                yield f"{_brief(entry)} joined"
            case Left(user_id, reason):
                yield f"{_brief(self._before(user_id))} left ({clean(reason)})"
            case Changed(user_id, entry):
                yield from _changes(self._before(user_id), entry)
            case Reset(members) if self._is_known:  # while we were away
                yield from _differences(self.members, members)

    def _before(self, user_id: str) -> Entry:
        return self.members.get(user_id, {"userId": user_id})

    def _apply(self, change: Change) -> None:
        match change:
            case Joined(user_id, entry) | Changed(user_id, entry):
                self.members[user_id] = entry
            case Left(user_id, _):
                self.members.pop(user_id, None)
            case Reset(members):
                self.members = dict(members)
                self._is_known = True
            case CursorMoved():
                pass  # no column shows it


def name_of(entry: Entry) -> str:
    """What to call a member."""
    return clean(entry.get("userName") or "") or clean(entry.get("userId"))


def _brief(entry: Entry) -> str:
    """What to call a member in a sentence."""
    name = name_of(entry)
    return name if len(name) <= BRIEF else f"{name[: BRIEF - 1]}…"


def place_of(entry: Entry) -> str:
    """Where a member is: the path, then the resource and its version."""
    resource = " ".join(
        clean(entry[field]) for field in ("resourceType", "resourceId") if entry.get(field)
    )
    version = f"@{clean(entry['versionId'])}" if entry.get("versionId") else ""
    return f"{clean(entry.get('currentPath', ''))} {resource}{version}".strip()


def _changes(before: Entry, entry: Entry) -> Iterator[str]:
    if (place := place_of(entry)) != place_of(before):
        yield f"{_brief(entry)} moved to {place or 'nowhere'}"
    if (status := entry.get("status")) != before.get("status"):
        yield f"{_brief(entry)} is {clean(status)}"


def _differences(before: Mapping[str, Entry], members: Mapping[str, Entry]) -> Iterator[str]:
    for user_id in before.keys() - members.keys():
        yield f"{_brief(before[user_id])} left meanwhile"
    for user_id in members.keys() - before.keys():
        yield f"{_brief(members[user_id])} joined meanwhile"
