"""What the rows must say, worked out another way: facts are kept in lists, and everything is
counted anew from them at the end. Slow, and plainly right.

Rows are told by names, not by numbers: a user is `(room, id)`, a session `(room, opened_at)`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from presence_server.history.facts import (
    AnyFact,
    Ended,
    Lost,
    Moved,
    Opened,
    Refused,
    Removed,
    RoomEnded,
)
from tests.history.model_parts import (
    DAY,
    FIVE_MINUTES,
    Happened,
    OpenTab,
    Rows,
    Span,
    User,
    Version,
    Viewing,
)
from tests.history.model_sessions import sessions_of


class Model:
    """All that happened. `name` is what a guest is called at a time."""

    def __init__(self, idle_ms: int, half_life: int, name: Callable[[str, int], str]) -> None:
        self.idle_ms = idle_ms
        self.half_life = half_life
        self.now = 0
        self._name = name
        self._tabs: dict[tuple[str, int], OpenTab] = {}
        self._looks: dict[tuple[User, Version], list[tuple[int, int, str]]] = defaultdict(list)
        self._happened: list[Happened] = []
        self._gaps: list[tuple[int, int, int]] = []

    # What happens

    def take(self, fact: AnyFact) -> None:
        """A fact, in its turn."""
        self.now = max(self.now, fact.at)
        match fact:
            case Opened():
                self._open(fact)
            case Moved():
                self._move(fact)
            case Ended():
                self._close(fact)
            case Lost():
                self._gaps.append((fact.since, fact.at, fact.dropped))
                self._lose(fact.since)
            case Removed() | Refused() | RoomEnded():
                self._note(fact)

    def new_run(self) -> None:
        """The server was lost; what was open ended when it was last heard of."""
        self._end_all(self.now, "server_lost")

    def pass_time(self, at: int) -> None:
        """Nothing happened until then."""
        self.now = max(self.now, at)

    def _user(self, room: str, user: str, is_guest: bool, at: int) -> User:
        return (room, self._name(user, at) if is_guest else user, is_guest)

    def _log(self, at: int, room: str, what: str, user: User | None, detail: str | None) -> None:
        self._happened.append(Happened(at, room, what, user, detail))

    def _open(self, fact: Opened | Moved) -> None:
        tab = self._tabs.get((fact.room, fact.tab))
        if tab is not None and _is_theirs(tab, fact):
            if isinstance(fact, Opened):
                self._log(fact.at, fact.room, "role", tab.user, fact.role)
            return
        if tab is not None:
            self._end(fact.room, fact.tab, fact.at, "closed", "left")
        user = self._user(fact.room, fact.user, fact.is_guest, fact.at)
        self._tabs[fact.room, fact.tab] = OpenTab(user)
        self._log(fact.at, fact.room, "in", user, fact.role)

    def _move(self, fact: Moved) -> None:
        self._open(fact)
        tab = self._tabs[fact.room, fact.tab]
        sees = None
        if fact.kind is not None and fact.id is not None and not fact.is_away:
            sees = (fact.room, fact.kind, fact.id, fact.version or "")
        if sees != tab.sees:
            self._look_away(tab, fact.at, "away" if fact.is_away else "moved")
            tab.sees = sees
            if sees is not None:
                self._looks[tab.user, sees].append((fact.at, +1, ""))

    def _close(self, fact: Ended) -> None:
        tab = self._tabs.get((fact.room, fact.tab))
        if tab is not None and _is_theirs(tab, fact):
            is_stop = fact.reason == "server_stopped"
            ended_by = "server_stopped" if is_stop else "left"
            self._end(fact.room, fact.tab, fact.at, fact.reason, ended_by)

    def _end(self, room: str, number: int, at: int, reason: str, ended_by: str) -> None:
        tab = self._tabs.pop((room, number))
        self._look_away(tab, at, ended_by)
        self._log(at, room, "out", tab.user, reason)

    def _look_away(self, tab: OpenTab, at: int, ended_by: str) -> None:
        if tab.sees is not None:
            self._looks[tab.user, tab.sees].append((at, -1, ended_by))

    def _end_all(self, at: int, reason: str) -> None:
        for room, number in sorted(self._tabs):
            self._end(room, number, at, reason, reason)

    def _lose(self, since: int) -> None:
        for room in {happened.room for happened in self._happened}:
            self._log(since, room, "gap", None, None)
        self._end_all(since, "gap")

    def _note(self, fact: Removed | Refused | RoomEnded) -> None:
        match fact:
            case Refused():
                user = self._user(fact.room, fact.user, fact.is_guest, fact.at)
                self._log(fact.at, fact.room, "refused", user, fact.reason)
            case Removed(is_guest=None):
                self._log(fact.at, fact.room, "removed?", (fact.room, fact.user, False), None)
            case Removed(is_guest=bool(is_guest)):
                user = self._user(fact.room, fact.user, is_guest, fact.at)
                self._log(fact.at, fact.room, "removed", user, None)
            case RoomEnded():
                self._log(fact.at, fact.room, "ended", None, None)

    # What follows

    def viewings(self) -> list[Viewing]:
        """The ledger."""
        found: list[Viewing] = []
        for (user, version), looks in self._looks.items():
            found += self._viewings_of(user, version, _spans(looks))
        return found

    def _viewings_of(
        self, user: User, version: Version, spans: Iterable[Span]
    ) -> Iterable[Viewing]:
        last: Viewing | None = None
        found: list[Viewing] = []
        for span in spans:
            begin = span.opens[0]
            if last is None or not _is_return(last, begin):
                last = Viewing(user, version, begin)
                found.append(last)
            at, opens = begin, span.opens
            until = self.now if span.end is None else span.end
            while last.began + DAY <= until:
                split = last.began + DAY
                last.opens += [open_ for open_ in opens if open_ < split]
                last.end, last.ended_by, last.since = split, "day", None
                last.active += split - at
                last, at, opens = (
                    Viewing(user, version, split),
                    split,
                    [open_ for open_ in opens if open_ >= split],
                )
                found.append(last)
            last.opens += opens
            last.end, last.ended_by = span.end, span.ended_by
            last.since = at if span.end is None else None
            last.active += 0 if span.end is None else span.end - at
        return found

    def rows(self) -> Rows:
        """Every table that tells of users."""
        viewings = self.viewings()
        rows = _statistics(viewings, self.half_life)
        rows["views"] = sorted(
            (
                *(view.version, view.user, view.began, view.end, view.since),
                *(len(view.opens), view.active, view.ended_by or ""),
            )
            for view in viewings
        )
        rows["tabs"] = sorted(
            (room, number, tab.user, tab.sees or ()) for (room, number), tab in self._tabs.items()
        )
        rows["gaps"] = sorted(self._gaps)
        rows |= sessions_of(self._happened, viewings, self.idle_ms, self.now)
        return rows


def _is_theirs(tab: OpenTab, fact: Opened | Moved | Ended) -> bool:
    _, shown, is_guest = tab.user
    return is_guest == fact.is_guest and (is_guest or shown == fact.user)


def _spans(looks: Iterable[tuple[int, int, str]]) -> list[Span]:
    spans: list[Span] = []
    looking = 0
    for at, change, ended_by in looks:
        looking += change
        if change < 0 and looking == 0:
            spans[-1].end, spans[-1].ended_by = at, ended_by
        elif change > 0 and looking == 1:
            spans.append(Span([at]))
        elif change > 0:
            spans[-1].opens.append(at)
    return spans


def _is_return(last: Viewing, at: int) -> bool:
    assert last.end is not None
    return at - last.end <= FIVE_MINUTES and at < last.began + DAY


def _statistics(viewings: list[Viewing], half_life: int) -> Rows:
    """Each table as `{row: counts}`."""

    def by(key: Callable[[Viewing], Any]) -> dict[Any, list[Viewing]]:
        found: dict[Any, list[Viewing]] = defaultdict(list)
        for view in viewings:
            found[key(view)].append(view)
        return found

    return {
        "viewers": {
            key: (*_counts(of), *_times(of), max(view.began for view in of), _looking(of))
            for key, of in by(lambda view: (view.version, view.user)).items()
        },
        "resource_viewers": {
            key: (*_counts(of), *_times(of), max(view.began for view in of) // DAY)
            for key, of in by(lambda view: (view.version[:3], view.user)).items()
        },
        "versions": {
            key: (*_counts(of), _uniques(of), *_times(of))
            for key, of in by(lambda view: view.version).items()
        },
        "resources": {
            key: (*_counts(of), _uniques(of), *_times(of), _trend(of, half_life))
            for key, of in by(lambda view: view.version[:3]).items()
        },
        "days": {
            key: (*_counts(of), _uniques(of))
            for key, of in by(lambda view: (view.version[:3], view.began // DAY)).items()
        },
        "room_days": {
            key: (*_counts(of), _uniques(of))
            for key, of in by(lambda view: (view.version[0], view.began // DAY)).items()
        },
    }


def _counts(views: list[Viewing]) -> tuple[int, int, int]:
    return (
        len(views),
        sum(len(view.opens) for view in views),
        sum(view.active for view in views),
    )


def _times(views: list[Viewing]) -> tuple[int, int]:
    return min(view.began for view in views), max(max(view.times()) for view in views)


def _uniques(views: list[Viewing]) -> int:
    return len({view.user for view in views})


def _looking(views: list[Viewing]) -> bool:
    return any(view.end is None for view in views)


def _trend(views: list[Viewing], half_life: int) -> float:
    """Of days since the first, lest it overflow."""
    first = min(view.began for view in views) // DAY
    total = sum(2.0 ** ((view.began // DAY - first) / half_life) for view in views)
    return round(math.log2(total) + first / half_life, 6)
