"""Rows as the fold changes them: fields in the order of the tables' columns.

Whatever differs from what was loaded is written: nothing else says that a row changed.
"""

import msgspec

from presence_server.history.fold import trend


class Resource(msgspec.Struct, gc=False):
    """What everybody did with a resource."""

    id: int
    room_id: int
    kind: str
    ref: str
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    uniques: int = 0
    first_at: int = 0
    last_at: int = 0
    trend: float = trend.NOTHING
    base_views: int = 0
    base_opens: int = 0
    base_active_ms: int = 0
    base_uniques: int = 0


class Version(msgspec.Struct, gc=False):
    """What everybody did with a version."""

    id: int
    resource_id: int
    ref: str
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    uniques: int = 0
    first_at: int = 0
    last_at: int = 0
    base_views: int = 0
    base_opens: int = 0
    base_active_ms: int = 0
    base_uniques: int = 0


class Viewer(msgspec.Struct, gc=False):
    """What a user did with a version; `tabs` look now."""

    version_id: int
    user_id: int
    resource_id: int
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    first_at: int = 0
    last_at: int = 0
    base_views: int = 0
    base_opens: int = 0
    base_active_ms: int = 0
    view_id: int = 0
    view_began_at: int = 0
    tabs: int = 0


class ResourceViewer(msgspec.Struct, gc=False):
    """What a user did with a resource."""

    resource_id: int
    user_id: int
    room_id: int
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    first_at: int = 0
    last_at: int = 0
    last_day: int = -1
    base_views: int = 0
    base_opens: int = 0
    base_active_ms: int = 0


class Day(msgspec.Struct, gc=False):
    """What began on a day."""

    resource_id: int
    day: int
    room_id: int
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    uniques: int = 0


class RoomDay(msgspec.Struct, gc=False):
    """What began on a day in all of a room; `uniques` are users, each once."""

    room_id: int
    day: int
    views: int = 0
    opens: int = 0
    active_ms: int = 0
    uniques: int = 0


class View(msgspec.Struct, gc=False):
    """A viewing: one user, one version, whatever the tabs."""

    began_at: int
    id: int
    room_id: int
    resource_id: int
    version_id: int
    user_id: int
    ended_at: int | None
    since: int | None
    opens: int
    active_ms: int
    ended_by: int | None


class Tab(msgspec.Struct, gc=False):
    """A tab that is open, and the version that it looks at."""

    room_id: int
    tab: int
    user_id: int
    version_id: int | None


class Session(msgspec.Struct, gc=False):
    """A room from its first join until it was empty for long."""

    id: int
    room_id: int
    opened_at: int
    last_at: int
    empty_since: int | None = None
    closed_at: int | None = None
    users: int = 0
    joins: int = 0
    members: int = 0
    peak: int = 0
    views: int = 0


class Participant(msgspec.Struct, gc=False):
    """A user of a session; `tabs` are open now."""

    session_id: int
    user_id: int
    role: str
    joined_at: int
    left_at: int | None
    left_because: str | None
    joins: int
    tabs: int
    present_ms: int
    since: int


class Activity(msgspec.Struct, gc=False):
    """A line of the trail."""

    id: int
    at: int
    room_id: int
    session_id: int | None
    user_id: int | None
    what: str
    detail: str | None
