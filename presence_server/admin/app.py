"""The admin listener's pages, as a Starlette application."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from presence_server.admin.access import Access, AdminKey
from presence_server.admin.answers import Denied, denied, failure, http_error
from presence_server.admin.history import History
from presence_server.admin.moderation import Moderation
from presence_server.admin.pages import pages
from presence_server.admin.parameters import RawPaths
from presence_server.admin.ports import Ports
from presence_server.admin.probes import Probes
from presence_server.admin.queries import Queries

Page = Callable[[Request], Awaitable[Response]]


def create_app(ports: Ports, admin_key: AdminKey) -> Starlette:
    """The application that answers operators; `admin_key` is asked with each query."""
    access = Access(admin_key, ports.verify, ports.refuses)
    probes = Probes(ports.registry, ports.not_ready)
    queries = Queries(ports.rooms, access)
    moderation = Moderation(ports, access)
    history = History(ports.history, access)
    app = Starlette(
        routes=[
            Route("/metrics", probes.metrics),
            Route("/healthz", probes.healthz),
            Route("/readyz", probes.readyz),
            Route("/v1/rooms", queries.list_rooms),
            _route("/v1/rooms/{room}", queries.show_room, moderation.end_room),
            _route("/v1/rooms/{room}/users/{user}", None, moderation.remove_user),
            _route("/v1/users/{user}", queries.show_user, moderation.remove_everywhere),
            Route("/v1/history/{question:path}", history),
            *(pages() if ports.history else ()),
        ],
        middleware=[Middleware(RawPaths)],
        exception_handlers={Denied: denied, HTTPException: http_error, Exception: failure},
    )
    app.router.redirect_slashes = False  # a redirect would be no JSON, and no page moved
    return app


def _route(path: str, get: Page | None, delete: Page) -> Route:
    """One route for both methods, so that a 405 names them both."""

    async def page(request: Request) -> Response:
        if request.method == "DELETE" or get is None:
            return await delete(request)
        return await get(request)

    return Route(path, page, methods=["DELETE"] if get is None else ["GET", "DELETE"])
