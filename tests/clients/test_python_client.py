"""The client against a scripted peer: when it dials, with which token, how it ends."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from presence_client import Change, Ended, Refused, Reset
from websockets.asyncio.server import ServerConnection, serve

from tests.clients.python_peer import (
    SOON_S,
    WELCOME,
    Call,
    Clock,
    Peer,
    admits,
    client,
    closes,
    drops,
    joined,
    numbered,
    peer,
    snapshot,
    stays,
    until,
)

# Dialling again


@pytest.mark.parametrize("code", [1000, 1001, 4408, 4429, 4999])
async def test_what_passes_is_tried_again(code: int) -> None:
    clock = Clock()
    async with peer(closes(code), closes(code), admits()) as server, client(server, clock) as me:
        await me.ready()
        assert me.status == "online"
    assert clock.sleeps == [1, 1.5]


async def test_a_connection_lost_without_a_close_is_tried_again_and_a_welcome_resets_the_wait() -> (
    None
):
    clock = Clock()
    scripts = (admits(then=drops), drops, drops, admits(then=drops), admits())
    async with peer(*scripts) as server, client(server, clock) as me:
        await until(lambda: len(server.calls) == 5 and me.status == "online")
    assert clock.sleeps == [1, 1.5, 2.25, 1]


async def test_opening_without_a_welcome_does_not_reset_the_wait() -> None:
    clock = Clock()
    async with (
        peer(closes(1012), closes(1012), closes(1012), admits()) as server,
        client(server, clock) as me,
    ):
        await me.ready()
    assert clock.sleeps == [3, 1.5, 2.25]


async def test_a_refused_connection_is_tried_again() -> None:
    clock = Clock(holding=True)
    async with peer() as server:
        port = urlsplit(server.url).port
    async with client(server, clock) as me, asyncio.timeout(SOON_S):
        await until(lambda: bool(clock.sleeps))
        assert me.status == "connecting"

        async def welcomes(ws: ServerConnection) -> None:
            await ws.send(json.dumps(WELCOME))
            await ws.send(json.dumps(snapshot(0)))
            await ws.wait_closed()

        async with serve(welcomes, "127.0.0.1", port):
            clock.release()
            await me.ready()


async def test_something_that_is_no_websocket_is_tried_again() -> None:
    clock = Clock(holding=True)

    async def answers_otherwise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answers_otherwise, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(Peer(f"ws://127.0.0.1:{port}", []), clock), asyncio.timeout(SOON_S):
            await until(lambda: clock.sleeps == [1])
            clock.release()
            await until(lambda: clock.sleeps == [1, 1.5])


@pytest.mark.parametrize("code", [1009, 4400, 4403, 4404, 4409, 4410])
async def test_what_does_not_pass_is_a_refusal(code: int) -> None:
    clock = Clock()
    async with peer(closes(code, "why"), admits()) as server, client(server, clock) as me:
        with pytest.raises(Refused) as refused:
            await me.ready()
        assert (refused.value.code, refused.value.reason) == (code, "why")
        assert me.status == "refused"
        assert me.refusal == (code, "why")
        assert [change async for change in me.changes()] == []
        await me.update("/a")
    assert len(server.calls) == 1
    assert clock.sleeps == []


async def test_a_refusal_after_a_while_ends_the_changes() -> None:
    async with peer(admits(then=closes(4410, "ended"))) as server, client(server) as me:
        seen: list[Change] = [change async for change in me.changes()]
        assert seen == [Reset({})]
        assert me.status == "refused"
        with pytest.raises(Refused):
            await me.ready()


# Tokens


async def test_a_token_is_fetched_afresh_on_every_dial() -> None:
    async with (
        peer(admits(then=drops), closes(1012), admits()) as server,
        client(server, token=numbered()) as me,
    ):
        await until(lambda: len(server.calls) == 3 and me.status == "online")
    assert server.tokens() == ["t1", "t2", "t3"]


async def test_a_token_that_expired_while_asleep_is_replaced_at_once() -> None:
    clock = Clock()
    first = admits(then=closes(4401, "token_expired"))
    async with peer(first, admits()) as server, client(server, clock, token=numbered()) as me:
        await until(lambda: len(server.calls) == 2 and me.status == "online")
    assert server.tokens() == ["t1", "t2"]
    assert clock.sleeps == []


async def test_a_third_invalid_token_in_a_row_is_a_refusal() -> None:
    clock = Clock()
    invalid = closes(4401, "token_invalid")
    async with (
        peer(invalid, invalid, invalid, admits()) as server,
        client(server, clock, token=numbered()) as me,
    ):
        with pytest.raises(Refused, match="4401 token_invalid"):
            await me.ready()
    assert server.tokens() == ["t1", "t2", "t3"]
    assert clock.sleeps == [1]


@pytest.mark.parametrize("reason", ["token_expired", "token_invalid", "token_missing"])
async def test_a_jwt_that_is_refused_is_a_refusal_since_there_is_no_other(reason: str) -> None:
    clock = Clock()
    async with (
        peer(admits(then=closes(4401, reason)), admits()) as server,
        client(server, clock, token="the only one") as me,
    ):
        await until(lambda: me.status == "refused")
        assert me.refusal == (4401, reason)
    assert len(server.calls) == 1


async def test_an_async_callable_may_give_the_token() -> None:
    async def token() -> str:
        await asyncio.sleep(0)
        return "from afar"

    async with peer(admits()) as server, client(server, token=token) as me:
        await me.ready()
    assert server.tokens() == ["from afar"]


async def test_a_failing_token_callable_is_a_failed_dial() -> None:
    clock = Clock()
    answers = iter([OSError("down"), None, "\ud800", RuntimeError("down"), "good"])

    def token() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with peer(admits()) as server, client(server, clock, token=token) as me:
        await me.ready()
    assert server.tokens() == ["good"]
    assert clock.sleeps == [1, 1.5, 2.25, 3.375]


# The end


async def test_closing_sends_close_1000_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()

    async def asks(call: Call) -> None:
        # Something beside the reading is going on: a resync that is never answered.
        await call.send(joined(9, "ann"))
        await call.receive()
        await stays(call)

    clock = Clock(holding=True)
    async with peer(admits(then=asks)) as server, client(server, clock) as me:
        await until(lambda: clock.sleeps == [5])
        changes = me.changes()
        await me.aclose()
        assert me.status == "closed"
        assert [change async for change in changes] == []
        await until(lambda: server.calls[0].closed_with is not None)
        assert server.calls[0].closed_with == 1000
    assert asyncio.all_tasks() == before


async def test_it_can_be_closed_between_two_dials() -> None:
    before = asyncio.all_tasks()
    clock = Clock(holding=True)
    async with peer(closes(1012)) as server, client(server, clock) as me:
        await until(lambda: bool(clock.sleeps))
        waiting = asyncio.create_task(me.ready())
        await asyncio.sleep(0)
        await me.aclose()
        with pytest.raises(Ended):
            await waiting
        await me.aclose()
    assert len(server.calls) == 1
    assert asyncio.all_tasks() == before


async def test_it_can_be_closed_while_a_dial_hangs() -> None:
    before = asyncio.all_tasks()
    accepted = asyncio.Event()
    over = asyncio.Event()

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()
        over.set()

    async with await asyncio.start_server(says_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with client(Peer(f"ws://127.0.0.1:{port}", [])), asyncio.timeout(SOON_S):
            await accepted.wait()
        await over.wait()
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_client_is_entered_once() -> None:
    async with peer(admits()) as server, client(server) as me:
        with pytest.raises(RuntimeError):
            await me.__aenter__()
