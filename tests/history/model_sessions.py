"""The naive model's sessions: who was in a room, worked out from all that happened there."""

from dataclasses import dataclass, field

from tests.history.model_parts import Happened, Rows, User, Viewing


@dataclass
class Presence:
    """A user of a session."""

    role: str
    came: list[int] = field(default_factory=list)
    went: list[tuple[int, str]] = field(default_factory=list)
    tabs: int = 0

    def row(self) -> tuple[object, ...]:
        """As the table has it."""
        is_there = self.tabs > 0
        last = (None, None) if is_there else self.went[-1]
        stayed = zip(self.came, self.went, strict=False)
        present = sum(went - came for came, (went, _) in stayed)
        return (self.role, self.came[0], *last, len(self.came), self.tabs, present, self.came[-1])


@dataclass
class Meeting:
    """A session."""

    opened: int
    last: int
    people: dict[User, Presence] = field(default_factory=dict)
    peak: int = 0
    empty: int | None = None
    closed: int | None = None

    def members(self) -> int:
        """How many are there."""
        return sum(person.tabs > 0 for person in self.people.values())


class Room:
    """All that happened in one room, told in order."""

    def __init__(self, name: str, idle_ms: int) -> None:
        self.name = name
        self.meetings: list[Meeting] = []
        self.trail: list[tuple[object, ...]] = []
        self._idle_ms = idle_ms
        self._live: Meeting | None = None

    def hear(self, happened: Happened) -> None:
        """Something happened."""
        self.pass_time(happened.at)
        match happened.what:
            case "in":
                self._come(happened)
            case "out":
                self._go(happened)
            case "role":
                self._set_role(happened)
            case "gap":
                if self._live is not None:
                    self._say(happened.at, "gap")
            case "removed?":
                self._say(happened.at, "removed", self._find(happened))
            case what:
                self._say(happened.at, what, happened.user, happened.detail)

    def pass_time(self, now: int) -> None:
        """Close what has been empty for long."""
        live = self._live
        if live is not None and live.empty is not None and now - live.empty > self._idle_ms:
            self._say(live.empty, "closed")
            live.closed, self._live = live.empty, None

    def _say(self, at: int, what: str, user: User | None = None, detail: str | None = None) -> None:
        session = self._live.opened if self._live else None
        self.trail.append((self.name, session or 0, at, what, user or (), detail or ""))

    def _come(self, happened: Happened) -> None:
        assert happened.user is not None
        assert happened.detail is not None
        at = happened.at
        if self._live is None:
            self._live = Meeting(at, at)
            self.meetings.append(self._live)
            self._say(at, "opened")
        person = self._live.people.setdefault(happened.user, Presence(happened.detail))
        person.tabs += 1
        if person.tabs > 1:
            self._set_role(happened)
            return
        person.role = happened.detail
        person.came.append(at)
        self._live.last, self._live.empty = at, None
        self._live.peak = max(self._live.peak, self._live.members())
        self._say(at, "joined", happened.user, happened.detail)

    def _go(self, happened: Happened) -> None:
        assert self._live is not None
        assert happened.user is not None
        assert happened.detail is not None
        person = self._live.people[happened.user]
        person.tabs -= 1
        if person.tabs == 0:
            person.went.append((happened.at, happened.detail))
            self._live.last = happened.at
            self._say(happened.at, "left", happened.user, happened.detail)
            self._live.empty = None if self._live.members() else happened.at

    def _set_role(self, happened: Happened) -> None:
        assert self._live is not None
        assert happened.user is not None
        assert happened.detail is not None
        person = self._live.people[happened.user]
        if person.role != happened.detail:
            person.role = happened.detail
            self._say(happened.at, "role", happened.user, happened.detail)

    def _find(self, happened: Happened) -> User | None:
        """Who in the session may have this id: a user, or a guest called `id@…`."""
        assert happened.user is not None
        people = self._live.people if self._live else {}
        guests = sorted(user for user in people if user[1].startswith(f"{happened.user[1]}@"))
        found = [happened.user] if happened.user in people else guests
        return found[0] if found else None


def sessions_of(happened: list[Happened], viewings: list[Viewing], idle_ms: int, now: int) -> Rows:
    """The tables that tell of rooms."""
    rooms: dict[str, Room] = {}
    for what in happened:
        rooms.setdefault(what.room, Room(what.room, idle_ms)).hear(what)
    for room in rooms.values():
        room.pass_time(now)
    return {
        "sessions": {
            (room.name, meeting.opened): _row(meeting, room.name, viewings)
            for room in rooms.values()
            for meeting in room.meetings
        },
        "participants": {
            (room.name, meeting.opened, user): person.row()
            for room in rooms.values()
            for meeting in room.meetings
            for user, person in meeting.people.items()
        },
        "activity": {room.name: room.trail for room in rooms.values() if room.trail},
    }


def _row(meeting: Meeting, room: str, viewings: list[Viewing]) -> tuple[object, ...]:
    end = meeting.closed
    began = [
        view.began
        for view in viewings
        if view.version[0] == room
        and meeting.opened <= view.began
        and (end is None or view.began <= end)
    ]
    return (
        max([meeting.last, *began]),
        meeting.empty,
        meeting.closed,
        len(meeting.people),
        sum(len(person.came) for person in meeting.people.values()),
        meeting.members(),
        meeting.peak,
        len(began),
    )
