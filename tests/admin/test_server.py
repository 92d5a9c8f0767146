"""The server of the admin listener, with an asker who takes nothing."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from presence_server.admin import server
from tests.support.peer import HOST

SOON_S = 10.0


class Much:
    """Says more than fits on the way, and waits until the asker is gone."""

    def __init__(self) -> None:
        self.asker_is_gone = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = {"type": "http.response.body", "body": b"x" * 16_000_000, "more_body": True}
        sending = asyncio.ensure_future(send(body))
        assert (await receive())["type"] == "http.disconnect"
        self.asker_is_gone.set()
        await sending


async def test_who_takes_nothing_keeps_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STUCK_MS", 300)
    much = Much()
    app = Starlette(routes=[Route("/", much)])
    with socket.create_server((HOST, 0)) as listening, socket.socket() as asker:
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with server.answering(app, listening):
            asker.connect(listening.getsockname())
            asker.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(much.asker_is_gone.wait(), SOON_S)


class Half:
    """Breaks off in the middle of an answer."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def test_an_answer_that_is_cut_off_is_no_error_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Starlette(routes=[Route("/", Half())])
    with socket.create_server((HOST, 0)) as listening:
        async with server.answering(app, listening):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"half" in await asyncio.wait_for(reader.read(), SOON_S)
            writer.close()
    assert caplog.records == []
