"""The admin listener with the page, and a history that says what a test tells it."""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from presence_server.admin.app import create_app
from presence_server.admin.ports import Ports
from presence_server.admin.server import answering
from presence_server.core.errors import TokenRefused
from tests.support.peer import HOST

KEY: Final = "the admin key · ключ"
ROOM: Final = "presence-acme"

Asked = Mapping[str, str]
Told = BaseModel | Response
Say = Told | Callable[[Asked], Told]


def refusal(status: int, code: str, message: str = "no") -> Response:
    """An answer that is none."""
    return JSONResponse({"code": code, "message": message}, status)


class Site:
    """What is asked is answered by `says`; `asked` tells what was."""

    def __init__(self) -> None:
        self.says: dict[str, Say] = {}
        self.asked: list[tuple[str, Asked]] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.port}/history"

    async def answer(self, _method: str, path: str, query: str) -> Response:
        """What a test has told to say."""
        question, asked = path.removeprefix("/v1/history/"), dict(parse_qsl(query))
        self.asked.append((question, asked))
        told = self.says.get(question, refusal(404, "not_found"))
        said = told(asked) if callable(told) and not isinstance(told, Response) else told
        if isinstance(said, BaseModel):
            return Response(said.model_dump_json(by_alias=True), media_type="application/json")
        return said


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    """A site, in this loop."""
    site = Site()
    with socket.create_server((HOST, 0)) as listening:
        site.port = listening.getsockname()[1]
        async with answering(create_app(_ports(site), lambda: KEY), listening):
            yield site


def _ports(site: Site) -> Ports:
    async def verify(_token: str) -> Any:
        raise TokenRefused("token_invalid")

    nothing = cast("Any", None)
    return Ports(
        rooms=nothing,
        verify=verify,
        refuses=lambda *_: False,
        registry=CollectorRegistry(),
        count_removal=nothing,
        not_ready=lambda: None,
        history=site.answer,
    )
