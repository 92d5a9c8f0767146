"""What a screen shows of a room, as plain text: which rows fit, and what stands in them. Pure."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from presence_client.changes import Entry
from presence_client.standing import Standing
from presence_client.watch.room import News, Room, name_of, place_of
from presence_client.watch.text import ago, clean

LINES_AROUND: Final = 3  # the header, a blank line, the titles of the columns
FOR_NEWS: Final = 4  # news take a quarter of the screen at most


class Row(NamedTuple):
    """One member. All of it is fit for a terminal."""

    name: str
    id: str
    status: str
    page: str
    activity: str
    following: str
    since: str


@dataclass(frozen=True, slots=True)
class Frame:
    """All that is shown at one moment.

    `hidden` members found no room; where it is not `is_live` it is what we knew last.
    """

    title: str
    people: str
    standing: str
    is_live: bool
    rows: list[Row]
    hidden: int
    news: list[str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame is made, for whom and how large.

    `wall` is seconds since the epoch, `standing_for` seconds since the standing turned; `user_id`
    is the watcher's own.
    """

    wall: float
    standing_for: float
    height: int
    user_id: str | None = None


def frame(title: str, room: Room, standing: Standing, moment: Moment) -> Frame:
    """What to show now."""
    news = list(room.news)[-(moment.height // FOR_NEWS) :] if moment.height >= FOR_NEWS else []
    room_left = moment.height - LINES_AROUND - (len(news) + 1 if news else 0)
    entries = in_order(room.members)
    shown = fitting(len(entries), room_left)
    return Frame(
        title=clean(title),
        people=_people(len(entries)),
        standing=describe(standing, moment.standing_for),
        is_live=standing.status == "online",
        rows=[row(entry, room.members, moment) for entry in entries[:shown]],
        hidden=len(entries) - shown,
        news=[_line(item) for item in news],
    )


def in_order(members: Mapping[str, Entry]) -> list[Entry]:
    """By name, then by id: nobody changes place but by a change of name."""
    named = [(name_of(entry).casefold(), user_id) for user_id, entry in members.items()]
    return [members[user_id] for _, user_id in sorted(named)]


def fitting(count: int, lines: int) -> int:
    """How many of `count` rows to show, where the last line may have to say how many are not."""
    return count if count <= lines else max(0, lines - 1)


def row(entry: Entry, members: Mapping[str, Entry], moment: Moment) -> Row:
    """What stands in the columns for one member."""
    name, user_id = name_of(entry), clean(entry.get("userId"))
    is_me = moment.user_id is not None and entry.get("userId") == moment.user_id
    return Row(
        name=f"{name} (you)" if is_me else name,
        id="" if user_id == name else user_id,
        status=clean(entry.get("status", "")),
        page=place_of(entry),
        activity=clean(entry.get("activity", "")),
        following=_followed(entry.get("following"), members),
        since=_since(entry.get("joinedAt"), moment.wall),
    )


def _followed(user_id: object, members: Mapping[str, Entry]) -> str:
    """The one followed, by name; by id where that one is not here just now."""
    if not isinstance(user_id, str):
        return ""
    return name_of(members[user_id]) if user_id in members else clean(user_id)


def _since(joined_at_ms: object, wall: float) -> str:
    return ago(wall - joined_at_ms / 1000) if isinstance(joined_at_ms, int | float) else ""


def _people(count: int) -> str:
    return {0: "nobody here", 1: "1 person"}.get(count, f"{count} people")


def _line(news: News) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(news.at))}  {news.text}"


def describe(standing: Standing, seconds: float) -> str:
    """The connection, in words: how it is, what comes next, and why."""
    if standing.retry_in is None:
        return standing.status + ("…" if standing.status == "connecting" else "")
    left = round(standing.retry_in - seconds)
    wait = f" in {left} s…" if left > 0 else "…"
    if standing.closing is None:
        return standing.status + wait
    code, reason = standing.closing
    why = clean(reason) or f"close {code}"
    return f"{standing.status}{wait} ({why})"
