"""Questions that are passed on over real Unix sockets, and answers that come back, or don't."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from presence_server.admin.app import create_app
from presence_server.history.asking import Asker, Unanswered
from presence_server.history.front import MAX_QUESTIONS, Front, Result
from presence_server.history.stream import Stopped, Stream
from tests.admin.test_access import ports
from tests.history.recorded import Served
from tests.support.server import eventually

KEY: Final = "the admin key"
PIECE: Final = b"x" * 65_536
START: Final = {"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]}


class Recorder:
    """Answers by what is asked: /v1/history/<how>."""

    def __init__(self) -> None:
        self.sent = 0
        self.over = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self.sent = 0
        self.over.clear()
        how = scope["path"].removeprefix("/v1/history/").replace("/", "_")
        try:
            await getattr(self, how)(scope, receive, send)
        finally:
            self.over.set()

    async def echo(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """What it was asked."""
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        said = {"query": scope["query_string"].decode(), "headers": headers}
        await send(START)
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    async def endless(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """More and more, until nobody listens."""
        gone = asyncio.create_task(self._gone(receive))
        await send(START)
        while not gone.done():
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            self.sent += 1
            await asyncio.sleep(0)

    async def cut(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """A part, and nothing else."""
        await send(START)
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})

    async def short(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """So little that its length is said."""
        await send({**START, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"short"})

    async def too_short(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Less than was said."""
        await send({**START, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"short", "more_body": True})

    async def silent(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        """Nothing."""
        await self._gone(receive)

    async def stalled(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """A part, and then silence."""
        await send(START)
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})
        await self._gone(receive)

    async def refused(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """A status, with what is said about it."""
        status, code = scope["query_string"].decode().split("code=")[1].split("_", 1)
        headers = [(b"retry-after", b"7"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        body = json.dumps({"code": code, "message": "no"}).encode()
        await send({"type": "http.response.body", "body": body})

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


class Chain:
    """A recorder, the admin listener before it, and one who asks."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.recorder = Recorder()
        self.results: list[Result] = []
        self.behind = Served(self.recorder, f"{folder}/recorder")
        front = Front(f"{folder}/recorder", self.results.append, lambda: 17, silence_s=0.8)
        unused: Any = None
        handed = ports(unused)._replace(history=front.ask)
        app = create_app(handed, lambda: KEY)
        stack.enter_context(self.behind)
        stack.enter_context(Served(app, f"{folder}/admin"))
        transport = httpx.HTTPTransport(uds=f"{folder}/admin")
        headers = {"Authorization": f"Bearer {KEY}", "Cookie": "a=b", "Presence-Noted": "1"}
        client = httpx.Client(
            transport=transport, base_url="http://admin/v1/history", headers=headers, timeout=5
        )
        self.client = stack.enter_context(client)

    def ask(self, how: str, **query: str) -> httpx.Response:
        """Ask about a room."""
        self.results.clear()
        return self.client.get(f"/{how}", params={"room": "presence-acme", **query})


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with ExitStack() as stack:
        yield Chain(tmp_path_factory.mktemp("front"), stack)


def test_a_question_is_passed_on_without_its_credential(chain: Chain) -> None:
    answer = chain.ask("echo", user="Ä&=", version="")
    said = answer.json()
    assert said["query"] == "room=presence-acme&user=%C3%84%26%3D&version="
    assert not {"authorization", "cookie"} & set(said["headers"])
    assert KEY not in answer.text
    assert "x-own" not in answer.headers
    eventually(lambda: chain.results == ["ok"])


def test_the_number_of_the_last_batch_goes_with_an_erasure_and_is_never_the_askers(
    chain: Chain,
) -> None:
    assert "presence-noted" not in chain.ask("echo").json()["headers"]
    said = chain.client.delete("/echo", params={"room": "presence-acme"}).json()
    assert said["headers"]["presence-noted"] == "17"


def test_an_answer_is_not_gathered_here(chain: Chain) -> None:
    chain.results.clear()
    with chain.client.stream("GET", "/endless?room=presence-acme") as answer:
        pieces = answer.iter_raw()
        assert next(pieces)
        eventually(lambda: stands_still(chain))
        assert chain.recorder.sent * len(PIECE) < 4_000_000
        before = chain.recorder.sent
        for _ in range(2_000):
            next(pieces)
        assert chain.recorder.sent > before
        assert not chain.recorder.over.is_set()
    assert chain.recorder.over.wait(5), "nobody told the recorder that it can stop"
    eventually(lambda: chain.results == ["ok"])


def test_a_short_answer_comes_back_whole(chain: Chain) -> None:
    answer = chain.ask("short")
    assert (answer.status_code, answer.content) == (200, b"short")
    assert chain.results == ["ok"]


def stands_still(chain: Chain) -> bool:
    """Whether nothing more is sent."""
    before = chain.recorder.sent
    time.sleep(0.1)
    return chain.recorder.sent == before


@pytest.mark.parametrize("how", ["cut", "stalled"])
def test_an_answer_that_breaks_off_looks_like_it(chain: Chain, how: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        chain.ask(how)
    eventually(lambda: chain.results == ["failed"])


@pytest.mark.parametrize("how", ["silent", "too/short"])
def test_a_recorder_that_says_nothing_is_not_waited_for(chain: Chain, how: str) -> None:
    answer = chain.ask(how)
    assert unavailable(answer)
    assert chain.results == ["unavailable"]


def unavailable(answer: httpx.Response) -> bool:
    """Whether that is said as it should be."""
    assert answer.headers["retry-after"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["message"]
    return (answer.status_code, answer.json()["code"]) == (503, "history_unavailable")


@pytest.mark.parametrize(
    ("status", "code", "result"),
    [
        (400, "bad_limit", "refused"),
        (404, "not_found", "refused"),
        (503, "query_timeout", "timeout"),
        (503, "busy", "unavailable"),
        (500, "error", "failed"),
    ],
)
def test_a_refusal_comes_back_as_it_is(chain: Chain, status: int, code: str, result: str) -> None:
    answer = chain.ask("refused", code=f"{status}_{code}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["retry-after"] == "7"
    assert chain.results == [result]


async def test_without_a_recorder_it_is_said_at_once(tmp_path: Path) -> None:
    results: list[Result] = []
    front = Front(f"{tmp_path}/nobody", results.append, lambda: 17)
    answer = await front.ask("GET", "/v1/history/top", "room=presence-acme")
    await front.close()
    said = httpx.Response(
        answer.status_code, headers=answer.raw_headers, content=bytes(answer.body)
    )
    assert unavailable(said)
    assert results == ["unavailable"]


@pytest.mark.parametrize("listens", [False, True])
async def test_who_gets_no_answer_keeps_nobody_from_asking(tmp_path: Path, listens: bool) -> None:
    asker = Asker(f"{tmp_path}/recorder", most=1, silence_s=0.05)
    with socket.socket(socket.AF_UNIX) as listening:
        if listens:
            listening.bind(f"{tmp_path}/recorder")
            listening.listen()
        for _ in range(2):
            with pytest.raises(Unanswered, match="silence" if listens else "nobody listens"):
                await asyncio.wait_for(asker.ask("GET", "/"), 1)


async def test_an_asker_who_takes_nothing_is_cut_off() -> None:
    ends: list[Exception | None] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a piece"

    async def end(failure: Exception | None) -> None:
        ends.append(failure)

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) > 1:
            await never()

    await Stream(pieces(), {}, (), end, stall_s=0.01)({"type": "http"}, never, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert isinstance(ends[0], TimeoutError)


async def test_a_server_that_stops_in_the_middle_cuts_the_answer_and_has_no_fault() -> None:
    ends: list[Exception | None] = []
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a piece"

    async def end(failure: Exception | None) -> None:
        ends.append(failure)

    async def never(*_: object) -> Any:
        begun.set()
        await asyncio.Event().wait()

    answer = Stream(pieces(), {}, (), end, stall_s=60)
    sending = asyncio.create_task(answer({"type": "http"}, never, never))
    await begun.wait()
    sending.cancel()
    await sending
    assert isinstance(ends[0], Stopped)


async def test_who_takes_a_piece_now_and_then_gets_all_of_them() -> None:
    sent: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"a piece"

    async def end(failure: Exception | None) -> None:
        sent.append(str(failure))

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        await asyncio.sleep(0.05)
        sent.append(message["type"])

    await Stream(pieces(), {}, (), end, stall_s=0.4)({"type": "http"}, never, send)
    assert sent == ["http.response.start", *["http.response.body"] * 13, "None"]


async def test_of_many_questions_at_once_those_that_are_too_many_are_refused_and_none_waits(
    tmp_path: Path,
) -> None:
    results: list[Result] = []
    front = Front(f"{tmp_path}/recorder", results.append, lambda: 17, silence_s=0.2)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/recorder")
        listening.listen(MAX_QUESTIONS)
        asked = [
            asyncio.create_task(front.ask("GET", "/v1/history/top", "room=presence-acme"))
            for _ in range(MAX_QUESTIONS + 10)
        ]
        over, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        codes = [json.loads(bytes((await task).body))["code"] for task in over]
        assert codes == ["busy"] * 10
        assert len(waiting) == MAX_QUESTIONS
        later = [await task for task in waiting]
    assert {json.loads(bytes(answer.body))["code"] for answer in later} == {"history_unavailable"}
    assert (await front.ask("GET", "/v1/history/top", "room=presence-acme")).status_code == 503
