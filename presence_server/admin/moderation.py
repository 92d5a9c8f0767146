"""Removing users and ending rooms. Each counts also where nobody is: later is refused who comes
with a token from before it.
"""

from starlette.requests import Request
from starlette.responses import Response

from presence_server.admin.access import Access, Grant
from presence_server.admin.answers import answer
from presence_server.admin.parameters import room_of, user_of
from presence_server.admin.ports import Ports
from presence_server.core.permissions import Permission


class Moderation:
    """The pages that do something."""

    def __init__(self, ports: Ports, access: Access) -> None:
        self._rooms = ports.rooms
        self._count = ports.count_removal
        self._access = access

    async def remove_user(self, request: Request) -> Response:
        """Remove a user from a room."""
        grant = await self._grant(request, Permission.REMOVE)
        room_id, user_id = room_of(request), user_of(request)
        grant.require(room_id)
        connections = self._rooms.remove_user(room_id, user_id)
        self._count("user")
        return answer({"room": room_id, "user": user_id, "connections": connections})

    async def remove_everywhere(self, request: Request) -> Response:
        """Remove a user from every room."""
        grant = await self._grant(request, Permission.REMOVE)
        grant.require_everything()
        user_id = user_of(request)
        connections = self._rooms.remove_everywhere(user_id)
        self._count("everywhere")
        return answer({"user": user_id, "connections": connections})

    async def end_room(self, request: Request) -> Response:
        """Remove everybody from a room."""
        grant = await self._grant(request, Permission.END)
        room_id = room_of(request)
        grant.require(room_id)
        connections = self._rooms.end(room_id)
        self._count("room")
        return answer({"room": room_id, "connections": connections})

    async def _grant(self, request: Request, permission: Permission) -> Grant:
        return await self._access.check(request.headers.get("Authorization"), permission)
