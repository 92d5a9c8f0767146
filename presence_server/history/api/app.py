"""The questions as a FastAPI application, which the recorder serves on a Unix socket.

Whoever can reach it may ask anything: credentials are checked by those who pass questions on.
"""

from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from presence_server.history.api import document, errors
from presence_server.history.api.changes import Changes, Checks
from presence_server.history.api.exports import READING, Exports
from presence_server.history.api.questions import Questions
from presence_server.history.api.source import Clock, Source, Submit
from presence_server.history.api.strict import check_names
from presence_server.history.api.turns import Turns

QUESTIONS: Final = 4
"""Answered at once."""

WAITING: Final = 32
EXPORTS: Final = 4
"""That begin at once. Then each is in the hands of who takes it, and its turn is another's."""
OPEN_EXPORTS: Final = 16
WAITING_EXPORTS: Final = 8
"""Sent at once, and waiting: the server may ask 40 times at once, and the rest are questions'."""
CHANGES: Final = 2

CONNECTIONS: Final = QUESTIONS + EXPORTS + READING + CHANGES + 1
"""What the engine of the readers has to have for all of them at once."""


def create_api(readers: Engine, submit: Submit, clock: Clock) -> FastAPI:
    """The application: `readers` with so many `CONNECTIONS`, `submit` has the writer do something,
    `clock` is the wall clock.
    """
    app = FastAPI(
        openapi_url=document.PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    source = Source(readers, submit, clock)
    sent = Depends(Turns(OPEN_EXPORTS, WAITING_EXPORTS))
    begun = Depends(Turns(EXPORTS, WAITING), scope="function")
    for part, turns, more in (
        (Questions(source), [Depends(Turns(QUESTIONS, WAITING))], {}),
        (Exports(source), [sent, begun], document.EXPORTED),
        (Changes(source), [Depends(Turns(CHANGES, WAITING))], {}),
        (Checks(source), [Depends(Turns(1, 1))], {}),
    ):
        router = APIRouter(
            prefix="/v1/history",
            dependencies=[Depends(check_names), *turns],
            responses={**document.RESPONSES, **more},
        )
        part.add_to(router)
        app.include_router(router)
    errors.install(app)
    document.describe(app)
    app.add_middleware(NotKept)
    return app


class NotKept:
    """Says of every answer that nobody may keep it: it is out of date at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""

        async def say(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, say)


def _name(route: APIRoute) -> str:
    return route.name
