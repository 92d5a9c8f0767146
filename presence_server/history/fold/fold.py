"""The fold: steps, and what time brings between them, change the rows on a desk.

What is due by time comes before what happens at that time, and in the order of time: so the result
does not depend on how facts are cut into transactions, nor on how late a day's end is noticed.
"""

import heapq
from collections.abc import Iterable
from typing import Final

from presence_server.history.fold.desk import Desk
from presence_server.history.fold.rows import Session, Tab, View
from presence_server.history.fold.rules import DAY_MS, Rules
from presence_server.history.fold.sessions import Sessions
from presence_server.history.fold.steps import End, Look, Note, Open, Role, Step
from presence_server.history.fold.viewings import Viewings

_SPLIT: Final = 0
_CLOSE: Final = 1


class Fold:
    """Changes what is on a desk, up to the time `until`. Use it once."""

    def __init__(self, desk: Desk, rules: Rules, until: int) -> None:
        self._desk = desk
        self._until = until
        self._idle_ms = rules.session_idle_ms
        self._viewings = Viewings(desk, rules.half_life_days)
        self._sessions = Sessions(desk)
        # When, what, and the number of the row.
        self._due: list[tuple[int, int, int]] = []
        for view in desk.views.values():
            self._await_day(view)
        for session in desk.live.values():
            self._await_close(session)

    def run(self, steps: Iterable[Step]) -> None:
        """Fold the steps, then what is due until the end."""
        for step in steps:
            self._pass_time(step.at)
            self._fold(step)
        self._pass_time(self._until)

    def _fold(self, step: Step) -> None:
        match step:
            case Look():
                self._look(step)
            case Open():
                self._open(step)
                self._sessions.join(step.room, step.user, step.role, step.at)
            case End():
                self._end(step)
            case Role():
                self._sessions.set_role(step.room, step.user, step.role, step.at)
            case Note():
                self._note(step)

    # Tabs

    def _open(self, step: Open) -> None:
        self._desk.tabs[step.room, step.tab] = Tab(step.room, step.tab, step.user, None)

    def _look(self, step: Look) -> None:
        tab = self._desk.tabs[step.room, step.tab]
        if tab.version_id == step.version:
            return
        self._look_away(tab, step.at, step.ended_by)
        tab.version_id = step.version
        if step.version is not None:
            view = self._viewings.look(step.version, step.user, step.at)
            if view is not None:
                self._await_day(view)

    def _end(self, step: End) -> None:
        tab = self._desk.tabs.pop((step.room, step.tab))
        self._look_away(tab, step.at, step.ended_by)
        session = self._sessions.leave(step.room, step.user, step.reason, step.at)
        if session is not None:
            self._await_close(session)

    def _look_away(self, tab: Tab, at: int, ended_by: str) -> None:
        if tab.version_id is not None:
            self._viewings.look_away(tab.version_id, tab.user_id, at, ended_by)

    def _note(self, step: Note) -> None:
        users = step.users
        if step.is_known:
            session = self._desk.live.get(step.room)
            there = self._desk.participants
            users = tuple(user for user in users if session and (session.id, user) in there)
        self._desk.say(step.at, step.room, step.what, users[0] if users else None, step.detail)

    # Time

    def _await_day(self, view: View) -> None:
        self._await(view.began_at + DAY_MS, _SPLIT, view.id)

    def _await_close(self, session: Session) -> None:
        if session.empty_since is not None:
            self._await(session.empty_since + self._idle_ms + 1, _CLOSE, session.id)

    def _await(self, at: int, what: int, number: int) -> None:
        if at <= self._until:
            heapq.heappush(self._due, (at, what, number))

    def _pass_time(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            at, what, number = heapq.heappop(self._due)
            if what == _SPLIT:
                self._split(number, at)
            else:
                self._close(number, at)

    def _split(self, number: int, at: int) -> None:
        view = self._desk.views[number]
        if view.ended_at is None:
            self._await_day(self._viewings.split((view.version_id, view.user_id), at))

    def _close(self, number: int, at: int) -> None:
        session = self._desk.sessions[number]
        is_empty = session.closed_at is None and session.empty_since is not None
        if is_empty and session.empty_since == at - self._idle_ms - 1:
            self._sessions.close(session)
