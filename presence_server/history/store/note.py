"""What people did with history itself."""

from sqlalchemy import Engine, select

from presence_server.history.store.schema import rooms
from presence_server.history.store.trail import add_line


def exported(engine: Engine, room: str, what: str, now: int) -> None:
    """Note in the trail that somebody exported `what`; of an unknown room there is no trail."""
    with engine.begin() as connection:
        room_id = connection.scalar(select(rooms.c.id).where(rooms.c.ref == room))
        if room_id is not None:
            add_line(connection, room_id, now, "exported", what)
