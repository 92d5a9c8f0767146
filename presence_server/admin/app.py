"""The admin listener's pages, as a Starlette application."""

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from presence_server.admin.access import Access, Denied
from presence_server.admin.ports import Ports


def create_app(ports: Ports, admin_key: str | None) -> Starlette:
    """The application that answers operators."""
    admin = _Admin(ports, Access(admin_key, ports.verify))
    return Starlette(
        routes=[
            Route("/metrics", admin.metrics),
            Route("/healthz", admin.healthz),
            Route("/readyz", admin.readyz),
            Route("/v1/rooms", admin.list_rooms),
            Route("/v1/rooms/{room}", admin.show_room),
        ],
        exception_handlers={Denied: _denied, HTTPException: _http_error},
    )


class _Admin:
    def __init__(self, ports: Ports, access: Access) -> None:
        self._ports = ports
        self._access = access

    async def metrics(self, _request: Request) -> Response:
        return Response(self._ports.metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        if self._ports.is_ready():
            return PlainTextResponse("ready\n")
        return PlainTextResponse("draining\n", status_code=503)

    async def list_rooms(self, request: Request) -> Response:
        covers = self._access.check(request.headers.get("Authorization"))
        rooms = [
            {"room": room.room_id, "members": room.members, "connections": room.connections}
            for room in self._ports.rooms.list()
            if covers(room.room_id)
        ]
        return _json({"rooms": rooms})

    async def show_room(self, request: Request) -> Response:
        covers = self._access.check(request.headers.get("Authorization"))
        room_id = request.path_params["room"]
        if not covers(room_id):
            raise Denied(403, "forbidden", "the token is for other rooms")
        entries = self._ports.rooms.entries(room_id)
        if entries is None:
            raise HTTPException(404, "nobody is in that room")
        return _json({"room": room_id, "users": orjson.Fragment(entries)})


def _json(content: object) -> Response:
    return Response(
        orjson.dumps(content),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _denied(_request: Request, denied: Exception) -> Response:
    assert isinstance(denied, Denied)  # noqa: S101 - Starlette's signature is wider
    headers = {"WWW-Authenticate": "Bearer"} if denied.status == 401 else None
    body = {"code": denied.code, "message": denied.message}
    return JSONResponse(body, status_code=denied.status, headers=headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    body = {"code": code, "message": error.detail}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)
