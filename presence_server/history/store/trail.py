"""Lines of the trail that no fact leads to."""

from sqlalchemy import Connection, func, select

from presence_server.history.store.schema import activity, sessions


def add_line(
    connection: Connection, room_id: int, at: int, what: str, detail: str | None = None
) -> None:
    """Write a line about nobody; it belongs to the open session of the room, if there is one."""
    last = connection.scalar(select(func.max(activity.c.id)))
    session_id = connection.scalar(
        select(func.max(sessions.c.id)).where(
            sessions.c.room_id == room_id, sessions.c.closed_at.is_(None)
        )
    )
    connection.execute(
        activity.insert().values(
            id=(last or 0) + 1,
            at=at,
            room_id=room_id,
            session_id=session_id,
            user_id=None,
            what=what,
            detail=detail,
        )
    )
