"""Sessions: who was in a room, from the first join until it has been empty for long."""

from presence_server.history.fold.desk import Desk
from presence_server.history.fold.rows import Participant, Session


class Sessions:
    """The sessions on a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def join(self, room: int, user: int, role: str, at: int) -> None:
        """A tab of a user opened."""
        session = self._desk.live.get(room) or self._open(room, at)
        someone = self._desk.participants.get((session.id, user))
        if someone is None:
            session.users += 1
            someone = self._desk.participants[session.id, user] = Participant(
                session.id, user, role, at, None, None, 0, 0, 0, at
            )
        someone.tabs += 1
        if someone.tabs == 1:
            self._come(session, someone, role, at)
        else:
            self._set_role(room, someone, role, at)

    def leave(self, room: int, user: int, reason: str, at: int) -> Session | None:
        """A tab of a user ended. Returns the session if nobody is there any more."""
        session = self._desk.live[room]
        someone = self._desk.participants[session.id, user]
        someone.tabs -= 1
        if someone.tabs > 0:
            return None
        at = max(at, someone.since)
        someone.left_at, someone.left_because = at, reason
        someone.present_ms += at - someone.since
        session.last_at = max(session.last_at, at)
        session.members -= 1
        self._desk.say(at, room, "left", user, reason)
        if session.members > 0:
            return None
        session.empty_since = at
        return session

    def set_role(self, room: int, user: int, role: str, at: int) -> None:
        """A user who is there has a role that may be another."""
        session = self._desk.live[room]
        self._set_role(room, self._desk.participants[session.id, user], role, at)

    def close(self, session: Session) -> None:
        """A session's room has been empty for long."""
        closed_at = session.last_at if session.empty_since is None else session.empty_since
        self._desk.say(closed_at, session.room_id, "closed")
        session.closed_at = closed_at
        del self._desk.live[session.room_id]

    def _open(self, room: int, at: int) -> Session:
        session = Session(self._desk.numbers.next("sessions"), room, at, at)
        self._desk.sessions[session.id] = self._desk.live[room] = session
        self._desk.say(at, room, "opened")
        return session

    def _come(self, session: Session, someone: Participant, role: str, at: int) -> None:
        someone.role, someone.since = role, at
        someone.left_at = someone.left_because = None
        someone.joins += 1
        session.joins += 1
        session.members += 1
        session.peak = max(session.peak, session.members)
        session.last_at = max(session.last_at, at)
        session.empty_since = None
        self._desk.say(at, session.room_id, "joined", someone.user_id, role)

    def _set_role(self, room: int, someone: Participant, role: str, at: int) -> None:
        if someone.role != role:
            someone.role = role
            self._desk.say(at, room, "role", someone.user_id, role)
