"""Who is online."""

from collections.abc import Sequence

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from presence_server.admin.access import Access, Grant
from presence_server.admin.answers import answer
from presence_server.admin.parameters import limit_of, room_of, rooms_of, user_of
from presence_server.admin.ports import Occupancy, Rooms, Whereabouts
from presence_server.core.permissions import Permission


class Queries:
    """The pages that only look."""

    def __init__(self, rooms: Rooms, access: Access) -> None:
        self._rooms = rooms
        self._access = access

    async def list_rooms(self, request: Request) -> Response:
        """How many are in each room, in those that are asked for, or in the largest."""
        grant = await self._grant(request)
        room_ids = rooms_of(request)
        if room_ids is None:
            found = self._all_rooms(grant, limit_of(request))
        else:
            for room_id in room_ids:
                grant.require(room_id)
            found = self._rooms.count(room_ids)
        return answer({"rooms": [*map(_occupancy, found)]})

    def _all_rooms(self, grant: Grant, limit: int | None) -> Sequence[Occupancy]:
        if limit is not None:
            return self._rooms.largest(limit, grant.covers)
        return [room for room in self._rooms.list() if grant.covers(room.room_id)]

    async def show_room(self, request: Request) -> Response:
        """Who is in a room."""
        grant = await self._grant(request)
        room_id = room_of(request)
        grant.require(room_id)
        entries = self._rooms.entries(room_id)
        if entries is None:
            raise HTTPException(404, "nobody is in that room")
        return answer({"room": room_id, "users": orjson.Fragment(entries)})

    async def show_user(self, request: Request) -> Response:
        """In which rooms a user is. One who is nowhere is no error: look again later."""
        grant = await self._grant(request)
        user_id = user_of(request)
        found = [place for place in self._rooms.find(user_id) if grant.covers(place.room_id)]
        return answer({"user": user_id, "rooms": [*map(_whereabouts, found)]})

    async def _grant(self, request: Request) -> Grant:
        return await self._access.check(request.headers.get("Authorization"), Permission.QUERY)


def _occupancy(room: Occupancy) -> dict[str, object]:
    return {"room": room.room_id, "members": room.members, "connections": room.connections}


def _whereabouts(place: Whereabouts) -> dict[str, object]:
    entry = None if place.entry is None else orjson.Fragment(place.entry)
    return {"room": place.room_id, "connections": place.connections, "entry": entry}
