"""Tokens that are renewed while the connection lasts, on a scripted peer."""

import asyncio
import logging
from typing import Any

import pytest

from tests.clients.python_peer import (
    Call,
    Clock,
    Json,
    admits,
    client,
    closes,
    hears,
    joined,
    numbered,
    peer,
    stays,
    until,
)

REFRESH: Json = {"type": "token_refresh_required", "expiresIn": 1000}


async def test_a_token_never_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[Json] = []
    done = asyncio.Event()

    async def asks_for_a_token(call: Call) -> None:
        await call.send(REFRESH)
        await hears(heard, 1, done)(call)

    async with (
        peer(closes(4401, "token_expired"), admits(then=asks_for_a_token)) as server,
        client(server, token=lambda: "s3cret"),
    ):
        await done.wait()
    assert server.tokens() == ["s3cret", "s3cret"]
    assert "dialling again" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_new_token_goes_in_band_when_the_server_asks() -> None:
    heard: list[Json] = []
    done = asyncio.Event()

    async def asks(call: Call) -> None:
        await call.send(REFRESH)
        await hears(heard, 1, done)(call)

    async with peer(admits(then=asks)) as server, client(server, token=numbered()):
        await done.wait()
        assert len(server.calls) == 1
    assert heard == [{"type": "token_refresh", "token": "t2"}]


async def test_a_refresh_whose_token_is_not_to_be_had_is_tried_again_while_the_connection_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="presence_client")
    clock = Clock()
    answers = iter(["first", OSError("down"), OSError("down"), "second"])
    heard: list[Json] = []
    done = asyncio.Event()

    def token() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    async def asks(call: Call) -> None:
        await call.send(REFRESH, joined(1, "ann"))
        await hears(heard, 1, done)(call)

    async with peer(admits(then=asks)) as server, client(server, clock, token=token) as me:
        await done.wait()
        assert "ann" in me.members
        assert len(server.calls) == 1
    assert heard == [{"type": "token_refresh", "token": "second"}]
    assert clock.sleeps == [1, 1.5]
    assert "trying again in 1.0 s" in caplog.text


async def test_a_refresh_that_never_came_to_be_ends_with_its_connection() -> None:
    clock = Clock(holding=True)
    before = asyncio.all_tasks()
    answers = iter(["first", OSError("down"), "second"])

    def token() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def asks(call: Call) -> None:
        await call.send(REFRESH)
        await until(lambda: bool(clock.sleeps))
        await call.ws.close(4401, "token_expired")

    async with (
        peer(admits(then=asks), admits()) as server,
        client(server, clock, token=token) as me,
    ):
        await until(lambda: len(server.calls) == 2 and me.status == "online")
        assert server.tokens() == ["first", "second"]
    assert asyncio.all_tasks() == before


async def test_a_token_of_somebody_else_means_to_dial_anew_as_that_one() -> None:
    clock = Clock()
    mismatch = {"type": "error", "code": "token_mismatch", "message": "?", "of": "token_refresh"}

    async def does_not_take_it(call: Call) -> None:
        await call.send(REFRESH)
        await call.receive()
        await call.send(mismatch)
        await stays(call)

    scripts = (admits(then=does_not_take_it), admits(userId="somebody else"))
    async with peer(*scripts) as server, client(server, clock, token=numbered()) as me:
        await until(lambda: me.user_id == "somebody else")
        assert server.tokens() == ["t1", "t3"]
        assert server.calls[0].closed_with == 1000


@pytest.mark.parametrize("code", ["token_expired", "token_invalid", "rate_limited"])
async def test_a_new_token_that_is_refused_leaves_the_old_one_to_run_on(code: str) -> None:
    heard: list[Json] = []
    done = asyncio.Event()

    async def does_not_take_it(call: Call) -> None:
        await call.send(REFRESH)
        await call.receive()
        await call.send({"type": "error", "code": code, "message": "?"}, joined(1, "ann"))
        await hears(heard, 1, done)(call)

    async with (
        peer(admits(then=does_not_take_it)) as server,
        client(server, token=numbered()) as me,
    ):
        await until(lambda: "ann" in me.members)
        await me.update("/a")
        await done.wait()
        assert len(server.calls) == 1


async def test_a_slow_token_callable_does_not_hold_up_the_reading() -> None:
    calls = 0

    async def token() -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            await asyncio.Event().wait()
        return "t"

    async def asks(call: Call) -> None:
        await call.send(REFRESH, joined(1, "ann"))
        await stays(call)

    async with peer(admits(then=asks)) as server, client(server, token=token) as me:
        await until(lambda: "ann" in me.members and calls == 2)
