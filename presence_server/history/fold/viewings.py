"""Viewings: when one begins, goes on, pauses and ends, and what the statistics say of it.

A viewing is of one user and one version, whatever the tabs. It is open while some tab looks.
Statistics change with it here and, where all that is open ends at once, in `store/ending`.
"""

from typing import Final

from presence_server.history.fold import trend
from presence_server.history.fold.desk import Desk
from presence_server.history.fold.rows import (
    Day,
    ResourceViewer,
    RoomDay,
    Version,
    View,
    Viewer,
)
from presence_server.history.fold.rules import DAY_MS, DEBOUNCE_MS

ENDS: Final = ("left", "moved", "away", "day", "server_lost", "gap", "erased", "server_stopped")
"""Why a viewing ended: `day` is the split after 24 hours, `gap` that facts were dropped."""

Key = tuple[int, int]
"""A version and a user."""


class Viewings:
    """The viewings on a desk."""

    def __init__(self, desk: Desk, half_life_days: int) -> None:
        self._desk = desk
        self._half_life_days = half_life_days

    def look(self, version_id: int, user_id: int, at: int) -> View | None:
        """A tab begins to look. Returns the viewing if it was not open before."""
        key = version_id, user_id
        viewer = self._viewer(key)
        viewer.tabs += 1
        if viewer.tabs > 1:
            self._opened(self._desk.views[viewer.view_id], viewer, at)
            return None
        mine = self._desk.resource_viewers.get((viewer.resource_id, user_id))
        at = at if mine is None else max(at, mine.last_at)
        last = self._desk.views.get(viewer.view_id)
        if last is None or not _goes_on(last, at):
            return self._began(viewer, at, opens=1)
        last.ended_at = last.ended_by = None
        last.since = at
        self._opened(last, viewer, at)
        return last

    def look_away(self, version_id: int, user_id: int, at: int, ended_by: str) -> None:
        """A tab that looked does so no more."""
        viewer = self._desk.viewers[version_id, user_id]
        viewer.tabs -= 1
        if viewer.tabs == 0:
            self._ended(viewer, at, ended_by)

    def split(self, key: Key, at: int) -> View:
        """A day is over; somebody still looks."""
        viewer = self._desk.viewers[key]
        self._ended(viewer, at, "day")
        return self._began(viewer, at, opens=0)

    def _viewer(self, key: Key) -> Viewer:
        viewer = self._desk.viewers.get(key)
        if viewer is None:
            version_id, user_id = key
            resource_id = self._desk.versions[version_id].resource_id
            viewer = self._desk.viewers[key] = Viewer(version_id, user_id, resource_id)
        return viewer

    def _began(self, viewer: Viewer, at: int, opens: int) -> View:
        desk = self._desk
        version = desk.versions[viewer.version_id]
        mine, day = self._resource_viewer(viewer), self._day(viewer.resource_id, at // DAY_MS)
        room_day = self._room_day(day)
        self._count_unique(version, viewer, mine, day, at)
        self._count_unique_of_room(viewer.user_id, room_day)
        resource = desk.resources[viewer.resource_id]
        resource.trend = trend.add(resource.trend, day.day, self._half_life_days)
        viewer.view_id, viewer.view_began_at = desk.numbers.next("views"), at
        mine.last_day = day.day
        for row in (viewer, version, mine, resource, day, room_day):
            row.views += 1
        session = desk.live.get(resource.room_id)
        if session is not None:
            session.views += 1
            session.last_at = max(session.last_at, at)
        view = desk.views[viewer.view_id] = View(
            at,
            viewer.view_id,
            resource.room_id,
            resource.id,
            version.id,
            viewer.user_id,
            *(None, at, 0, 0, None),
        )
        self._opened(view, viewer, at, opens)
        return view

    def _count_unique(
        self, version: Version, viewer: Viewer, mine: ResourceViewer, day: Day, at: int
    ) -> None:
        """Before anything is counted of a viewing, see for whom it is the first."""
        resource = self._desk.resources[viewer.resource_id]
        for row in (viewer, version, mine, resource):
            # Sooner than another's only if a clock went back.
            row.first_at = min(row.first_at, at) if row.views else at
        version.uniques += viewer.views == 0
        resource.uniques += mine.views == 0
        day.uniques += mine.last_day != day.day

    def _count_unique_of_room(self, user_id: int, room_day: RoomDay) -> None:
        """The user's first viewing of the day is known from the ledger, whatever it was of."""
        came = user_id, room_day.day
        room_day.uniques += came not in self._desk.came
        self._desk.came.add(came)

    def _opened(self, view: View, viewer: Viewer, at: int, opens: int = 1) -> None:
        view.opens += opens
        self._count(view, viewer, at, opens, 0)

    def _ended(self, viewer: Viewer, at: int, ended_by: str) -> None:
        view = self._desk.views[viewer.view_id]
        since = at if view.since is None else view.since
        view.ended_at = max(at, since)
        view.since, view.ended_by = None, ENDS.index(ended_by)
        view.active_ms += view.ended_at - since
        self._count(view, viewer, view.ended_at, 0, view.ended_at - since)

    def _count(self, view: View, viewer: Viewer, at: int, opens: int, active_ms: int) -> None:
        desk = self._desk
        mine = desk.resource_viewers[view.resource_id, view.user_id]
        began_on = view.began_at // DAY_MS
        days = desk.days[view.resource_id, began_on], desk.room_days[view.room_id, began_on]
        for day in days:
            day.opens += opens
            day.active_ms += active_ms
        for row in (
            viewer,
            mine,
            desk.versions[view.version_id],
            desk.resources[view.resource_id],
        ):
            row.opens += opens
            row.active_ms += active_ms
            row.last_at = max(row.last_at, at)

    def _resource_viewer(self, viewer: Viewer) -> ResourceViewer:
        key = viewer.resource_id, viewer.user_id
        found = self._desk.resource_viewers.get(key)
        if found is None:
            room_id = self._desk.resources[viewer.resource_id].room_id
            found = self._desk.resource_viewers[key] = ResourceViewer(*key, room_id)
        return found

    def _day(self, resource_id: int, day: int) -> Day:
        key = resource_id, day
        found = self._desk.days.get(key)
        if found is None:
            room_id = self._desk.resources[resource_id].room_id
            found = self._desk.days[key] = Day(*key, room_id)
        return found

    def _room_day(self, day: Day) -> RoomDay:
        key = day.room_id, day.day
        found = self._desk.room_days.get(key)
        if found is None:
            found = self._desk.room_days[key] = RoomDay(*key)
        return found


def _goes_on(last: View, at: int) -> bool:
    ended_at = at if last.ended_at is None else last.ended_at
    return at - ended_at <= DEBOUNCE_MS and at < last.began_at + DAY_MS
